// The second line of the head: agent, time, tokens, cost, model.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { post } from "../api/http";
import { modelsQuery, sessionQuery } from "../api/queries";
import type { Run, Session } from "../api/types";
import { type Filled, percentOf } from "../fold/context";
import type { SessionFeed } from "../stream/feed";
import { Menu } from "../ui/menu";
import { part } from "../ui/part";
import { ProblemView } from "../ui/problem";
import { count, duration, money, shortMoney, useNow } from "../ui/time";
import { useSession } from "./context";
import { limitOfCost, limitOfTime } from "./limits";

const Usage = part(async () => (await import("./usage")).Usage);
const LINK = "inline-flex min-h-6 items-center rounded px-1 text-muted hover:bg-hover";

/** Milliseconds that a run took; 0: it did not begin. */
export function took(run: Run, now: number): number {
  if (!run.startedAt) return 0;
  return Math.max(0, (run.finishedAt ? Date.parse(run.finishedAt) : now) - Date.parse(run.startedAt));
}

interface Props {
  feed: SessionFeed;
  version: number;
  runs: Run[];
  /** Show where the workflow is chosen. */
  onContext: () => void;
}

export function Facts({ feed, version: _, runs, onContext }: Props) {
  const { session } = useSession();
  const [usage, setUsage] = useState(false);
  const total = session.status?.usage;
  const input = total?.inputTokens || feed.timeline.usage.input;
  const output = total?.outputTokens || feed.timeline.usage.output;
  const limits = limitsOf(session.spec);
  const filled = contextOf(session, feed);
  const facts = [
    input ? `${count(input)} in, ${count(output)} out` : null,
    filled && <ContextFact key="context" filled={filled} />,
    total?.costUSD != null ? money(total.costUSD) : "cost –",
    limits && `a run ≤ ${limits}`,
  ].filter(Boolean);
  return (
    <div className="mt-1 flex flex-wrap items-center gap-x-1 text-xs text-muted">
      <span>{session.spec.runnerType} ·</span>
      <Duration runs={runs} />
      <button
        type="button"
        className={LINK}
        title="Tokens, cost and limits, by run and by model"
        onClick={() => setUsage(true)}
      >
        <span className="text-left">{facts.flatMap((one, at) => (at ? [" · ", one] : [one]))}</span>
      </button>
      <span aria-hidden>·</span>
      <ModelSwitch />
      <WorkflowFact onContext={onContext} />
      <Suspense>
        {usage && <Usage runs={runs} models={feed.timeline.models} filled={filled} onClose={() => setUsage(false)} />}
      </Suspense>
    </div>
  );
}

/** What ends a run: minutes, US dollars. */
function limitsOf(spec: Session["spec"]): string {
  const minutes = limitOfTime(spec);
  const cost = limitOfCost(spec.sdkOptions);
  const limits = [minutes && `${minutes} min`, cost && shortMoney(cost)];
  return limits.filter(Boolean).join(" or ");
}

/** As the stream tells it; before it does, as the session's status has it. null: unknown. */
function contextOf(session: Session, feed: SessionFeed): Filled | null {
  const told = feed.timeline.context;
  if (told !== undefined) return told;
  const { contextTokens: tokens, contextWindow: window } = session.status?.usage ?? {};
  return tokens ? { tokens, window: window ?? null } : null;
}

/** Percent of the context from which people are told what comes next. */
const NEARLY_FULL = 80;

function ContextFact({ filled }: { filled: Filled }) {
  const percent = percentOf(filled);
  if (percent === null) return `${count(filled.tokens)} of context`;
  if (percent < NEARLY_FULL) return `context ${percent || "< 1"} %`;
  return <span className="text-amber">context {percent} %, nearly full: the agent soon compacts it</span>;
}

/** This run, or all of them: a press changes from one to the other. */
function Duration({ runs }: { runs: Run[] }) {
  const [all, setAll] = useState(false);
  const begun = runs.filter((one) => one.startedAt);
  const now = useNow(begun.some((one) => !one.finishedAt));
  const [newest] = begun;
  if (!newest) return null;
  const sum = begun.reduce((found, one) => found + took(one, now), 0);
  const said = all
    ? `${duration(sum)} in ${begun.length} ${begun.length === 1 ? "run" : "runs"}`
    : `${duration(took(newest, now))}`;
  return (
    <>
      <button
        type="button"
        className={LINK}
        title={all ? "All runs together. Press for the last one" : "The last run. Press for all together"}
        onClick={() => setAll(!all)}
      >
        {said}
        <span className="sr-only">{all ? " (all runs)" : " (last run)"}</span>
      </button>
      <span aria-hidden>·</span>
    </>
  );
}

/** Which workflow is in force, or will be once it is fetched. */
function WorkflowFact({ onContext }: { onContext: () => void }) {
  const { activeWorkflow: wanted } = useSession().session.spec;
  const found = useSession().session.status?.reconciledWorkflow;
  if (!wanted?.gitUrl) return null;
  const name = (wanted.path || wanted.gitUrl)
    .replace(/\/+$/, "")
    .split("/")
    .at(-1)
    ?.replace(/\.git$/, "");
  const isIt = found?.gitUrl === wanted.gitUrl && (found.path || "") === (wanted.path || "");
  const state = isIt && found.status === "Active" ? "" : isIt && found.status === "Failed" ? "⚠ " : "→ ";
  return (
    <>
      <span aria-hidden>·</span>
      <button type="button" className={LINK} title="Another one is chosen under Context" onClick={onContext}>
        {state}
        {name} ▾<span className="sr-only"> (workflow{state === "→ " ? ", being fetched" : ""})</span>
      </button>
    </>
  );
}

function ModelSwitch() {
  const { project, name, api, session, mayEdit } = useSession();
  const client = useQueryClient();
  const models = useQuery(modelsQuery(project));
  const [error, setError] = useState<unknown>(null);
  const current = session.spec.llmSettings?.model ?? "";
  const waits = session.status?.conditions?.some((one) => one.type === "ModelApplied" && one.status === "False");
  const known = models.data?.models ?? [];
  const label = known.find((one) => one.id === current)?.label ?? (current || "default model");
  const choose = async (model: string) => {
    setError(null);
    try {
      client.setQueryData(sessionQuery(project, name).queryKey, await post<Session>(`${api}/model`, { model }));
    } catch (problem) {
      setError(problem);
    }
  };
  if (!mayEdit || !known.length) return <span>{label}</span>;
  return (
    <>
      <Menu
        label="Model"
        trigger={
          <button type="button" data-part="model" title="Model  m" className={LINK}>
            {waits ? `→ ${label} after this run` : label} ▾<span className="sr-only"> (model)</span>
          </button>
        }
        items={known.map((one) => ({
          label: one.label,
          checked: one.id === current,
          onSelect: () => void choose(one.id),
        }))}
      />
      {error !== null && <ProblemView error={error} />}
    </>
  );
}
