// What goes with a prompt: files and folders, chosen, pasted or dropped, which the server keeps in every phase; and
// links, which the agent reads itself.

import { Link2, Paperclip, X } from "lucide-react";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { problemOf, remove, upload } from "../api/http";
import { Menu } from "../ui/menu";
import { bytes } from "../ui/time";
import { useSession } from "./context";

const LARGEST = 10 << 20;
export const LIMIT = "up to 10 MB each";

export interface Attachment {
  /** Below `file-uploads`, or an address. */
  name: string;
  size: number;
  state: "uploading" | "there" | "failed";
  /** Of what is uploading, from 0 to 1. */
  sent: number;
  error?: string;
  file: File | null;
  /** A small picture of it, for this page alone. */
  picture?: string;
}

export function useAttachments() {
  const { api, mayEdit } = useSession();
  const [files, setFiles] = useState<Attachment[]>([]);
  const pictures = useRef(new Set<string>());
  const change = (name: string, fields: Partial<Attachment>) =>
    setFiles((known) => known.map((one) => (one.name === name ? { ...one, ...fields } : one)));
  const where = (name: string) => `${api}/file-uploads/${name.split("/").map(encodeURIComponent).join("/")}`;
  const send = async (file: File, name: string) => {
    change(name, { state: "uploading", sent: 0 });
    try {
      if (file.size > LARGEST) throw new Error(`It has ${bytes(file.size)}; 10 MB are possible.`);
      await upload(where(name), file, (sent) => change(name, { sent }));
      change(name, { state: "there" });
    } catch (error) {
      change(name, { state: "failed", error: problemOf(error).message });
    }
  };
  const put = (one: Attachment) => setFiles((known) => [...known.filter((other) => other.name !== one.name), one]);
  const forget = (picture: string | undefined) => {
    if (!picture) return;
    URL.revokeObjectURL(picture);
    pictures.current.delete(picture);
  };
  useEffect(() => () => pictures.current.forEach(URL.revokeObjectURL), []);
  const add = (given: Iterable<File>) => {
    for (const file of given) {
      const name = file.name === "image.png" ? `pasted-${Date.now()}.png` : file.webkitRelativePath || file.name;
      const picture = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? URL.createObjectURL(file) : undefined;
      if (picture) pictures.current.add(picture);
      put({ name, size: file.size, state: "uploading", sent: 0, file, ...(picture && { picture }) });
      void send(file, name);
    }
  };
  const dropping = useDrop(mayEdit, add);
  const links = files.filter((one) => !one.file).map((one) => one.name);
  return {
    files,
    add,
    dropping,
    link: (address: string) => put({ name: address, size: 0, state: "there", sent: 1, file: null }),
    retry: (one: Attachment) => void (one.file && send(one.file, one.name)),
    drop: (one: Attachment) => {
      setFiles((known) => known.filter((other) => other.name !== one.name));
      forget(one.picture);
      if (one.file && one.state === "there") void remove(where(one.name)).catch(() => {});
    },
    clear: () => {
      for (const one of files) forget(one.picture);
      setFiles([]);
    },
    /** Every file is there. */
    ready: files.every((one) => one.state === "there"),
    /** Why nothing can be sent yet; empty: it can. */
    why: files.some((one) => one.state === "failed")
      ? "Retry or take away what is not attached."
      : files.some((one) => one.state === "uploading")
        ? "Can be sent once every file is there."
        : "",
    /** What the agent is told about them. */
    said: [
      attached(
        "Attached files",
        files.filter((one) => one.file).map((one) => `file-uploads/${one.name}`),
      ),
      attached("Attached links", links),
    ],
  };
}

const attached = (what: string, names: string[]) => (names.length ? `${what}: ${names.join(", ")}` : "");

export type Attachments = ReturnType<typeof useAttachments>;

/** Files may be dropped anywhere on the page. Returns whether some are held over it. */
function useDrop(may: boolean, add: (files: Iterable<File>) => void): boolean {
  const [over, setOver] = useState(false);
  const adding = useRef(add);
  adding.current = add;
  useEffect(() => {
    if (!may) return;
    let gone: ReturnType<typeof setTimeout> | undefined;
    const dragged = (event: DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
      clearTimeout(gone);
      gone = setTimeout(() => setOver(false), 300); // it is said again and again while they are here
    };
    const dropped = (event: DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(false);
      void filesOf(event.dataTransfer).then((files) => adding.current(files));
    };
    addEventListener("dragover", dragged);
    addEventListener("drop", dropped);
    return () => {
      clearTimeout(gone);
      removeEventListener("dragover", dragged);
      removeEventListener("drop", dropped);
    };
  }, [may]);
  return over;
}

/** The files of a drop, with those in its folders. */
async function filesOf(given: DataTransfer): Promise<File[]> {
  const entries = [...given.items].map((one) => one.webkitGetAsEntry());
  if (!entries.some((one) => one?.isDirectory)) return [...given.files];
  return (await Promise.all(entries.map((one) => (one ? inside(one, "") : [])))).flat();
}

async function inside(entry: FileSystemEntry, folder: string): Promise<File[]> {
  const path = `${folder}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [new File([file], path, { type: file.type })];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found; // it tells them a hundred at a time
    found.push(...(await Promise.all(some.map((one) => inside(one, `${path}/`)))).flat());
  }
}

/** The paper clip: files, a folder, or a link. */
export function AttachButton({ attachments, disabled }: { attachments: Attachments; disabled: boolean }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [linking, setLinking] = useState(false);
  const input = (ref: RefObject<HTMLInputElement | null>, label: string, more: object) => (
    <input
      ref={ref}
      type="file"
      multiple
      hidden
      aria-label={label}
      onChange={(event) => {
        attachments.add([...(event.target.files ?? [])]);
        event.target.value = "";
      }}
      {...more}
    />
  );
  return (
    <>
      {input(files, "Files to attach", {})}
      {input(folder, "Folder to attach", { webkitdirectory: "" })}
      <Menu
        label="Attach"
        trigger={
          <button
            type="button"
            className="btn btn-quiet btn-icon"
            aria-label="Attach files"
            title={`Attach files, ${LIMIT}; paste and drop work, too`}
            disabled={disabled}
          >
            <Paperclip size={15} aria-hidden />
          </button>
        }
        items={[
          { label: "Files…", note: LIMIT, onSelect: () => files.current?.click() },
          { label: "A folder…", note: LIMIT, onSelect: () => folder.current?.click() },
          { label: "A link…", note: "the agent reads it", onSelect: () => setLinking(true), takesFocus: true },
        ]}
      />
      {linking && <LinkField onLink={attachments.link} onClose={() => setLinking(false)} />}
    </>
  );
}

/** No form of its own: it stands in that of the prompt. */
function LinkField({ onLink, onClose }: { onLink: (address: string) => void; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(false);
  const attach = () => {
    const address = field.current?.value.trim() ?? "";
    if (!/^https?:\/\/\S+$/.test(address)) return setWrong(true);
    onLink(address);
    onClose();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    if (event.key !== "Enter") return;
    event.preventDefault();
    attach();
  };
  return (
    <span role="group" aria-label="Attach a link" className="flex flex-wrap items-center gap-1">
      <input
        ref={field}
        placeholder="https://…"
        aria-label="Address"
        aria-invalid={wrong}
        className="field w-56"
        // biome-ignore lint/a11y/noAutofocus: somebody just asked for it
        autoFocus
        onKeyDown={pressed}
      />
      <button type="button" className="btn btn-small" onClick={attach}>
        Attach
      </button>
      {wrong && <span className="text-red">An address begins with https://</span>}
    </span>
  );
}

export function AttachmentChips({ attachments }: { attachments: Attachments }) {
  if (attachments.dropping) {
    return (
      <p className="mb-1.5 rounded border border-dashed border-accent px-2 py-1 text-accent">
        Drop files or folders to attach them, {LIMIT}
      </p>
    );
  }
  if (!attachments.files.length) return null;
  return (
    <ul aria-label="Attachments" className="mb-1.5 flex max-h-[24vh] flex-wrap gap-2 overflow-y-auto">
      {attachments.files.map((one) => (
        <Chip key={one.name} one={one} attachments={attachments} />
      ))}
    </ul>
  );
}

function Chip({ one, attachments }: { one: Attachment; attachments: Attachments }) {
  return (
    <li
      className={`flex max-w-full items-center gap-1 rounded border px-2 text-xs ${one.state === "failed" ? "border-red" : "border-line"}`}
    >
      {one.picture && <img src={one.picture} alt="" className="my-1 size-8 rounded object-cover" />}
      {!one.file && <Link2 size={12} aria-hidden />}
      <span className="min-w-0 truncate">{one.name}</span>
      {one.file && one.state !== "uploading" && <span className="text-muted">{bytes(one.size)}</span>}
      {one.state === "uploading" && (
        <>
          <progress className="w-16" max={1} value={one.sent} aria-label={`Upload of ${one.name}`} />
          <span className="text-muted">{Math.round(one.sent * 100)} %</span>
        </>
      )}
      {one.state === "failed" && (
        <>
          <span className="text-red">{one.error}</span>
          <button type="button" className="btn btn-quiet btn-small" onClick={() => attachments.retry(one)}>
            Retry
          </button>
        </>
      )}
      <button
        type="button"
        className="btn btn-quiet btn-icon btn-small"
        aria-label={`Take ${one.name} away`}
        onClick={() => attachments.drop(one)}
      >
        <X size={12} aria-hidden />
      </button>
    </li>
  );
}
