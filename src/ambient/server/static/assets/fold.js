// What a session's log adds up to on the screen: a fold over its events, without a browser.
//
// `fold(state, event)` takes the next event of GET …/agui/events. A stray or unknown event never
// stops it. `state.items` is the timeline in order; an item that changed has a higher `rev`.

/** A session of which nothing is known yet. */
export function empty() {
  return {
    items: [],
    index: new Map(), // "kind:id" → item
    open: new Set(), // items that still grow
    hidden: new Set(), // ids of messages that are not shown
    run: null, // {id, began}: the active one
    plan: [], // [{text, status}]: the newest plan
    questions: [], // the items of open questions, oldest first
    prompt: "", // what a person wrote last
  };
}

/** Take the next event. */
export function fold(state, event) {
  const step = STEPS[event?.type];
  if (!step) return;
  try {
    step(state, event);
  } catch (error) {
    console.warn(`An event of type ${event.type} was passed over: ${error}`);
  }
}

/** The outcome of a tool call: green only for what is known to have succeeded. */
export function outcomeOf(metadata) {
  if (metadata?.isError || (metadata?.exitCode ?? 0) !== 0) return "failed";
  if (metadata?.isError === false || metadata?.exitCode === 0) return "ok";
  return "ended";
}

/** The text of a message or an answer, whichever way it is wrapped. */
export function textOf(content) {
  if (content == null) return "";
  if (typeof content === "string") return content;
  if (Array.isArray(content)) {
    return content.map((part) => part?.text ?? "").filter(Boolean).join("\n");
  }
  return typeof content.answer === "string" ? content.answer : JSON.stringify(content);
}

function add(state, kind, id, fields, event) {
  const item = { kind, id, rev: 0, at: event.timestamp ?? null, ...fields };
  if (event.subagentRunId && kind !== "agent") item.owner = event.subagentRunId;
  state.items.push(item);
  state.index.set(`${kind}:${id}`, item);
  return item;
}

const find = (state, kind, id) => state.index.get(`${kind}:${id}`);

function change(item, fields) {
  if (!item) return;
  Object.assign(item, fields);
  item.rev += 1;
}

function note(state, event, text) {
  add(state, "note", `n${state.items.length}`, { text }, event);
}

/** A step that opens an item, one that lets its text grow, one that closes it. */
function opens(kind, field, fields) {
  return (state, event) => {
    if (find(state, kind, event[field])) return; // a prelude says it again
    state.open.add(add(state, kind, event[field], fields(event, state), event));
  };
}

function grows(kind, field) {
  return (state, event) => {
    const item = find(state, kind, event[field]);
    if (item && typeof event.delta === "string") change(item, { text: item.text + event.delta });
  };
}

function closes(kind, field, fields = () => ({})) {
  return (state, event) => {
    const item = find(state, kind, event[field]);
    if (!item) return;
    state.open.delete(item);
    change(item, { ended: event.timestamp ?? null, ...fields(event, item) });
  };
}

// Runs

function runStarted(state, event) {
  state.run = { id: event.runId, began: event.timestamp ?? null };
  for (const answer of event.input?.resume ?? []) {
    const closed = answer.status === "resolved" ? "answered" : "skipped";
    const question = find(state, "question", answer.interruptId);
    change(question, { state: closed, answer: textOf(answer.payload) });
  }
  state.questions = state.questions.filter((one) => one.state === "open");
}

function runFinished(state, event) {
  const outcome = event.outcome?.type ?? "success";
  const ended = endRun(state, event, outcome === "cancelled" ? "cancelled" : "ended");
  if (outcome === "interrupt") {
    for (const interrupt of event.outcome.interrupts ?? []) ask(state, event, interrupt);
    return;
  }
  const usage = { input: 0, output: 0 };
  for (const one of event.usage ?? []) {
    usage.input += one.inputTokens ?? 0;
    usage.output += one.outputTokens ?? 0;
  }
  if (!ended) return;
  add(state, "end", event.runId, { outcome, took: ended.took, usage }, event);
}

function runFailed(state, event) {
  const ended = endRun(state, event, event.code === "cancelled" ? "cancelled" : "ended");
  if (!ended) return;
  if (event.code === "cancelled") {
    add(state, "end", event.runId, { outcome: "cancelled", took: ended.took }, event);
    return;
  }
  const fields = { code: event.code ?? "", message: event.message ?? "", prompt: state.prompt };
  add(state, "error", event.runId, fields, event);
}

/** Close what a run left open. Returns how long it took; null: it was over before. */
function endRun(state, event, outcome) {
  const { run } = state;
  for (const item of state.open) {
    change(item, { cut: true, ...(item.kind === "tool" && !item.asks ? { outcome } : {}) });
  }
  state.open.clear();
  state.run = null;
  if (!run) return null;
  return { took: run.began && event.timestamp ? event.timestamp - run.began : null };
}

// Questions

function ask(state, event, interrupt) {
  if (find(state, "question", interrupt.id)) return;
  const fields = {
    state: "open",
    message: interrupt.message || "It asks something.",
    options: optionsOf(interrupt),
    permission: /permission|approval/.test(interrupt.reason ?? ""),
    run: event.runId,
    answer: "",
  };
  state.questions.push(add(state, "question", interrupt.id, fields, event));
}

function optionsOf(interrupt) {
  const schema = interrupt.responseSchema ?? {};
  const found = schema.enum ?? schema.properties?.answer?.enum ?? [];
  return found.filter((one) => typeof one === "string");
}

// Tools and plans

const ASKS = /^(ask_?user_?question)$/i;
const PLANS = /^(todo_?write|plan|update_plan)$/i;

function toolEnded(event, item) {
  item.input = parsed(item.text);
  return { outcome: item.outcome === "preparing" ? "running" : item.outcome };
}

function toolEnd(state, event) {
  closes("tool", "toolCallId", toolEnded)(state, event);
  const item = find(state, "tool", event.toolCallId);
  if (!item) return;
  if (!item.asks) state.open.add(item); // until its result
  if (PLANS.test(item.name)) readPlan(state, item.input?.todos ?? item.input?.items);
}

function toolResult(state, event) {
  const item = find(state, "tool", event.toolCallId);
  if (!item) return;
  state.open.delete(item);
  const metadata = event.metadata ?? {};
  change(item, { result: textOf(event.content), metadata, outcome: outcomeOf(metadata) });
}

function readPlan(state, steps) {
  if (!Array.isArray(steps)) return;
  state.plan = steps.map((one) => ({
    text: String(one?.content ?? one?.text ?? one?.title ?? one),
    status: String(one?.status ?? "pending"),
  }));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function activity(state, event) {
  if (/plan/i.test(event.activityType)) {
    readPlan(state, event.content?.items ?? event.content?.steps ?? event.content?.todos);
    return;
  }
  const fields = { name: event.activityType, text: JSON.stringify(event.content, null, 2) };
  const item = find(state, "activity", event.messageId);
  if (item) change(item, fields);
  else add(state, "activity", event.messageId, fields, event);
}

// Messages

function messageStart(event, state) {
  const { role = "assistant", metadata } = event;
  if (metadata?.hidden) state.hidden.add(event.messageId);
  return { role, sender: metadata?.senderDisplayName ?? event.name ?? "", text: "" };
}

function messageEnd(state, event) {
  closes("message", "messageId")(state, event);
  const item = find(state, "message", event.messageId);
  if (item?.role === "user" && !state.hidden.has(item.id)) state.prompt = item.text;
}

/** A snapshot replaces the conversation: what it lacks is marked, what it adds is shown. */
function snapshot(state, event) {
  const kept = new Set(event.messages.map((one) => one.id));
  for (const item of state.items) {
    if (item.kind === "message" && !kept.has(item.id)) change(item, { forgotten: true });
  }
  for (const one of event.messages) {
    if (one.role === "tool") {
      toolResult(state, { ...one, metadata: one.metadata ?? (one.error ? { isError: true } : {}) });
    } else if (one.content && !find(state, "message", one.id) && SHOWN.has(one.role)) {
      const fields = { ...messageStart({ ...one, messageId: one.id }, state), text: textOf(one.content) };
      add(state, one.role === "reasoning" ? "thought" : "message", one.id, fields, {});
    }
    for (const call of one.toolCalls ?? []) snapshotCall(state, call);
  }
}

const SHOWN = new Set(["user", "assistant", "reasoning"]);

function snapshotCall(state, call) {
  if (find(state, "tool", call.id)) return;
  const { name, arguments: text } = call.function;
  const fields = { name, text, input: parsed(text), outcome: "ended", asks: ASKS.test(name) };
  add(state, "tool", call.id, fields, {});
}

// What the platform says

const NOTES = {
  "ambient:model_switched": (value) => `The model is now ${value.newModel}.`,
  "ambient:run_cancelled": () => "A queued prompt was taken back.",
  "ambient:phase": (value) => (value.message ? `${value.phase}: ${value.message}` : `${value.phase}.`),
};

function custom(state, event) {
  const say = NOTES[event.name];
  if (say) note(state, event, say(event.value ?? {}));
  else if (event.name === "task:completed") {
    note(state, event, `Background task ended: ${event.value?.description ?? event.value?.task_id}`);
  }
}

function raw(state, event) {
  const inner = event.event;
  if (inner?.type === "message_metadata" && inner.hidden) {
    state.hidden.add(inner.messageId);
    change(find(state, "message", inner.messageId), {});
  }
}

const STEPS = {
  RUN_STARTED: runStarted,
  RUN_FINISHED: runFinished,
  RUN_ERROR: runFailed,
  TEXT_MESSAGE_START: opens("message", "messageId", messageStart),
  TEXT_MESSAGE_CONTENT: grows("message", "messageId"),
  TEXT_MESSAGE_END: messageEnd,
  REASONING_MESSAGE_START: opens("thought", "messageId", () => ({ text: "" })),
  REASONING_MESSAGE_CONTENT: grows("thought", "messageId"),
  REASONING_MESSAGE_END: closes("thought", "messageId"),
  TOOL_CALL_START: opens("tool", "toolCallId", (event) => ({
    name: event.toolCallName,
    text: "",
    input: null,
    outcome: "preparing",
    asks: ASKS.test(event.toolCallName),
  })),
  TOOL_CALL_ARGS: grows("tool", "toolCallId"),
  TOOL_CALL_END: toolEnd,
  TOOL_CALL_RESULT: toolResult,
  SUBAGENT_STARTED: opens("agent", "subagentRunId", (event) => ({
    name: event.name ?? "sub-agent",
    text: event.description ?? "",
    outcome: "running",
  })),
  SUBAGENT_FINISHED: closes("agent", "subagentRunId", () => ({ outcome: "ok" })),
  SUBAGENT_ERROR: closes("agent", "subagentRunId", (event) => ({
    outcome: "failed",
    result: event.message ?? "",
  })),
  STEP_STARTED: (state, event) => note(state, event, `Step: ${event.stepName}`),
  ACTIVITY_SNAPSHOT: activity,
  MESSAGES_SNAPSHOT: snapshot,
  CUSTOM: custom,
  RAW: raw,
};
