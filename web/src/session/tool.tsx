// A tool call: one line with its outcome, and a body behind it.

import { ChevronRight } from "lucide-react";
import { memo, type ReactNode, Suspense, useContext, useEffect, useState } from "react";
import type { ToolItem } from "../fold/timeline";
import { type Outcome, objectOf, verbOf } from "../fold/tools";
import { NotLoaded, part } from "../ui/part";
import { duration } from "../ui/time";
import { useSession } from "./context";
import { counts, diffOf } from "./diff";
import { folded, keepFolded, RowId } from "./place";

const loadBody = () => import("./tool-body");
const ToolBody = part(async () => (await loadBody()).ToolBody, NotLoaded);

export const OUTCOMES: Record<Outcome, { shape: string; words: string; tone: string }> = {
  preparing: { shape: "◌", words: "preparing", tone: "text-muted" },
  running: { shape: "◐", words: "running", tone: "text-blue" },
  ok: { shape: "✓", words: "ok", tone: "text-green" },
  failed: { shape: "✕", words: "failed", tone: "text-red" },
  ended: { shape: "–", words: "ended, outcome unknown", tone: "text-muted" },
  waiting: { shape: "⏸", words: "waits for permission", tone: "text-amber" },
  cancelled: { shape: "–", words: "cancelled", tone: "text-muted" },
};

/** A line that opens to a body. */
export function Fold({
  line,
  children,
  openAtFirst = false,
  label,
}: {
  line: ReactNode;
  children: () => ReactNode;
  openAtFirst?: boolean;
  label?: string;
}) {
  const { api, unfolded } = useSession();
  const row = useContext(RowId);
  const [open, setOpen] = useState(() => (row ? folded(api, row) : null));
  const shown = unfolded === true || (open ?? openAtFirst);
  return (
    <>
      <button
        type="button"
        data-part="fold"
        aria-expanded={shown}
        aria-label={label}
        onClick={() => {
          setOpen(!shown);
          if (row) keepFolded(api, row, !shown);
        }}
        className="group flex min-h-7 w-full items-center gap-2 rounded px-1 text-left hover:bg-hover [@media(pointer:coarse)]:min-h-11"
      >
        {line}
        <ChevronRight
          size={14}
          aria-hidden
          className={`ml-auto shrink-0 text-muted transition-transform ${shown ? "rotate-90" : ""}`}
        />
      </button>
      {shown && (
        <div className="mt-1 mb-2 ml-5 min-w-0 border-l-2 border-line pl-3">
          <RowId.Provider value={null}>{children()}</RowId.Provider>
        </div>
      )}
    </>
  );
}

export const ToolRow = memo(function ToolRow({ item }: { item: ToolItem; rev: number }) {
  const { shape, tone } = OUTCOMES[item.outcome];
  const stats = statsOf(item);
  useEffect(() => void loadBody().catch(() => {}), []); // at hand when somebody opens it
  return (
    <Fold
      openAtFirst={item.outcome === "failed" || (item.outcome === "running" && item.output !== "")}
      line={
        <>
          <span aria-hidden className={`w-4 shrink-0 text-center ${tone} ${item.outcome === "running" ? "spin" : ""}`}>
            {shape}
          </span>
          <span className="shrink-0 font-medium">{verbOf(item.name)}</span>
          <code className="min-w-0 flex-1 truncate font-mono text-[0.9286rem]">{objectOf(item.input, item.text)}</code>
          {stats}
          <span
            data-part="facts"
            className={`shrink-0 text-xs ${item.outcome === "failed" ? "text-red" : "text-muted"}`}
          >
            {factsOf(item)}
          </span>
        </>
      }
    >
      {() => (
        <Suspense>
          <ToolBody item={item} />
        </Suspense>
      )}
    </Fold>
  );
});

function factsOf(item: ToolItem): string {
  const { exitCode, durationMs } = item.metadata;
  const facts = [OUTCOMES[item.outcome].words];
  if (exitCode != null) facts.push(`exit ${exitCode}`);
  if (item.tool === "read" && item.result !== null) facts.push(`${lineCount(item.result)} lines`);
  if (durationMs != null) facts.push(duration(durationMs));
  return facts.join(" · ");
}

const lineCount = (text: string) => text.replace(/\n$/, "").split("\n").length;

function statsOf(item: ToolItem): ReactNode {
  if (item.tool !== "edit" && item.tool !== "write") return null;
  const { added, removed } = counts(diffOf(item));
  return (
    <span className="shrink-0 text-xs">
      <span className="text-green">+{added}</span> {removed > 0 && <span className="text-red">−{removed}</span>}
    </span>
  );
}

const STEPS: Record<string, { shape: string; look: string; words: string }> = {
  completed: { shape: "✓", look: "text-green", words: "done" },
  in_progress: { shape: "◐", look: "text-blue", words: "doing" },
};

export function PlanLine({ status, text }: { status: string; text: string }) {
  const { shape, look, words } = STEPS[status] ?? { shape: "○", look: "text-muted", words: "open" };
  return (
    <li className="flex gap-2">
      <span aria-hidden className={look}>
        {shape}
      </span>
      <span className={status === "completed" ? "text-muted" : ""}>
        {text}
        <span className="sr-only"> ({words})</span>
      </span>
    </li>
  );
}
