// The workspace: a tree, what is in a file, and what can be done with it.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronRight, File as FileIcon, Folder, Upload } from "lucide-react";
import { type ChangeEvent, useRef, useState } from "react";
import { request } from "../api/http";
import { fileApi } from "../api/paths";
import { filesQuery } from "../api/queries";
import type { FileEntry } from "../api/types";
import { ActButton } from "../ui/act-button";
import { confirmDone } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { ProblemView } from "../ui/problem";
import { bytes } from "../ui/time";
import { useSession } from "./context";
import { download } from "./download";
import { FileView } from "./file-view";
import { inWorkspace } from "./lines";

const HOME = ".home"; // the agent's own: its settings and caches, none of the work

interface Props {
  file: string | undefined;
  line: number | undefined;
  onFile: (path: string | undefined) => void;
}

export function Files({ file, line, onFile }: Props) {
  const { session } = useSession();
  const [words, setWords] = useState("");
  const running = session.status?.phase === "Running";
  if (file) return <FileView key={file} path={inWorkspace(file)} line={line} onClose={() => onFile(undefined)} />;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center gap-2">
        <label htmlFor="find-file" className="sr-only">
          Find a file
        </label>
        <input
          id="find-file"
          type="search"
          className="field"
          placeholder="Find in the opened folders"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        <UploadButton />
        <ZipButton />
      </div>
      {!running && <p className="text-xs text-muted">The session is not running: this is what was saved.</p>}
      <FolderView path="" depth={0} words={words.toLowerCase()} onFile={onFile} openAtFirst />
    </div>
  );
}

interface FolderProps {
  path: string;
  depth: number;
  words: string;
  onFile: (path: string) => void;
  openAtFirst?: boolean;
}

function FolderView({ path, depth, words, onFile }: FolderProps) {
  const { project, name } = useSession();
  const list = useQuery(filesQuery(project, name, path));
  if (list.error) return <ProblemView error={list.error} />;
  if (!list.data) return <p className="text-muted">Reading…</p>;
  const items = list.data.items
    .filter((one) => one.path !== HOME)
    .sort((a, b) => Number(b.isDir) - Number(a.isDir) || a.name.localeCompare(b.name));
  if (!items.length) return <p className="px-1 text-muted">Nothing in here.</p>;
  return (
    <ul className={depth ? "ml-3 border-l border-line pl-1" : ""}>
      {items.map((one) =>
        one.isDir ? (
          <FolderRow key={one.path} entry={one} depth={depth} words={words} onFile={onFile} />
        ) : (
          (!words || one.name.toLowerCase().includes(words)) && <FileRow key={one.path} entry={one} onFile={onFile} />
        ),
      )}
      {list.data.truncated && <li className="text-amber">More files than can be listed.</li>}
    </ul>
  );
}

function FolderRow({
  entry,
  depth,
  words,
  onFile,
}: {
  entry: FileEntry;
  depth: number;
  words: string;
  onFile: (path: string) => void;
}) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <button
        type="button"
        aria-expanded={open}
        className="flex min-h-7 w-full items-center gap-1.5 rounded px-1 text-left hover:bg-hover [@media(pointer:coarse)]:min-h-11"
        onClick={() => setOpen(!open)}
      >
        <ChevronRight size={13} aria-hidden className={`text-muted ${open ? "rotate-90" : ""}`} />
        <Folder size={14} aria-hidden className="text-muted" />
        <span className="truncate">{entry.name}</span>
      </button>
      {open && <FolderView path={entry.path} depth={depth + 1} words={words} onFile={onFile} />}
    </li>
  );
}

function FileRow({ entry, onFile }: { entry: FileEntry; onFile: (path: string) => void }) {
  return (
    <li>
      <button
        type="button"
        className="flex min-h-7 w-full items-center gap-1.5 rounded px-1 pl-5 text-left hover:bg-hover [@media(pointer:coarse)]:min-h-11"
        onClick={() => onFile(entry.path)}
      >
        <FileIcon size={14} aria-hidden className="shrink-0 text-muted" />
        <span className="min-w-0 flex-1 truncate">{entry.name}</span>
        <span className="text-xs text-muted">{bytes(entry.size)}</span>
      </button>
    </li>
  );
}

function UploadButton() {
  const { api, project, name, session, mayEdit } = useSession();
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<unknown>(null);
  const chosen = async (event: ChangeEvent<HTMLInputElement>) => {
    setError(null);
    const files = [...(event.target.files ?? [])];
    const running = session.status?.phase === "Running";
    try {
      for (const one of files) {
        const where = running ? fileApi(api, one.name) : `${api}/file-uploads/${encodeURIComponent(one.name)}`;
        await request(where, { method: "PUT", body: one });
      }
      confirmDone(files.length === 1 ? "The file is there." : `${files.length} files are there.`);
      await client.invalidateQueries({ queryKey: ["files", project, name] });
    } catch (problem) {
      setError(problem);
    }
    event.target.value = "";
  };
  return (
    <>
      <input ref={input} type="file" multiple hidden onChange={chosen} aria-label="Files to upload" />
      <button
        type="button"
        className="btn btn-icon shrink-0"
        aria-label="Upload files"
        title={mayEdit ? "Upload files, up to 10 MB each" : "Needs the role edit"}
        disabled={!mayEdit}
        onClick={() => input.current?.click()}
      >
        <Upload size={15} aria-hidden />
      </button>
      {error !== null && (
        <Dialog open onClose={() => setError(null)} title="The upload failed">
          <ProblemView error={error} />
        </Dialog>
      )}
    </>
  );
}

/** The whole workspace in one file. */
function ZipButton() {
  const { api, name } = useSession();
  return (
    <ActButton title="Download everything as a zip file" onAct={() => download(`${api}/archive`, `${name}.zip`)}>
      Zip
    </ActButton>
  );
}
