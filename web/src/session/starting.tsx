// How far a session has come while it starts, and its runner's last words when it failed.

import { useQuery } from "@tanstack/react-query";
import { textOf } from "../api/http";
import type { Session } from "../api/types";
import { duration, useNow } from "../ui/time";
import { useSession } from "./context";
import { Terminal } from "./terminal";

const LAST = 8; // lines

/** took: milliseconds until it was reached; null: it was not, yet. */
export interface StartStep {
  name: string;
  state: "done" | "now" | "next" | "failed";
  took: number | null;
  note: string;
}

/** The steps of a start in their order, as the conditions of a session tell them. */
export function startSteps(session: Session, now: number): StartStep[] {
  const { spec, status, metadata } = session;
  const began = Date.parse(status?.startTime ?? metadata.creationTimestamp ?? "") || now;
  const known = new Map((status?.conditions ?? []).map((one) => [one.type, one]));
  const cloning = (status?.reconciledRepos ?? []).filter((one) => one.status !== "Cloning").length;
  const wanted = [
    ["Place", "PodScheduled", ""],
    ["Runner", "RunnerStarted", ""],
    ["Credential", "TokenAccepted", ""],
    ...(spec.repos?.length ? [["Repositories", "ReposReconciled", `${cloning} of ${spec.repos.length}`]] : []),
    ...(spec.activeWorkflow ? [["Workflow", "WorkflowReconciled", ""]] : []),
    ["Agent", "Ready", ""],
  ] as [string, string, string][];
  let reached = true;
  return wanted.map(([name, type, note]) => {
    const found = known.get(type);
    const at = Date.parse(found?.lastTransitionTime ?? "") || began;
    const old = at < began; // of an earlier start
    const done = !old && found?.status === "True";
    const failed = !old && found?.status === "False" && type.endsWith("Reconciled");
    const state = done ? "done" : failed ? "failed" : reached ? "now" : "next";
    reached = reached && (done || failed);
    return {
      name,
      state,
      took: done || failed ? at - began : null,
      note: done ? "" : failed ? (found?.message ?? "") : note,
    };
  });
}

const SHAPES = { done: "✓", now: "◐", next: "◌", failed: "⚠" };
const WORDS = { done: "done", now: "now", next: "next", failed: "without it" };

export function Starting() {
  const { session } = useSession();
  const now = useNow(true);
  return (
    <ol aria-label="Steps of the start" className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
      {startSteps(session, now).map((one) => (
        <li key={one.name} className={one.state === "now" ? "font-semibold text-blue" : "text-muted"}>
          <span aria-hidden>{SHAPES[one.state]} </span>
          {one.name}
          <span className="sr-only">: {WORDS[one.state]}</span>
          {one.note && ` ${one.note}`}
          {one.took !== null && ` ${duration(one.took)}`}
        </li>
      ))}
    </ol>
  );
}

/** The end of the runner's log, where its session failed. */
export function LastWords({ onLog }: { onLog: () => void }) {
  const { api } = useSession();
  const log = useQuery({
    queryKey: ["log", api, LAST],
    queryFn: () => textOf(`${api}/logs?tail=${LAST}`),
    retry: false,
  });
  const lines = log.data?.trimEnd();
  if (!lines) {
    const why = log.isPending ? "is being read…" : log.error ? `cannot be read: ${log.error.message}` : "says nothing.";
    return <p className="mt-2 text-xs text-muted">The runner's log {why}</p>;
  }
  return (
    <div className="mt-2">
      <p className="flex items-center gap-2 text-xs text-muted">
        The last lines of the runner's log
        <button type="button" className="btn btn-quiet btn-small" onClick={onLog}>
          More of it
        </button>
      </p>
      <Terminal label="Last lines of the runner's log" text={lines} />
    </div>
  );
}
