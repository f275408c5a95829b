// One row of the timeline, by its kind.

import { Bot, Check, Copy, GitFork, Link2, Paperclip, RotateCcw, ThumbsDown, ThumbsUp } from "lucide-react";
import { memo, type ReactNode, useState } from "react";
import { post, problemOf } from "../api/http";
import type { AgentItem, EndItem, ErrorItem, MessageItem, ThoughtItem } from "../fold/timeline";
import { announce } from "../ui/announce";
import { Boundary } from "../ui/problem";
import { Clock, count, duration } from "../ui/time";
import { ArtifactCards } from "./artifact-card";
import { useSession } from "./context";
import { JsonTree } from "./json-tree";
import { Prose } from "./markdown";
import { RowId } from "./place";
import { QuestionCard } from "./question";
import { groupWords, type Row, rowsOf } from "./rows";
import { Fold, OUTCOMES, ToolRow } from "./tool";

export const RowView = memo(function RowView({ row, rev }: { row: Row; rev: number }) {
  return (
    <Boundary otherwise={<JsonTree name="This could not be drawn" value={row} />}>
      <RowId.Provider value={`${row.kind}:${row.id}`}>
        <Kind row={row} rev={rev} />
      </RowId.Provider>
    </Boundary>
  );
});

function Kind({ row, rev }: { row: Row; rev: number }): ReactNode {
  switch (row.kind) {
    case "message":
      return <MessageRow item={row} rev={rev} />;
    case "thought":
      return <ThoughtRow item={row} rev={rev} />;
    case "tool":
      return <ToolRow item={row} rev={rev} />;
    case "group":
      return (
        <Fold line={<Line shape="✓" tone="text-green" text={groupWords(row.items)} />}>
          {() => row.items.map((one) => <RowView key={one.id} row={one} rev={one.rev} />)}
        </Fold>
      );
    case "agent":
      return <AgentRow item={row} rev={rev} />;
    case "question":
      return <QuestionCard item={row} rev={rev} />;
    case "end":
      return <EndRow item={row} />;
    case "error":
      return <ErrorRow item={row} />;
    case "since":
      return <SinceRow text={row.text} />;
    case "note":
      return <NoteRow text={row.text} at={row.at} step={row.step} />;
    case "activity":
      return (
        <Fold line={<Line shape="▤" tone="text-muted" text={row.name} />}>
          {() => <JsonTree value={row.content} />}
        </Fold>
      );
    case "raw":
      return (
        <Fold line={<Line shape="·" tone="text-muted" text={`Event ${row.name}`} />}>
          {() => <JsonTree value={row.value} />}
        </Fold>
      );
  }
}

function Line({ shape, tone, text }: { shape: string; tone: string; text: string }) {
  return (
    <>
      <span aria-hidden className={`w-4 shrink-0 text-center ${tone}`}>
        {shape}
      </span>
      <span>{text}</span>
    </>
  );
}

function MessageRow({ item }: { item: MessageItem; rev: number }) {
  const mine = item.role === "user";
  const flag = item.forgotten ? "Taken back: the agent forgot this." : item.cut && !mine ? "Cut off here." : "";
  return (
    <div
      data-part="message"
      className={`group relative my-2 ${mine ? "rounded-lg bg-accent-soft px-4 py-2" : "px-1 py-1"} ${item.forgotten ? "opacity-70" : ""}`}
    >
      {mine && (
        <p className="mb-0.5 flex items-baseline gap-2">
          <strong className="text-[0.9286rem]">{item.sender || "You"}</strong>
          <Clock at={item.at} />
        </p>
      )}
      {mine ? <p className="whitespace-pre-wrap">{item.text}</p> : <Prose text={item.text} open={item.open} />}
      {!mine && !item.open && <ArtifactCards text={item.text} />}
      {item.attachments.length > 0 && (
        <p className="mt-1 flex flex-wrap gap-2">
          {item.attachments.map((name) => (
            <span key={name} className="inline-flex items-center gap-1 rounded border border-line px-2 text-xs">
              <Paperclip size={12} aria-hidden /> {name}
            </span>
          ))}
        </p>
      )}
      {flag && <p className="mt-1 text-xs text-amber">{flag}</p>}
      {!item.open && <MessageActions item={item} />}
    </div>
  );
}

function MessageActions({ item }: { item: MessageItem }) {
  const { fork, mayEdit, unfolded } = useSession();
  const [done, setDone] = useState("");
  const act = (what: string, text: string) => {
    void navigator.clipboard?.writeText(text).then(() => setDone(what));
    setTimeout(() => setDone(""), 2000);
  };
  const link = `${location.origin}${location.pathname}#e${item.seq}`;
  if (unfolded) return null;
  return (
    <span className="absolute top-1 right-1 flex rounded-md border border-line bg-surface opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
      {item.role === "assistant" && (
        <>
          <Thumb item={item} kind="thumbs_up" label="Good answer" icon={<ThumbsUp size={14} aria-hidden />} />
          <Thumb item={item} kind="thumbs_down" label="Bad answer" icon={<ThumbsDown size={14} aria-hidden />} />
        </>
      )}
      <IconButton
        label="Copy this text"
        done={done === "text"}
        icon={<Copy size={14} aria-hidden />}
        onClick={() => act("text", item.text)}
      />
      {item.seq > 0 && (
        <IconButton
          label="Copy a link to here"
          done={done === "link"}
          icon={<Link2 size={14} aria-hidden />}
          onClick={() => act("link", link)}
        />
      )}
      {item.last > 0 && mayEdit && (
        <IconButton
          label="Fork from here"
          done={false}
          icon={<GitFork size={14} aria-hidden />}
          onClick={() => void fork(item.last).catch((error: unknown) => announce(problemOf(error).message))}
        />
      )}
    </span>
  );
}

/** What a person thinks of an answer; it is kept in the log. */
function Thumb({ item, kind, label, icon }: { item: MessageItem; kind: string; label: string; icon: ReactNode }) {
  const { api, mayEdit } = useSession();
  const [given, setGiven] = useState(false);
  if (!mayEdit) return null;
  const give = async () => {
    try {
      await post(`${api}/agui/feedback`, { type: "META", metaType: kind, payload: { messageId: item.id } });
      setGiven(true);
    } catch (error) {
      announce(problemOf(error).message);
    }
  };
  return <IconButton label={label} done={given || item.feedback === kind} icon={icon} onClick={() => void give()} />;
}

function IconButton({
  label,
  icon,
  done,
  onClick,
}: {
  label: string;
  icon: ReactNode;
  done: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="btn btn-quiet btn-icon btn-small"
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {done ? <Check size={14} aria-hidden className="text-green" /> : icon}
    </button>
  );
}

function ThoughtRow({ item }: { item: ThoughtItem; rev: number }) {
  const took = item.ended && item.at ? ` for ${duration(item.ended - item.at)}` : "";
  const tail = item.open ? item.text.slice(-120).replaceAll("\n", " ") : "";
  return (
    <Fold
      line={
        <span className="flex min-w-0 gap-2 text-muted">
          <span aria-hidden className="w-4 shrink-0 text-center">
            ∴
          </span>
          <span className="shrink-0">{item.open ? "Thinking…" : `Thought${took}`}</span>
          {tail && <span className="truncate italic">{tail}</span>}
        </span>
      }
    >
      {() => <div className="whitespace-pre-wrap text-muted">{item.text}</div>}
    </Fold>
  );
}

function AgentRow({ item }: { item: AgentItem; rev: number }) {
  const { shape, words, tone } = OUTCOMES[item.outcome];
  const took = item.ended && item.at ? duration(item.ended - item.at) : "";
  const rows = rowsOf(item.children, false);
  return (
    <div className={`my-1 rounded-lg border ${item.outcome === "failed" ? "border-red" : "border-line"} px-2 py-1`}>
      <Fold
        openAtFirst={item.outcome === "running"}
        line={
          <>
            <Bot size={15} aria-hidden className={tone} />
            <span className="font-medium">Sub-agent {item.name}</span>
            <span className="min-w-0 flex-1 truncate text-muted">{item.task}</span>
            <span data-part="facts" className={`shrink-0 text-xs ${tone}`}>
              {[`${shape} ${words}`, took].filter(Boolean).join(" · ")}
            </span>
          </>
        }
      >
        {() =>
          rows.length ? (
            rows.map((row) => <RowView key={row.id} row={row} rev={row.rev} />)
          ) : (
            <p className="text-muted">It has said nothing yet.</p>
          )
        }
      </Fold>
      {item.error && <p className="px-1 text-red">{item.error}</p>}
    </div>
  );
}

const CAUSES: Record<string, string> = {
  runner_lost: "The runner disappeared while it worked",
  runner_unavailable: "The runner cannot be reached",
  runner_unauthorized: "The runner refused the platform's credential",
  run_timeout: "The run took too long",
  interrupt_timeout: "The agent did not stop in time",
  rolled_back: "The run was taken back",
  limit_reached: "The run reached its limit",
  model_error: "The model failed",
  credential_error: "A credential does not work",
};

function ErrorRow({ item }: { item: ErrorItem }) {
  const { compose } = useSession();
  return (
    <div data-part="run-error" className="my-2 rounded-lg border border-red bg-red-soft px-4 py-2">
      <p>
        <strong className="text-red">✕ {CAUSES[item.code] ?? "The run failed"}</strong> <Clock at={item.at} />
      </p>
      <p className="whitespace-pre-wrap">{item.message || "The agent gave no reason."}</p>
      <div className="mt-1 flex flex-wrap items-center gap-2">
        {item.prompt && (
          <button type="button" className="btn btn-small" onClick={() => compose(item.prompt)}>
            <RotateCcw size={13} aria-hidden /> Put the prompt back
          </button>
        )}
        <details className="text-xs">
          <summary className="inline-flex min-h-6 items-center text-muted underline">Details</summary>
          <code className="font-mono">
            {item.code || "no code"} · run {item.id}
          </code>
        </details>
      </div>
    </div>
  );
}

function EndRow({ item }: { item: EndItem }) {
  const said: Record<string, string> = { cancelled: "□ Run stopped", success: "Run finished" };
  const facts = [said[item.outcome] ?? `Run ended: ${item.outcome}`];
  if (item.took !== null) facts.push(duration(item.took));
  if (item.usage.input) facts.push(`${count(item.usage.input)} tokens in, ${count(item.usage.output)} out`);
  return <Divider text={facts.join(" · ")} at={item.at} />;
}

function NoteRow({ text, at, step }: { text: string; at: number | null; step: boolean }) {
  if (step) return <Divider text={text} at={at} />;
  return (
    <p className="px-1 py-0.5 text-xs text-muted">
      {text} <Clock at={at} />
    </p>
  );
}

function SinceRow({ text }: { text: string }) {
  return (
    <p className="my-2 flex items-center gap-3 text-xs font-semibold text-accent before:h-px before:flex-1 before:bg-accent after:h-px after:flex-1 after:bg-accent">
      {text}
    </p>
  );
}

function Divider({ text, at }: { text: string; at: number | null }) {
  return (
    <p className="my-2 flex items-center gap-3 text-xs text-muted before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
      <span>
        {text} <Clock at={at} />
      </span>
    </p>
  );
}
