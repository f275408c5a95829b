// What a session's log adds up to on the screen: items in order. An item that changed has a higher `rev`.
//
// The items are changed in place, so that a million deltas cost no copies; who draws them compares `rev`.

import type { Interrupt } from "../api/types";
import { compactionOf, type Filled, filledOf, leftOf } from "./context";
import { type EventOf, give, isRecord, type LogEvent, type Steps } from "./events";
import { joined, outputOf, TOOL_OUTPUT } from "./output";
import { patched } from "./patch";
import { kindOf, type Outcome, outcomeOf, type ResultMetadata, type ToolKind } from "./tools";

interface Base {
  id: string;
  rev: number;
  /** Number of the event that began it; 0: from a snapshot. */
  seq: number;
  /** Of the event that ended it; 0: it is open, or from a snapshot. */
  last: number;
  at: number | null;
  ended: number | null;
  open: boolean;
  /** It ended with its run, not by itself. */
  cut: boolean;
}

export interface MessageItem extends Base {
  kind: "message";
  role: string;
  sender: string;
  text: string;
  hidden: boolean;
  forgotten: boolean;
  attachments: string[];
  /** thumbs_up, thumbs_down, or none. */
  feedback: string;
}
export interface ThoughtItem extends Base {
  kind: "thought";
  text: string;
}
export interface ToolItem extends Base {
  kind: "tool";
  name: string;
  tool: ToolKind;
  text: string;
  input: Record<string, unknown> | null;
  outcome: Outcome;
  /** What it has put out so far, while it has no result. */
  output: string;
  result: string | null;
  metadata: ResultMetadata;
}
export interface AgentItem extends Base {
  kind: "agent";
  name: string;
  task: string;
  outcome: Outcome;
  error: string;
  children: Item[];
}
export interface QuestionItem extends Base {
  kind: "question";
  interrupt: Interrupt;
  permission: boolean;
  state: "open" | "answered" | "skipped";
  answer: string;
  answeredBy: string;
  /** The id of who answered. */
  answeredById: string;
  answeredAt: number | null;
}
export interface EndItem extends Base {
  kind: "end";
  outcome: string;
  took: number | null;
  usage: TokenSum;
}
export interface ErrorItem extends Base {
  kind: "error";
  code: string;
  message: string;
  prompt: string;
}
export interface NoteItem extends Base {
  kind: "note";
  text: string;
  step: boolean;
}
export interface ActivityItem extends Base {
  kind: "activity";
  name: string;
  content: unknown;
}
/** An event that is only shown with “All events”. */
export interface RawItem extends Base {
  kind: "raw";
  name: string;
  value: unknown;
}
export type Item =
  | MessageItem
  | ThoughtItem
  | ToolItem
  | AgentItem
  | QuestionItem
  | EndItem
  | ErrorItem
  | NoteItem
  | ActivityItem
  | RawItem;
type ItemOf<K extends Item["kind"]> = Extract<Item, { kind: K }>;

export interface TokenSum {
  input: number;
  output: number;
  cached: number;
}
export interface PlanStep {
  text: string;
  status: "pending" | "in_progress" | "completed";
}

export interface Timeline {
  items: Item[];
  index: Map<string, Item>;
  /** Items that still grow. */
  open: Set<Item>;
  hidden: Set<string>;
  run: { id: string; began: number | null } | null;
  plan: PlanStep[];
  /** Open questions, oldest first. */
  questions: QuestionItem[];
  /** What people wrote, oldest first. */
  prompts: string[];
  usage: TokenSum;
  /** How full the model's context is; undefined: nothing was told, null: unknown since a compaction. */
  context: Filled | null | undefined;
  /** The same by model, where the agent names it. */
  models: Map<string, TokenSum>;
  /** Results whose call stands further back than was read. */
  orphans: Map<string, ToolResult>;
  /** Number of the newest event. */
  seq: number;
  /** Grows with each change. */
  rev: number;
}

const nothing = (): TokenSum => ({ input: 0, output: 0, cached: 0 });

/** A session of which nothing is known yet. */
export function timeline(): Timeline {
  return {
    items: [],
    index: new Map(),
    open: new Set(),
    hidden: new Set(),
    run: null,
    plan: [],
    questions: [],
    prompts: [],
    usage: nothing(),
    context: undefined,
    models: new Map(),
    orphans: new Map(),
    seq: 0,
    rev: 0,
  };
}

/** Take the next event. seq: its number; 0: it has none, since it is part of a prelude. */
export function fold(state: Timeline, seq: number, event: LogEvent): void {
  if (seq) state.seq = seq;
  state.rev += 1;
  give(STEPS, state, event, (error) => console.warn(`An event of type ${event.type} was passed over: ${error}`));
}

/** The text of a message or an answer, whichever way it is wrapped. */
export function textOf(content: unknown): string {
  if (content == null) return "";
  if (typeof content === "string") return content;
  if (Array.isArray(content)) {
    if (content.every((part) => typeof part === "string")) return content.join(", ");
    return content
      .map((part: unknown) => (isRecord(part) && typeof part.text === "string" ? part.text : ""))
      .filter(Boolean)
      .join("\n");
  }
  if (isRecord(content)) {
    for (const key of ["answer", "text", "decision"]) {
      if (typeof content[key] === "string") return content[key];
    }
    if (isRecord(content.answers)) return Object.values(content.answers).map(textOf).join(", ");
  }
  return JSON.stringify(content);
}

// Items

interface Attributed {
  timestamp?: number;
  subagentRunId?: string;
  parent_tool_call_id?: string;
}

function base(state: Timeline, id: string, event: Attributed, open: boolean): Base {
  return { id, rev: 0, seq: state.seq, last: 0, at: event.timestamp ?? null, ended: null, open, cut: false };
}

function add<I extends Item>(state: Timeline, item: I, event: Attributed): I {
  const owner = find(state, "agent", event.subagentRunId ?? "") ?? null;
  if (owner && owner !== item) {
    owner.children.push(item);
    change(owner, {});
  } else state.items.push(item);
  state.index.set(`${item.kind}:${item.id}`, item);
  if (item.open) state.open.add(item);
  return item;
}

function find<K extends Item["kind"]>(state: Timeline, kind: K, id: string): ItemOf<K> | undefined {
  return state.index.get(`${kind}:${id}`) as ItemOf<K> | undefined;
}

function change<I extends Item>(item: I | undefined, fields: Partial<I>): void {
  if (!item) return;
  Object.assign(item, fields);
  item.rev += 1;
}

function close<I extends Item>(state: Timeline, item: I | undefined, event: Attributed, fields: Partial<I> = {}): void {
  if (!item) return;
  state.open.delete(item);
  if ("text" in item) whole(item.text);
  change(item, { ended: event.timestamp ?? null, last: state.seq, open: false, ...fields });
  touchOwner(state, event);
}

/** Let the engine join what was appended piece by piece: thousands of pieces are many times their text. */
function whole(text: string): void {
  text.charCodeAt(0);
}

/** A card shows its newest line, so it changes with what is in it. */
function touchOwner(state: Timeline, event: Attributed): void {
  if (event.subagentRunId) change(find(state, "agent", event.subagentRunId), {});
}

function note(state: Timeline, event: Attributed, text: string, step = false): void {
  const id = `n${state.seq}-${state.index.size}`;
  add(state, { kind: "note", text, step, ...base(state, id, event, false) }, event);
}

// Runs

function runStarted(state: Timeline, event: EventOf<"RUN_STARTED">): void {
  state.run = { id: event.runId, began: event.timestamp ?? null };
  for (const answer of event.input?.resume ?? []) {
    const item = find(state, "question", answer.interruptId);
    if (!item) continue;
    const { metadata } = answer as { metadata?: { senderId?: string; senderDisplayName?: string } };
    change(item, {
      state: answer.status === "resolved" ? "answered" : "skipped",
      answer: textOf(answer.payload),
      answeredBy: metadata?.senderDisplayName ?? "",
      answeredById: metadata?.senderId ?? "",
      answeredAt: event.timestamp ?? null,
      open: false,
    });
  }
  state.questions = state.questions.filter((one) => one.state === "open");
}

function runFinished(state: Timeline, event: EventOf<"RUN_FINISHED">): void {
  const { outcome } = event;
  const kind = outcome?.type ?? "success";
  const run = endRun(state, kind === "cancelled" ? "cancelled" : "ended");
  const usage = spent(state, event);
  if (outcome?.type === "interrupt") {
    for (const one of outcome.interrupts ?? []) ask(state, event, one as Interrupt);
  } else if (!find(state, "end", event.runId)) ends(state, event, event.runId, kind, run?.began ?? null, usage);
}

/** What a run took, added to what all took. */
function spent(state: Timeline, event: { usage?: EventOf<"RUN_FINISHED">["usage"]; metadata?: unknown }): TokenSum {
  const usage = nothing();
  state.context = filledOf(event.metadata) ?? state.context;
  for (const one of event.usage ?? []) {
    const { model } = one as { model?: string };
    const of = model ? (state.models.get(model) ?? nothing()) : nothing();
    if (model) state.models.set(model, of);
    for (const sum of [usage, state.usage, of]) {
      sum.input += one.inputTokens ?? 0;
      sum.output += one.outputTokens ?? 0;
      sum.cached += one.cachedInputTokens ?? 0;
    }
  }
  return usage;
}

function ends(
  state: Timeline,
  event: Attributed,
  id: string,
  outcome: string,
  began: number | null,
  usage: TokenSum,
): void {
  const took = began && event.timestamp ? event.timestamp - began : null;
  add(
    state,
    { kind: "end", outcome, took, usage, ...base(state, id, event, false) },
    {
      timestamp: event.timestamp,
    },
  );
}

function runFailed(state: Timeline, event: EventOf<"RUN_ERROR">): void {
  const cancelled = event.code === "cancelled";
  const run = endRun(state, cancelled ? "cancelled" : "ended");
  const usage = spent(state, event as Parameters<typeof spent>[1]);
  const id = (event as { runId?: string }).runId ?? run?.id ?? "";
  if (find(state, "error", id) || find(state, "end", id)) return;
  if (cancelled) {
    ends(state, event, id, "cancelled", run?.began ?? null, usage);
    return;
  }
  const fields = { code: event.code ?? "", message: event.message ?? "", prompt: state.prompts.at(-1) ?? "" };
  add(state, { kind: "error", ...fields, ...base(state, id, event, false) }, {});
}

/** Close what a run left open. Returns the run; null: it was over before. */
function endRun(state: Timeline, outcome: Outcome): Timeline["run"] {
  const { run } = state;
  for (const item of state.open) {
    if (item.kind === "question") continue;
    change(item, { cut: true, open: false });
    if ((item.kind === "tool" && item.tool !== "ask") || item.kind === "agent") change(item, { outcome });
  }
  state.open = new Set([...state.open].filter((one) => one.kind === "question"));
  state.run = null;
  return run;
}

// Questions

function ask(state: Timeline, event: Attributed, interrupt: Interrupt): void {
  if (find(state, "question", interrupt.id)) return;
  const item: QuestionItem = {
    kind: "question",
    interrupt,
    permission: /permission|approval/.test(interrupt.reason ?? ""),
    state: "open",
    answer: "",
    answeredBy: "",
    answeredById: "",
    answeredAt: null,
    ...base(state, interrupt.id, event, true),
  };
  state.questions.push(add(state, item, {}));
  const tool = find(state, "tool", interrupt.toolCallId ?? "");
  if (tool && item.permission) change(tool, { outcome: "waiting" });
}

// Tools and plans

function toolStart(state: Timeline, event: EventOf<"TOOL_CALL_START">): void {
  if (find(state, "tool", event.toolCallId)) return; // a later run names it again
  makeTool(state, event.toolCallId, event.toolCallName, "", "preparing", event);
}

function makeTool(
  state: Timeline,
  id: string,
  name: string,
  text: string,
  outcome: Outcome,
  event: Attributed,
): ToolItem {
  const open = outcome === "preparing";
  const fields = { name, tool: kindOf(name), text, input: open ? null : parsed(text), outcome };
  return add(
    state,
    { kind: "tool", ...fields, output: "", result: null, metadata: {}, ...base(state, id, event, open) },
    event,
  );
}

function toolEnd(state: Timeline, event: EventOf<"TOOL_CALL_END">): void {
  const item = find(state, "tool", event.toolCallId);
  if (!item || item.input) return;
  const input = parsed(item.text);
  change(item, { input, outcome: item.outcome === "preparing" ? "running" : item.outcome });
  touchOwner(state, event as Attributed);
  if (item.tool === "plan") readPlan(state, input?.todos ?? input?.items ?? input?.plan ?? input?.steps);
}

interface ToolResult extends Attributed {
  toolCallId: string;
  content?: unknown;
}

function toolResult(state: Timeline, event: ToolResult): void {
  const item = find(state, "tool", event.toolCallId);
  if (!item) {
    state.orphans.set(event.toolCallId, event);
    return;
  }
  const metadata = ((event as { metadata?: ResultMetadata }).metadata ?? {}) as ResultMetadata;
  close(state, item, event, { output: "", result: textOf(event.content), metadata, outcome: outcomeOf(metadata) });
}

function readPlan(state: Timeline, steps: unknown): void {
  if (!Array.isArray(steps)) return;
  state.plan = steps.map((one: unknown): PlanStep => {
    const step = isRecord(one) ? one : { content: one };
    const status = String(step.status ?? "pending");
    return {
      text: String(step.content ?? step.text ?? step.title ?? step.step ?? ""),
      status: status === "completed" || status === "in_progress" ? status : "pending",
    };
  });
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : null;
  } catch {
    return null;
  }
}

function activity(state: Timeline, event: EventOf<"ACTIVITY_SNAPSHOT">): void {
  if (/plan|todo/i.test(event.activityType) && isRecord(event.content)) {
    readPlan(state, event.content.items ?? event.content.steps ?? event.content.todos);
  }
  const known = find(state, "activity", event.messageId);
  if (known && event.replace === false) return;
  if (known) change(known, { name: event.activityType, content: event.content });
  else {
    const fields = { name: event.activityType, content: event.content };
    add(state, { kind: "activity", ...fields, ...base(state, event.messageId, event, false) }, event as Attributed);
  }
}

function activityDelta(state: Timeline, event: EventOf<"ACTIVITY_DELTA">): void {
  const known = find(state, "activity", event.messageId);
  if (!known) return;
  change(known, { content: patched(known.content, event.patch) });
  if (/plan|todo/i.test(known.name) && isRecord(known.content)) {
    readPlan(state, known.content.items ?? known.content.steps ?? known.content.todos);
  }
}

// Messages

interface Spoken {
  role?: string;
  name?: string;
  metadata?: { hidden?: boolean; senderDisplayName?: string; attachments?: { name?: string }[] };
}

function makeMessage(state: Timeline, id: string, event: Spoken & Attributed, open: boolean): MessageItem {
  const { metadata } = event;
  if (metadata?.hidden) state.hidden.add(id);
  const item: MessageItem = {
    kind: "message",
    role: event.role ?? "assistant",
    sender: metadata?.senderDisplayName ?? event.name ?? "",
    text: "",
    hidden: state.hidden.has(id),
    forgotten: false,
    feedback: "",
    attachments: (metadata?.attachments ?? []).map((one) => one.name ?? "file"),
    ...base(state, id, event, open),
  };
  return add(state, item, event);
}

function messageEnd(state: Timeline, event: EventOf<"TEXT_MESSAGE_END">): void {
  const item = find(state, "message", event.messageId);
  if (!item?.open) return;
  close(state, item, event);
  if ((event as { metadata?: { cut?: boolean } }).metadata?.cut) change(item, { cut: true });
  if (item.role === "user" && !item.hidden) state.prompts.push(item.text);
}

/** A snapshot replaces the conversation: what it lacks is marked, what it adds is shown. */
function snapshot(state: Timeline, event: EventOf<"MESSAGES_SNAPSHOT">): void {
  const kept = new Set(event.messages.map((one) => one.id));
  for (const item of state.items) {
    if (item.kind === "message" && !kept.has(item.id)) change(item, { forgotten: true });
  }
  for (const one of event.messages) addMessage(state, one as SnapshotMessage);
}

export interface SnapshotMessage extends Spoken, Attributed {
  id: string;
  /** Of the event that began it, in pages of history. */
  seq?: number;
  hidden?: boolean;
  role: string;
  content?: unknown;
  error?: string;
  toolCallId?: string;
  activityType?: string;
  toolCalls?: { id: string; function: { name: string; arguments: string } }[];
}

/** A whole message, of a snapshot or of a page of history. */
function addMessage(state: Timeline, one: SnapshotMessage): void {
  if (one.hidden) state.hidden.add(one.id);
  if (one.role === "tool") {
    const metadata = one.metadata ?? (one.error ? { isError: true } : {});
    toolResult(state, { ...one, toolCallId: one.toolCallId ?? "", metadata } as Parameters<typeof toolResult>[1]);
  } else if (one.role === "reasoning" && one.content && !find(state, "thought", one.id)) {
    add(state, { kind: "thought", text: textOf(one.content), ...base(state, one.id, one, false) }, one);
  } else if ((one.role === "user" || one.role === "assistant") && one.content && !find(state, "message", one.id)) {
    const item = makeMessage(state, one.id, one, false);
    item.text = textOf(one.content);
    if (one.role === "user" && !item.hidden) state.prompts.push(item.text);
  } else if (one.role === "activity" && !find(state, "activity", one.id)) {
    const fields = { name: one.activityType ?? "activity", content: one.content };
    add(state, { kind: "activity", ...fields, ...base(state, one.id, one, false) }, one);
  }
  for (const call of one.toolCalls ?? []) {
    if (find(state, "tool", call.id)) continue;
    const item = makeTool(state, call.id, call.function.name, call.function.arguments, "ended", one);
    if (item.tool === "plan") readPlan(state, item.input?.todos ?? item.input?.items);
  }
}

/** Put a page of older messages in front. */
export function prepend(state: Timeline, messages: SnapshotMessage[]): void {
  const older = timeline();
  for (const one of messages) {
    older.seq = one.seq ?? 0;
    const known = find(state, "message", one.id) ?? find(state, "thought", one.id);
    addMessage(older, known ? { ...one, content: undefined } : one);
  }
  const items = older.items.filter((one) => !state.index.has(`${one.kind}:${one.id}`));
  for (const one of items) state.index.set(`${one.kind}:${one.id}`, one);
  state.items = [...items, ...state.items];
  state.prompts = [...older.prompts, ...state.prompts];
  if (!state.plan.length) state.plan = older.plan;
  for (const [id, result] of state.orphans) {
    if (!find(state, "tool", id)) continue;
    state.orphans.delete(id);
    toolResult(state, result);
  }
  for (const [id, result] of older.orphans) state.orphans.set(id, result);
  state.rev += 1;
}

// What the platform says

type Fields = Record<string, unknown>;
const NOTES: Record<string, (value: Fields) => string> = {
  "ambient:model_switched": (value) => `The model is now ${value.newModel}.`,
  "ambient:compacted": compactionOf,
  "ambient:run_cancelled": () => "A queued prompt was taken back.",
  "ambient:phase": (value) => (value.message ? `${value.phase}: ${value.message}` : `${value.phase}.`),
  "ambient:permission_revoked": (value) => {
    const by = isRecord(value.by) ? value.by.displayName : "";
    return `${by || "Somebody"} revoked the permission ${value.rule}.`;
  },
  "task:started": (value) => `Background task started: ${value.description ?? value.task_id}`,
  "task:completed": (value) => `Background task ended: ${value.description ?? value.task_id}`,
};
const SILENT = new Set(["ambient:run_queued", "ambient:trace_id", "task:progress"]);

function toolOutput(state: Timeline, event: EventOf<"CUSTOM">): void {
  const told = outputOf(event);
  const item = told && find(state, "tool", told.call);
  if (item?.result !== null) return;
  change(item, { output: joined(item.output, told?.delta ?? "") });
  touchOwner(state, event as Attributed);
}

function custom(state: Timeline, event: EventOf<"CUSTOM">): void {
  const say = NOTES[event.name];
  if (event.name === "ambient:compacted") state.context = leftOf(event.value, state.context?.window ?? null);
  if (event.name === TOOL_OUTPUT) toolOutput(state, event);
  else if (say) note(state, event, say(isRecord(event.value) ? event.value : {}));
  else if (!SILENT.has(event.name)) unknown(state, event, event.name, event.value);
}

function raw(state: Timeline, event: EventOf<"RAW">): void {
  const inner: unknown = event.event;
  if (isRecord(inner) && inner.type === "message_metadata") {
    if (!inner.hidden) return;
    const id = String(inner.messageId);
    state.hidden.add(id);
    change(find(state, "message", id), { hidden: true });
  } else unknown(state, event, "RAW", inner);
}

function unknown(state: Timeline, event: Attributed, name: string, value: unknown): void {
  const id = `r${state.seq}-${state.index.size}`;
  add(state, { kind: "raw", name, value, ...base(state, id, event, false) }, {});
}

const STEPS: Steps<Timeline> = {
  RUN_STARTED: runStarted,
  RUN_FINISHED: runFinished,
  RUN_ERROR: runFailed,
  TEXT_MESSAGE_START: (state, event) => {
    if (!find(state, "message", event.messageId)) makeMessage(state, event.messageId, event as Spoken, true);
  },
  TEXT_MESSAGE_CONTENT: (state, event) => {
    const item = find(state, "message", event.messageId);
    if (item?.open && typeof event.delta === "string") change(item, { text: item.text + event.delta });
  },
  TEXT_MESSAGE_END: messageEnd,
  REASONING_MESSAGE_START: (state, event) => {
    if (find(state, "thought", event.messageId)) return;
    add(state, { kind: "thought", text: "", ...base(state, event.messageId, event, true) }, event as Attributed);
  },
  REASONING_MESSAGE_CONTENT: (state, event) => {
    const item = find(state, "thought", event.messageId);
    if (item?.open && typeof event.delta === "string") change(item, { text: item.text + event.delta });
  },
  REASONING_MESSAGE_END: (state, event) => close(state, find(state, "thought", event.messageId), event),
  TOOL_CALL_START: toolStart,
  TOOL_CALL_ARGS: (state, event) => {
    const item = find(state, "tool", event.toolCallId);
    if (item?.outcome === "preparing" && typeof event.delta === "string")
      change(item, { text: item.text + event.delta });
  },
  TOOL_CALL_END: toolEnd,
  TOOL_CALL_RESULT: (state, event) => toolResult(state, event as Parameters<typeof toolResult>[1]),
  SUBAGENT_STARTED: (state, event) => {
    if (find(state, "agent", event.subagentRunId)) return;
    const { name, description } = event as { name?: string; description?: string };
    const fields = { name: name ?? "sub-agent", task: description ?? "", outcome: "running" as const, error: "" };
    const item: AgentItem = {
      kind: "agent",
      ...fields,
      children: [],
      ...base(state, event.subagentRunId, event, true),
    };
    const { parentSubagentRunId } = event as { parentSubagentRunId?: string };
    add(state, item, { timestamp: event.timestamp, subagentRunId: parentSubagentRunId });
  },
  SUBAGENT_FINISHED: (state, event) =>
    close(state, find(state, "agent", event.subagentRunId), { timestamp: event.timestamp }, { outcome: "ok" }),
  SUBAGENT_ERROR: (state, event) =>
    close(
      state,
      find(state, "agent", event.subagentRunId),
      { timestamp: event.timestamp },
      {
        outcome: "failed",
        error: event.message ?? "",
      },
    ),
  STEP_STARTED: (state, event) => note(state, event as Attributed, event.stepName, true),
  ACTIVITY_SNAPSHOT: activity,
  ACTIVITY_DELTA: activityDelta,
  MESSAGES_SNAPSHOT: snapshot,
  META: (state, event) => {
    change(find(state, "message", event.payload?.messageId ?? ""), { feedback: event.metaType });
  },
  CUSTOM: custom,
  RAW: raw,
};
