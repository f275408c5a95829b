import { blobOf } from "../api/http";

/** Save what an address gives, with this tab's login. */
export async function download(path: string, name: string): Promise<void> {
  const address = URL.createObjectURL(await blobOf(path));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
