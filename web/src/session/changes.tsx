// What the agent changed: by repository where the server tells, and by file as its edits tell.

import { useQueries, useQuery } from "@tanstack/react-query";
import { ChevronRight, GitBranch } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { get, Problem } from "../api/http";
import type { GitStatus } from "../api/types";
import type { Item, ToolItem } from "../fold/timeline";
import type { SessionFeed } from "../stream/feed";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";
import { counts, type DiffLine, diffOf, readPatch } from "./diff";
import { DiffView } from "./diff-view";
import { inWorkspace } from "./lines";

interface Props {
  feed: SessionFeed;
  version: number;
  /** The one that was asked for, as it is below the workspace. */
  file: string | undefined;
  onFile: (path: string) => void;
}

export function Changes({ feed, version, file, onFile }: Props) {
  const { session } = useSession();
  const repos = session.status?.reconciledRepos ?? [];
  return (
    <div className="flex flex-col gap-4">
      {repos.map((one) => (
        <Repository
          key={one.name}
          name={one.name}
          branch={one.currentActiveBranch || one.branch || ""}
          state={one.status}
          wanted={file}
        />
      ))}
      <Edits feed={feed} version={version} file={file} onFile={onFile} />
    </div>
  );
}

interface FileChange {
  path: string;
  status?: string;
  added?: number | null;
  removed?: number | null;
}
interface DiffReply {
  files: FileChange[];
  patch?: string;
}

interface RepositoryProps {
  name: string;
  branch: string;
  state: string;
  wanted: string | undefined;
}

function Repository({ name, branch, state, wanted }: RepositoryProps) {
  const { api, project, name: session, compose } = useSession();
  const [status, diff] = useQueries({
    queries: [
      {
        queryKey: ["changes", project, session, name, "status"],
        queryFn: () => get<GitStatus>(`${api}/git/status?path=${encodeURIComponent(`repos/${name}`)}`),
        retry: false,
      },
      {
        queryKey: ["changes", project, session, name, "diff"],
        queryFn: () => get<DiffReply>(`${api}/git/diff?repo=${encodeURIComponent(name)}`),
        retry: false,
      },
    ],
  });
  const files = diff.data?.files ?? [];
  const found = status.data;
  return (
    <section aria-label={`Repository ${name}`}>
      <h2 className="flex flex-wrap items-center gap-2">
        {name}
        <span className="inline-flex items-center gap-1 font-normal text-muted">
          <GitBranch size={13} aria-hidden /> {found?.branch || branch || state}
        </span>
        {found && (
          <span className="text-xs font-normal">
            <span className="text-green">+{found.totalAdded}</span>{" "}
            <span className="text-red">−{found.totalRemoved}</span>
          </span>
        )}
      </h2>
      {status.error && <ProblemView error={status.error} />}
      {diff.error && !(diff.error instanceof Problem && diff.error.noRoute) && <ProblemView error={diff.error} />}
      {found && !found.hasChanges && !files.length && <p className="text-muted">No change in this repository.</p>}
      <ul className="flex flex-col">
        {files.map((one) => (
          <RepositoryFile key={one.path} repo={name} change={one} wanted={wanted === `repos/${name}/${one.path}`} />
        ))}
      </ul>
      {(found?.hasChanges || files.length > 0) && (
        <div className="mt-2 flex flex-wrap gap-2">
          <button
            type="button"
            className="btn btn-small"
            onClick={() => compose(`Commit the changes in repos/${name} and open a pull request.`)}
          >
            Ask for a pull request
          </button>
          <button type="button" className="btn btn-small" onClick={() => compose(`Undo the changes in repos/${name}.`)}>
            Ask to revert
          </button>
        </div>
      )}
    </section>
  );
}

function RepositoryFile({ repo, change, wanted }: { repo: string; change: FileChange; wanted: boolean }) {
  const { api, project, name } = useSession();
  const { open, setOpen, place } = useWanted(wanted);
  const found = useQuery({
    queryKey: ["changes", project, name, repo, "diff", change.path],
    queryFn: () =>
      get<DiffReply>(`${api}/git/diff?repo=${encodeURIComponent(repo)}&file=${encodeURIComponent(change.path)}`),
    enabled: open,
  });
  return (
    <li ref={place}>
      <FileLine
        path={change.path}
        mark={change.status ?? "M"}
        added={change.added ?? 0}
        removed={change.removed ?? 0}
        open={open}
        onToggle={() => setOpen(!open)}
      />
      {open && found.error && <ProblemView error={found.error} />}
      {open && found.data?.patch !== undefined && (
        <DiffView label={`Changes of ${change.path}`} name={change.path} diff={readPatch(found.data.patch)} />
      )}
    </li>
  );
}

interface LineProps {
  path: string;
  mark: string;
  added: number;
  removed: number;
  open: boolean;
  onToggle: () => void;
}

function FileLine({ path, mark, added, removed, open, onToggle }: LineProps) {
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={onToggle}
      className="flex min-h-7 w-full items-center gap-2 rounded px-1 text-left hover:bg-hover [@media(pointer:coarse)]:min-h-11"
    >
      <ChevronRight size={13} aria-hidden className={`shrink-0 text-muted ${open ? "rotate-90" : ""}`} />
      <span className="w-4 shrink-0 text-muted">{mark.charAt(0).toUpperCase()}</span>
      <span className="min-w-0 flex-1 truncate font-mono text-[0.9286rem]" title={path}>
        {path}
      </span>
      <span className="shrink-0 text-xs">
        <span className="text-green">+{added}</span> {removed > 0 && <span className="text-red">−{removed}</span>}
      </span>
    </button>
  );
}

/** The edits of the log, by file, in order. */
export function editsOf(items: Item[]): Map<string, ToolItem[]> {
  const found = new Map<string, ToolItem[]>();
  const walk = (all: Item[]) => {
    for (const item of all) {
      if (item.kind === "agent") walk(item.children);
      if (item.kind !== "tool" || (item.tool !== "edit" && item.tool !== "write") || item.outcome === "failed")
        continue;
      const path = String(item.input?.file_path ?? item.input?.path ?? item.input?.absolute_path ?? "");
      if (path) found.set(path, [...(found.get(path) ?? []), item]);
    }
  };
  walk(items);
  return found;
}

/** Open, in view and in focus once it is what was asked for. */
function useWanted(wanted: boolean) {
  const [open, setOpen] = useState(wanted);
  const place = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!wanted) return;
    setOpen(true);
    place.current?.scrollIntoView({ block: "start" });
    place.current?.querySelector("button")?.focus();
  }, [wanted]);
  return { open, setOpen, place };
}

function Edits({ feed, version, file, onFile }: Props) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the items change in place; `version` says when
  const edits = useMemo(() => editsOf(feed.timeline.items), [feed, version]);
  return (
    <section aria-label="Edits">
      <h2>Edits of the agent</h2>
      <p className="mb-1 text-xs text-muted">As its edit tools tell. What commands changed is not in here.</p>
      {edits.size === 0 && <p className="text-muted">No edits so far.</p>}
      <ul>
        {[...edits].map(([path, items]) => (
          <EditedFile key={path} path={path} items={items} onFile={onFile} wanted={inWorkspace(path) === file} />
        ))}
      </ul>
    </section>
  );
}

interface EditedProps {
  path: string;
  items: ToolItem[];
  onFile: (path: string) => void;
  wanted: boolean;
}

function EditedFile({ path, items, onFile, wanted }: EditedProps) {
  const { open, setOpen, place } = useWanted(wanted);
  const diffs: DiffLine[][] = items.map(diffOf);
  const { added, removed } = counts(diffs.flat());
  return (
    <li ref={place}>
      <FileLine
        path={path}
        mark={items[0]?.tool === "write" ? "W" : "M"}
        added={added}
        removed={removed}
        open={open}
        onToggle={() => setOpen(!open)}
      />
      {open && (
        <div className="mb-2 ml-4 flex flex-col gap-2">
          {diffs.map((diff, at) => (
            <DiffView key={at} label={`Edit ${at + 1} of ${path}`} name={path} diff={diff} />
          ))}
          <div>
            <button type="button" className="btn btn-quiet btn-small" onClick={() => onFile(path)}>
              Open file
            </button>
          </div>
        </div>
      )}
    </li>
  );
}
