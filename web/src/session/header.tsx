// The top of a session: what it is called, its one status with reason and next step, and what it has cost.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ChevronLeft, Ellipsis, PanelRight, Pencil, Square, TriangleAlert } from "lucide-react";
import { type FormEvent, Suspense, useRef, useState } from "react";
import { post, put, textOf } from "../api/http";
import { sessionQuery } from "../api/queries";
import type { Run, Session } from "../api/types";
import { type Step, titleOf } from "../contract/status";
import { DemoBar } from "../pages/demo-bar";
import type { SessionFeed } from "../stream/feed";
import { ConnectionState } from "../ui/connection";
import { Menu, type MenuItem } from "../ui/menu";
import { useTitle } from "../ui/page";
import { part } from "../ui/part";
import { ProblemView } from "../ui/problem";
import { StatusChip } from "../ui/status";
import { useSession } from "./context";
import { commandOf, copy } from "./copy";
import { download } from "./download";
import { Facts } from "./facts";
import { messageInView } from "./in-view";
import { Terminal } from "./terminal";

const Starting = part(async () => (await import("./starting")).Starting);
const LastWords = part(async () => (await import("./starting")).LastWords);
const Share = part(async () => (await import("./share")).Share);
const Delete = part(async () => (await import("./delete")).Delete);
const BEGINNING = new Set(["Waiting", "Starting"]);

export interface Acts {
  error: unknown;
  clear: () => void;
  answer: () => void;
  write: () => void;
  /** Put the prompt of the last run back into the composer. */
  again: () => void;
  explorer: () => void;
  context: () => void;
  /** Whether also events are shown that only say something to who looks for a fault. */
  all: boolean;
  toggleAll: () => void;
  fork: (seq?: number) => Promise<void>;
  interrupt: () => void;
  stoppingSince: number | null;
  stop: () => void;
  resume: () => void;
  replace: () => void;
}

interface Props {
  feed: SessionFeed;
  version: number;
  runs: Run[];
  acts: Acts;
}

export function Header({ feed, version, runs, acts }: Props) {
  const { session, status, mayEdit, project } = useSession();
  const title = titleOf(session);
  const [log, setLog] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const [deleting, setDeleting] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const [facts, setFacts] = useState(false);
  useTitle(`${status.word}: ${title}`);
  return (
    <section aria-label="This session" data-part="head" className="border-b border-line bg-surface px-4 py-2 sm:px-6">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <Link
          to="/projects/$project/sessions"
          params={{ project }}
          className="btn btn-quiet btn-icon btn-small"
          aria-label="Sessions"
          title="Sessions"
        >
          <ChevronLeft size={16} aria-hidden />
        </Link>
        <Name title={title} renaming={renaming} onRename={setRenaming} />
        <ConnectionState connection={feed.connection} catchingUp={feed.catchingUp} onNow={feed.now} />
        <button
          type="button"
          className="btn btn-quiet btn-icon btn-small"
          aria-label="Explorer"
          title="Explorer: files, changes, context  ]"
          onClick={acts.explorer}
        >
          <PanelRight size={16} aria-hidden />
        </button>
        <SessionMenu
          onProblem={setProblem}
          acts={acts}
          onRename={() => setRenaming(true)}
          onDelete={() => setDeleting(true)}
          onLog={() => setLog(!log)}
        />
      </div>
      <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1">
        <StatusChip status={status} />
        <span data-part="sentence" className="min-w-0 flex-1 basis-48 truncate" title={status.sentence}>
          {status.sentence}
        </span>
        <Steps steps={status.steps} acts={acts} onLog={() => setLog(!log)} />
        <button
          type="button"
          className="btn btn-quiet btn-small px-1 text-muted sm:hidden"
          aria-expanded={facts}
          onClick={() => setFacts(!facts)}
        >
          {facts ? "Less" : "Agent, model, cost"}
        </button>
      </div>
      <div className={facts ? "" : "hidden sm:block"}>
        <Facts feed={feed} version={version} runs={runs} onContext={acts.context} />
        {session.spec.runnerType === "demo" && <DemoBar />}
      </div>
      {status.warnings.map((one) => (
        <p key={one.condition} data-part="warning" className="mt-1 text-amber">
          <TriangleAlert size={14} aria-hidden className="mr-1 inline" />
          {one.sentence}
        </p>
      ))}
      {acts.error !== null && acts.error !== undefined && (
        <div className="mt-2">
          <ProblemView error={acts.error} />
        </div>
      )}
      {problem !== null && (
        <div className="mt-2">
          <ProblemView error={problem} />
        </div>
      )}
      <Suspense>
        {BEGINNING.has(status.word) && <Starting />}
        {status.word === "Failed" && !log && mayEdit && <LastWords onLog={() => setLog(true)} />}
      </Suspense>
      {log && <RunnerLog />}
      <Suspense>{deleting && <Delete onClose={() => setDeleting(false)} />}</Suspense>
    </section>
  );
}

/** What the session is called; renamed in its place. */
function Name({ title, renaming, onRename }: { title: string; renaming: boolean; onRename: (on: boolean) => void }) {
  const { mayEdit, project, name, api } = useSession();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const pencil = useRef<HTMLButtonElement>(null);
  const done = () => {
    setError(null);
    onRename(false);
    setTimeout(() => pencil.current?.focus());
  };
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const displayName = String(new FormData(event.currentTarget).get("name")).trim();
    try {
      const fresh = await put<Session>(`${api}/displayname`, { displayName });
      client.setQueryData(sessionQuery(project, name).queryKey, fresh);
      done();
    } catch (problem) {
      setError(problem);
    }
  };
  if (!renaming)
    return (
      <h1 className="min-w-0 flex-1 truncate text-[1.07rem]">
        {title}
        {mayEdit && (
          <button
            ref={pencil}
            type="button"
            className="btn btn-quiet btn-icon btn-small ml-1 align-middle"
            aria-label="Rename"
            title="Rename"
            onClick={() => onRename(true)}
          >
            <Pencil size={13} aria-hidden />
          </button>
        )}
      </h1>
    );
  return (
    <form onSubmit={save} className="flex min-w-0 flex-1 flex-wrap items-center gap-2">
      <h1 className="sr-only">{title}</h1>
      <input
        name="name"
        aria-label="Name of the session"
        className="field min-w-0 flex-1"
        maxLength={50}
        required
        defaultValue={title.slice(0, 50)}
        // biome-ignore lint/a11y/noAutofocus: somebody just asked to rename it
        autoFocus
        onFocus={(event) => event.target.select()}
        onKeyDown={(event) => event.key === "Escape" && done()}
      />
      <button type="submit" className="btn btn-primary btn-small">
        Rename
      </button>
      <button type="button" className="btn btn-small" onClick={done}>
        Cancel
      </button>
      {error !== null && (
        <div className="w-full">
          <ProblemView error={error} />
        </div>
      )}
    </form>
  );
}

function Steps({ steps, acts, onLog }: { steps: Step[]; acts: Acts; onLog: () => void }) {
  const { over, mayEdit } = useSession();
  const deeds: Record<string, () => void> = {
    answer: acts.answer,
    send: acts.write,
    again: acts.again,
    interrupt: acts.interrupt,
    stop: acts.stop,
    resume: acts.resume,
    retry: acts.resume,
    start: acts.resume,
    replace: acts.replace,
    log: onLog,
  };
  const known = steps.some((one) => one.name === "stop") || over;
  const shown: Step[] = known
    ? steps
    : [...steps, { name: "stop", label: "Stop session", command: null, role: "edit" }];
  return (
    <div data-part="steps" className="flex flex-wrap items-center gap-2">
      {shown.map((step, at) => {
        const act = deeds[step.name];
        if (act) {
          return (
            <button
              key={step.name}
              type="button"
              disabled={
                (!mayEdit && step.role !== "view") || (step.name === "interrupt" && acts.stoppingSince !== null)
              }
              title={!mayEdit && step.role !== "view" ? `Needs the role ${step.role}` : undefined}
              className={`btn btn-small ${step.name === "stop" && at > 0 ? "max-sm:hidden" : ""} ${at === 0 && step.name !== "stop" && step.name !== "interrupt" ? "btn-primary" : ""}`}
              onClick={act}
            >
              {(step.name === "stop" || step.name === "interrupt") && <Square size={12} aria-hidden />}
              {step.name === "interrupt" && acts.stoppingSince !== null ? "Stopping…" : step.label}
            </button>
          );
        }
        return (
          <span key={step.name} className="text-xs text-muted">
            {step.label}
            {step.command && (
              <>
                : <code className="font-mono">{step.command}</code>
              </>
            )}
          </span>
        );
      })}
    </div>
  );
}

function SessionMenu({
  acts,
  onRename,
  onDelete,
  onLog,
  onProblem,
}: {
  acts: Acts;
  onProblem: (problem: unknown) => void;
  onRename: () => void;
  onDelete: () => void;
  onLog: () => void;
}) {
  const { project, name, api, session, over, mayEdit } = useSession();
  const needs = mayEdit ? undefined : "needs edit";
  const navigate = useNavigate();
  const [sharing, setSharing] = useState<{ message: number | null } | null>(null);
  const duplicate = async () => {
    try {
      const made = await post<Session>(`${api}/clone`, { targetProject: project, newSessionName: `${name}-copy` });
      await navigate({ to: "/projects/$project/sessions/$session", params: { project, session: made.metadata.name } });
    } catch (problem) {
      onProblem(problem);
    }
  };
  const items: (MenuItem | null)[] = [
    { label: "Rename…", onSelect: onRename, disabled: !mayEdit, note: needs, takesFocus: true },
    { label: "Share…", onSelect: () => setSharing({ message: messageInView() }) },
    {
      label: "Fork: go on from here in another session",
      onSelect: () => void acts.fork().catch(onProblem),
      disabled: !mayEdit,
      note: needs,
    },
    {
      label: "Duplicate (settings only)",
      onSelect: () => void duplicate(),
      disabled: !mayEdit,
      note: needs ?? "starts another session",
    },
    { label: "Copy as command", onSelect: () => copy(commandOf(session.spec, project), "The command is copied.") },
    null,
    { label: "Export as Markdown", onSelect: () => void download(`${api}/export?format=md`, `${name}.md`) },
    { label: "Export as JSON", onSelect: () => void download(`${api}/export`, `${name}.json`) },
    { label: "Export as JSON lines", onSelect: () => void download(`${api}/export?format=jsonl`, `${name}.jsonl`) },
    {
      label: "Print, or save as PDF",
      onSelect: () =>
        void navigate({ to: "/projects/$project/sessions/$session/print", params: { project, session: name } }),
    },
    null,
    { label: "All events", checked: acts.all, onSelect: acts.toggleAll },
    { label: "Runner log", onSelect: onLog, disabled: !mayEdit, note: needs },
    null,
    {
      label: "Stop session",
      onSelect: acts.stop,
      disabled: over || !mayEdit,
      note: over ? "it is not running" : needs,
    },
    { label: "Delete…", onSelect: onDelete, danger: true, disabled: !mayEdit, note: needs },
  ];
  return (
    <>
      <Menu
        label="More"
        trigger={
          <button type="button" className="btn btn-quiet btn-icon btn-small" aria-label="More" title="More">
            <Ellipsis size={16} aria-hidden />
          </button>
        }
        items={items}
      />
      <Suspense>{sharing && <Share message={sharing.message} onClose={() => setSharing(null)} />}</Suspense>
    </>
  );
}

function RunnerLog() {
  const { api } = useSession();
  const log = useQuery({
    queryKey: ["log", api],
    queryFn: () => textOf(`${api}/logs?tail=200`),
  });
  return (
    <div className="mt-2 max-h-[40vh] overflow-auto">
      {log.error && <ProblemView error={log.error} />}
      {log.data !== undefined && <Terminal label="Runner log" text={log.data || "The log is empty."} />}
    </div>
  );
}
