// A file that is edited: kept until it is saved or given up, and never written over what an agent wrote meanwhile.

import { useQueryClient } from "@tanstack/react-query";
import { Suspense, useEffect, useState } from "react";
import { Problem, request, textOf } from "../api/http";
import { fileApi } from "../api/paths";
import { confirmDone } from "../ui/announce";
import { NotLoaded, part } from "../ui/part";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";

const CodeArea = part(async () => (await import("./code-area")).CodeArea, NotLoaded);

interface Unsaved {
  /** What the file was. */
  base: string;
  text: string;
}

/** By address: what was typed and not saved, over tabs and files that are looked at meanwhile. */
const unsaved = new Map<string, Unsaved>();

/** What a file was when it was changed here and not saved; null: it was not. */
export const unsavedBase = (api: string, path: string) => unsaved.get(fileApi(api, path))?.base ?? null;

/** text: what was in the file when its editing began. */
export function Editor({ path, text, onDone }: { path: string; text: string; onDone: () => void }) {
  const { api, project, name } = useSession();
  const client = useQueryClient();
  const where = fileApi(api, path);
  const [{ base, text: first }] = useState<Unsaved>(() => unsaved.get(where) ?? { base: text, text });
  const [error, setError] = useState<unknown>(null);
  useWarning();
  const typed = (now: string) => {
    if (now === base) unsaved.delete(where);
    else unsaved.set(where, { base, text: now });
  };
  const close = () => {
    unsaved.delete(where);
    onDone();
  };
  const save = async () => {
    setError(null);
    try {
      // What an agent wrote meanwhile is not written over.
      const now = await textOf(where);
      if (now !== base)
        throw new Problem(409, {
          error: "The file was changed meanwhile.",
          hint: "Copy your text, close, and look at it first.",
        });
      await request(where, { method: "PUT", body: new Blob([unsaved.get(where)?.text ?? base]) });
      await client.invalidateQueries({ queryKey: ["file", project, name, path] });
      confirmDone("Saved.");
      close();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <div className="flex flex-col gap-2">
      <Suspense fallback={<p className="text-muted">Reading…</p>}>
        <CodeArea name={path} label={`Content of ${path}`} text={first} onText={typed} onSave={() => void save()} />
      </Suspense>
      {error !== null && <ProblemView error={error} />}
      <div className="flex flex-wrap items-center gap-2">
        <button type="button" className="btn btn-primary btn-small" onClick={save}>
          Save
        </button>
        <button type="button" className="btn btn-small" onClick={close}>
          Cancel
        </button>
        <span className="text-xs text-muted [@media(pointer:coarse)]:hidden">
          Ctrl S saves, Ctrl F finds; Esc, then Tab leaves the text.
        </span>
      </div>
    </div>
  );
}

/** A page that is left with something unsaved asks first. */
function useWarning(): void {
  useEffect(() => {
    const leaving = (event: BeforeUnloadEvent) => {
      if (unsaved.size) event.preventDefault();
    };
    addEventListener("beforeunload", leaving);
    return () => removeEventListener("beforeunload", leaving);
  }, []);
}
