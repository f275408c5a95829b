// The conversation that a log adds up to: the twin of src/ambient/core/fold.py. Both run over the
// same recorded streams in the tests and must give equal JSON.

import type { ActivityMessage, Message, ToolCall } from "@ag-ui/core";
import { give, isRecord, type LogEvent, type MetaEvent, type Steps } from "./events";
import { joined, outputOf } from "./output";
import { patched } from "./patch";

/** An AG-UI message as the log makes it: roles differ in what else they have. */
export interface Said {
  id: string;
  role: Message["role"] | "activity" | "reasoning";
  content?: unknown;
  toolCalls?: ToolCall[];
  toolCallId?: string;
  error?: string;
  activityType?: ActivityMessage["activityType"];
  [key: string]: unknown;
}

export interface Conversation {
  messages: Said[];
  index: Map<string, Said>;
  calls: Map<string, ToolCall>;
  /** "kind:id" of what was started and not ended, in order. */
  open: Map<string, LogEvent>;
  hidden: Set<string>;
  state: unknown;
  tasks: Map<string, Task>;
  /** What calls without a result have put out so far. */
  outputs: Map<string, string>;
  feedback: MetaEvent[];
  run: string | null;
  lastRun: string | null;
}

/** A background task as its newest event tells it. */
export interface Task {
  name: string;
  value: Record<string, unknown>;
  timestamp?: number;
}

export function conversation(): Conversation {
  return {
    messages: [],
    index: new Map(),
    calls: new Map(),
    open: new Map(),
    hidden: new Set(),
    state: null,
    tasks: new Map(),
    outputs: new Map(),
    feedback: [],
    run: null,
    lastRun: null,
  };
}

/** Take the next event. */
export function converse(found: Conversation, event: LogEvent): void {
  give(STEPS, found, event);
}

/** The messages without what is still being said. */
export function finishedMessages(found: Conversation): Said[] {
  return found.messages.flatMap((message) => {
    if (found.open.has(`text:${message.id}`) || found.open.has(`think:${message.id}`)) return [];
    if (!message.toolCalls?.length) return [message];
    const ended = message.toolCalls.filter((call) => !found.open.has(`tool:${call.id}`));
    if (ended.length) return [{ ...message, toolCalls: ended }];
    const { toolCalls: _, ...rest } = message;
    return rest.content ? [rest as Said] : [];
  });
}

function add(found: Conversation, event: object, message: Said): Said {
  const given = event as Record<string, unknown>;
  for (const key of ["subagentRunId", "metadata", "name", "timestamp"]) {
    if (given[key] != null) message[key] = given[key];
  }
  found.messages.push(message);
  found.index.set(message.id, message);
  return message;
}

function say(found: Conversation, id: string, delta: string): void {
  const message = found.index.get(id);
  if (message) message.content = `${message.content ?? ""}${delta}`;
}

function ended(found: Conversation, run: string | undefined): void {
  found.lastRun = run ?? found.run;
  found.run = null;
  found.open.clear();
  found.outputs.clear();
}

const STEPS: Steps<Conversation> = {
  RUN_STARTED: (found, event) => {
    found.run = event.runId;
    found.open.clear();
  },
  RUN_FINISHED: (found, event) => ended(found, event.runId),
  RUN_ERROR: (found, event) => ended(found, (event as { runId?: string }).runId),
  TEXT_MESSAGE_START: (found, event) => {
    found.open.set(`text:${event.messageId}`, event);
    const known = found.index.get(event.messageId);
    if (known) known.content ??= "";
    else add(found, event, { id: event.messageId, role: event.role ?? "assistant", content: "" });
  },
  TEXT_MESSAGE_CONTENT: (found, event) => say(found, event.messageId, event.delta),
  TEXT_MESSAGE_END: (found, event) => void found.open.delete(`text:${event.messageId}`),
  TOOL_CALL_START: (found, event) => {
    if (found.calls.has(event.toolCallId)) {
      found.open.set(`again:${event.toolCallId}`, event);
      return;
    }
    found.open.set(`tool:${event.toolCallId}`, event);
    const id = event.parentMessageId || event.toolCallId;
    const message = found.index.get(id) ?? add(found, event, { id, role: "assistant" });
    const call: ToolCall = {
      id: event.toolCallId,
      type: "function",
      function: { name: event.toolCallName, arguments: "" },
    };
    message.toolCalls ??= [];
    message.toolCalls.push(call);
    found.calls.set(call.id, call);
  },
  TOOL_CALL_ARGS: (found, event) => {
    const call = found.calls.get(event.toolCallId);
    if (call) call.function.arguments += event.delta;
  },
  TOOL_CALL_END: (found, event) => {
    found.open.delete(`again:${event.toolCallId}`);
    found.open.delete(`tool:${event.toolCallId}`);
  },
  TOOL_CALL_RESULT: (found, event) => {
    found.outputs.delete(event.toolCallId);
    const message: Said = {
      id: event.messageId,
      role: "tool",
      toolCallId: event.toolCallId,
      content: event.content,
    };
    const { metadata } = event as { metadata?: Record<string, unknown> };
    if (metadata?.isError) message.error = typeof event.content === "string" ? event.content : "failed";
    add(found, event, message);
  },
  REASONING_START: (found, event) => void found.open.set(`block:${event.messageId}`, event),
  REASONING_MESSAGE_START: (found, event) => {
    found.open.set(`think:${event.messageId}`, event);
    if (!found.index.has(event.messageId)) {
      add(found, event, { id: event.messageId, role: "reasoning", content: "" });
    }
  },
  REASONING_MESSAGE_CONTENT: (found, event) => say(found, event.messageId, event.delta),
  REASONING_MESSAGE_END: (found, event) => void found.open.delete(`think:${event.messageId}`),
  REASONING_END: (found, event) => void found.open.delete(`block:${event.messageId}`),
  STEP_STARTED: (found, event) => void found.open.set(`step:${event.stepName}`, event),
  STEP_FINISHED: (found, event) => void found.open.delete(`step:${event.stepName}`),
  SUBAGENT_STARTED: (found, event) => void found.open.set(`agent:${event.subagentRunId}`, event),
  SUBAGENT_FINISHED: (found, event) => void found.open.delete(`agent:${event.subagentRunId}`),
  SUBAGENT_ERROR: (found, event) => void found.open.delete(`agent:${event.subagentRunId}`),
  MESSAGES_SNAPSHOT: (found, event) => {
    found.messages = event.messages.map((one) => ({ ...one }) as Said);
    found.index = new Map(found.messages.map((one) => [one.id, one]));
    const calls = found.messages.flatMap((one) => one.toolCalls ?? []);
    found.calls = new Map(calls.map((one) => [one.id, one]));
  },
  STATE_SNAPSHOT: (found, event) => {
    found.state = event.snapshot;
  },
  STATE_DELTA: (found, event) => {
    found.state = patched(found.state ?? {}, event.delta);
  },
  ACTIVITY_SNAPSHOT: (found, event) => {
    const known = found.index.get(event.messageId);
    if (known && event.replace === false) return;
    const message = known ?? add(found, event, { id: event.messageId, role: "activity" });
    message.activityType = event.activityType;
    message.content = event.content;
  },
  ACTIVITY_DELTA: (found, event) => {
    const message = found.index.get(event.messageId);
    if (message) message.content = patched(message.content, event.patch);
  },
  CUSTOM: (found, event) => {
    const told = outputOf(event);
    if (told && found.calls.has(told.call)) {
      found.outputs.set(told.call, joined(found.outputs.get(told.call) ?? "", told.delta));
    }
    if (!event.name.startsWith("task:") || !isRecord(event.value)) return;
    found.tasks.set(String(event.value.task_id), { name: event.name, value: event.value, timestamp: event.timestamp });
  },
  RAW: (found, event) => {
    const inner: unknown = event.event;
    if (isRecord(inner) && inner.type === "message_metadata" && inner.hidden) found.hidden.add(String(inner.messageId));
  },
  META: (found, event) => void found.feedback.push(event),
};
