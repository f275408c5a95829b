// What the agent has made for people: the files of artifacts/, newest first, each with a look inside and its run.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, Download, Link2 } from "lucide-react";
import { useMemo, useState } from "react";
import { fileApi } from "../api/paths";
import { filesQuery } from "../api/queries";
import type { FileEntry } from "../api/types";
import type { SessionFeed } from "../stream/feed";
import { ProblemView } from "../ui/problem";
import { Ago, bytes } from "../ui/time";
import { useSession } from "./context";
import { copy } from "./copy";
import { download } from "./download";
import { FileContent } from "./file-view";
import { madeBy } from "./made";
import { useNarrow } from "./panel";

interface Props {
  feed: SessionFeed;
  version: number;
  onFile: (path: string) => void;
}

export function Artifacts({ feed, version, onFile }: Props) {
  const { project, name } = useSession();
  const list = useQuery(filesQuery(project, name, "artifacts"));
  if (list.error) return <ProblemView error={list.error} />;
  const items = [...(list.data?.items ?? [])]
    .filter((one) => !one.isDir)
    .sort((a, b) => b.modifiedAt.localeCompare(a.modifiedAt));
  if (list.data && !items.length) {
    return (
      <p className="text-muted">No artifacts yet. What the agent puts into the folder artifacts/ is shown here.</p>
    );
  }
  return (
    <ul className="flex flex-col divide-y divide-line">
      {items.map((one, at) => (
        <Artifact key={one.path} entry={one} feed={feed} version={version} onFile={onFile} newest={at === 0} />
      ))}
    </ul>
  );
}

/** newest: a look inside without being asked for. */
function Artifact({ entry, feed, version, onFile, newest }: Props & { entry: FileEntry; newest: boolean }) {
  const { api } = useSession();
  const [open, setOpen] = useState(newest);
  const { name, path } = entry;
  return (
    <li className="flex flex-col gap-1 py-2">
      <div className="flex items-center gap-1">
        <button
          type="button"
          aria-expanded={open}
          aria-label={`Look into ${name}`}
          className="btn btn-quiet btn-icon btn-small"
          onClick={() => setOpen(!open)}
        >
          <ChevronRight size={14} aria-hidden className={open ? "rotate-90" : ""} />
        </button>
        <button
          type="button"
          className="btn btn-quiet btn-small min-w-0 flex-1 justify-start"
          onClick={() => onFile(path)}
        >
          <span className="truncate">{name}</span>
        </button>
        <Ago at={entry.modifiedAt} className="text-xs text-muted" />
        <span className="text-xs text-muted">{bytes(entry.size)}</span>
        <button
          type="button"
          className="btn btn-quiet btn-icon btn-small"
          aria-label={`Copy a link to ${name}`}
          title="Copy a link"
          onClick={() => copy(linkTo(path), "The link is copied.")}
        >
          <Link2 size={14} aria-hidden />
        </button>
        <button
          type="button"
          className="btn btn-quiet btn-icon btn-small"
          aria-label={`Download ${name}`}
          title="Download"
          onClick={() => void download(fileApi(api, path), name)}
        >
          <Download size={14} aria-hidden />
        </button>
      </div>
      <MadeBy entry={entry} feed={feed} version={version} />
      {open && (
        <div className="flex max-h-96 flex-col gap-2 overflow-auto pl-2">
          <FileContent path={path} />
        </div>
      )}
    </li>
  );
}

function MadeBy({ entry, feed, version }: { entry: FileEntry; feed: SessionFeed; version: number }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the items change in place; `version` says when
  const prompt = useMemo(
    () => madeBy(feed.timeline.items, entry.path, entry.modifiedAt),
    [feed, version, entry.path, entry.modifiedAt],
  );
  const phone = useNarrow(); // there the explorer lies over what the link leads to
  if (!prompt?.seq) return null;
  return (
    <p className="flex min-w-0 gap-1 pl-2 text-xs text-muted">
      Made by the run
      <Link to="." search={phone ? {} : true} hash={`e${prompt.seq}`} className="min-h-6 min-w-0 truncate">
        {prompt.text.split("\n", 1)[0]}
      </Link>
    </p>
  );
}

function linkTo(path: string): string {
  return `${location.origin}${location.pathname}?${new URLSearchParams({ panel: "files", file: path })}`;
}
