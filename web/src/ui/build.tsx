// Says when the server runs another build than this page was loaded from. Nothing reloads by itself.

import { useSyncExternalStore } from "react";
import { hooks } from "../api/http";

let first = "";
let stale = false;
const listeners = new Set<() => void>();

function told(): void {
  for (const one of listeners) one();
}

hooks.onBuild = (build) => {
  first ||= build;
  if (stale || build === first) return;
  stale = true;
  told();
};

/** A part of this page did not come: another build was installed if its own script is gone, too. Else nothing is. */
export async function askBuild(): Promise<void> {
  const script = document.querySelector<HTMLScriptElement>("script[type=module][src]");
  const reply = script && (await fetch(script.src, { method: "HEAD", cache: "no-store" }).catch(() => null));
  if (reply?.status !== 404) return;
  stale = true;
  told();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export function NewBuild() {
  const shown = useSyncExternalStore(subscribe, () => stale);
  if (!shown) return null;
  return (
    <p role="status" className="flex items-center justify-center gap-3 border-b border-line bg-blue-soft px-3 py-1">
      A new version of Ambient is there.
      <button type="button" className="btn btn-small" onClick={() => location.reload()}>
        Reload
      </button>
    </p>
  );
}
