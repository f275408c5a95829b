import { describe, expect, test } from "vitest";
import type { LogEvent } from "../src/fold/events";
import { patched } from "../src/fold/patch";
import { fold, type Timeline, type ToolItem, timeline } from "../src/fold/timeline";
import { fieldsOf, payloadOf } from "../src/session/question";
import { rowsOf } from "../src/session/rows";

type Event = LogEvent & Record<string, unknown>;
const RUN: Event = { type: "RUN_STARTED", threadId: "s", runId: "r1", timestamp: 1000 };
const DONE: Event = { type: "RUN_FINISHED", threadId: "s", runId: "r1", timestamp: 3500 };

function folded(...events: unknown[]): Timeline {
  const state = timeline();
  events.flat().forEach((event, at) => {
    fold(state, at + 1, event as LogEvent);
  });
  return state;
}

function tool(name: string, result?: string, metadata?: object, id = "c"): Event[] {
  const call: Event[] = [
    { type: "TOOL_CALL_START", toolCallId: id, toolCallName: name },
    { type: "TOOL_CALL_ARGS", toolCallId: id, delta: '{"command": ' },
    { type: "TOOL_CALL_ARGS", toolCallId: id, delta: '"pytest"}' },
    { type: "TOOL_CALL_END", toolCallId: id },
  ];
  if (result === undefined) return call;
  return [...call, { type: "TOOL_CALL_RESULT", messageId: "m", toolCallId: id, content: result, metadata }];
}

function said(text: string, id = "m", role = "assistant"): Event[] {
  return [
    { type: "TEXT_MESSAGE_START", messageId: id, role },
    ...text.split("|").map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId: id, delta })),
    { type: "TEXT_MESSAGE_END", messageId: id },
  ];
}

const asked = (id = "q"): Event => ({
  ...DONE,
  outcome: { type: "interrupt", interrupts: [{ id, message: "Which?", responseSchema: { enum: ["a", "b"] } }] },
});

describe("outcomes", () => {
  const outcome = (...events: Event[][]) => (folded(RUN, ...events).items[0] as { outcome?: string }).outcome;

  test("a tool is green only when its result says so", () => {
    expect(outcome(tool("Bash", "x", { isError: false, exitCode: 0 }))).toBe("ok");
    expect(outcome(tool("Bash", "x", { isError: true, exitCode: 3 }))).toBe("failed");
    expect(outcome(tool("Bash", "x", { exitCode: 3 }))).toBe("failed");
    expect(outcome(tool("Bash", "x"))).toBe("ended");
    expect(outcome(tool("Bash"))).toBe("running");
    expect(outcome(tool("Bash"), [DONE])).toBe("ended");
    expect(outcome(tool("Bash"), [{ ...DONE, outcome: { type: "cancelled" } }])).toBe("cancelled");
  });

  test("failures are never folded away among quiet calls", () => {
    const reads = ["a", "b", "c", "d"].flatMap((id) => tool("Read", "x", { isError: false }, id));
    expect(rowsOf(folded(RUN, reads).items, false).map((one) => one.kind)).toEqual(["group"]);
    const failed = tool("Read", "no", { isError: true }, "e");
    expect(rowsOf(folded(RUN, reads, failed).items, false).map((one) => one.kind)).toEqual(["group", "tool"]);
  });
});

describe("the timeline", () => {
  test("arguments are read when they are complete", () => {
    expect(folded(RUN, tool("Bash")).items[0]).toMatchObject({ input: { command: "pytest" }, tool: "command" });
  });

  test("deltas add up, and a run ends with its duration", () => {
    const [message, end] = folded(RUN, said("Hel|lo"), DONE).items;
    expect(message).toMatchObject({ text: "Hello", open: false });
    expect(end).toMatchObject({ kind: "end", outcome: "success", took: 2500 });
  });

  test("a question stays open until it is answered", () => {
    const open = folded(RUN, asked(), { ...RUN, runId: "r2" }, said("more"));
    expect(open.questions.map((one) => one.id)).toEqual(["q"]);
    const resume = [
      { interruptId: "q", status: "resolved", payload: { answer: "b" }, metadata: { senderDisplayName: "Ann" } },
    ];
    const answered = folded(RUN, asked(), { ...RUN, runId: "r2", input: { resume } });
    expect(answered.questions).toEqual([]);
    expect(answered.items[0]).toMatchObject({ state: "answered", answer: "b", answeredBy: "Ann" });
  });

  test("a lost runner leaves an error and a cut message", () => {
    const lost = { type: "RUN_ERROR", runId: "r1", code: "runner_lost", message: "It is gone." };
    const state = folded(RUN, said("do it", "p", "user"), said("I was ab").slice(0, -1), lost);
    const [, cut, error] = state.items;
    expect(cut).toMatchObject({ cut: true });
    expect(error).toMatchObject({ code: "runner_lost", message: "It is gone.", prompt: "do it" });
    expect(state.open.size).toBe(0);
  });

  test("strays and unknown events stop nothing", () => {
    const strays = [
      { type: "NEWS_FROM_TOMORROW" },
      { type: "TEXT_MESSAGE_CONTENT", messageId: "?", delta: "x" },
      { type: "TOOL_CALL_RESULT", toolCallId: "?", content: "x" },
      { type: "MESSAGES_SNAPSHOT" },
      {},
      null,
    ];
    expect(folded(strays, RUN, said("Hi"), DONE).items).toHaveLength(2);
  });

  test("a prelude and the log end in the same conversation", () => {
    const messages = [
      { id: "p", role: "user", content: "go" },
      { id: "m", role: "assistant", content: "Hello" },
    ];
    const rest = said("Op", "n").slice(0, 2);
    const shown = (state: Timeline) => state.items.map((one) => [one.id, (one as { text?: string }).text]);
    const prelude = folded(RUN, { type: "MESSAGES_SNAPSHOT", messages }, rest);
    expect(shown(prelude)).toEqual(shown(folded(RUN, said("go", "p", "user"), said("Hello"), rest)));
  });

  test("the newest plan is the plan", () => {
    const delta = '{"todos": [{"content": "one", "status": "completed"}, {"content": "two"}]}';
    const [start, , , end] = tool("TodoWrite");
    const state = folded(RUN, start, { type: "TOOL_CALL_ARGS", toolCallId: "c", delta }, end);
    expect(state.plan).toEqual([
      { text: "one", status: "completed" },
      { text: "two", status: "pending" },
    ]);
  });

  test("what a sub-agent does stands in its card", () => {
    const inner = said("found it", "i").map((one) => ({ ...one, subagentRunId: "a" }));
    const state = folded(RUN, { type: "SUBAGENT_STARTED", subagentRunId: "a", name: "scout" }, inner, {
      type: "SUBAGENT_FINISHED",
      subagentRunId: "a",
    });
    expect(state.items).toHaveLength(1);
    expect(state.items[0]).toMatchObject({ kind: "agent", outcome: "ok", children: [{ text: "found it" }] });
  });
});

describe("answers", () => {
  test("a plain question has one field without a name", () => {
    const fields = fieldsOf({ type: "string", enum: ["a", "b"] });
    expect(fields).toMatchObject([{ name: "", kind: "choice", options: ["a", "b"] }]);
    expect(payloadOf(fields, { "": "a" })).toEqual({ answer: "a" });
  });

  test("several questions in one are answered by name", () => {
    const schema = {
      type: "object",
      properties: { "Which?": { enum: ["a"] }, "What else?": { type: "array", items: { enum: ["x", "y"] } } },
    };
    const fields = fieldsOf(schema);
    expect(fields.map((one) => one.kind)).toEqual(["choice", "several"]);
    expect(payloadOf(fields, { "Which?": "a", "What else?": ["x", "y"] })).toEqual({
      answers: { "Which?": "a", "What else?": ["x", "y"] },
    });
  });
});

test("a patch that does not fit changes nothing", () => {
  const value = { a: [1, 2] };
  expect(patched(value, [{ op: "add", path: "/a/1", value: 9 }])).toEqual({ a: [1, 9, 2] });
  expect(patched(value, [{ op: "replace", path: "/b/c", value: 9 }])).toBe(value);
  expect(patched(value, [{ op: "add", path: "/__proto__/x", value: 9 }])).toBe(value);
});

describe("a command that runs", () => {
  const told = (delta: string) => ({ type: "CUSTOM", name: "ambient:tool_output", value: { toolCallId: "c", delta } });
  const item = (...events: unknown[]) => folded(RUN, ...events).items[0] as ToolItem;

  test("shows what it has put out until its result takes the place of that", () => {
    expect(item(tool("Bash"), told("one\n"), told("two\n"))).toMatchObject({
      output: "one\ntwo\n",
      outcome: "running",
    });
    const over = item(tool("Bash"), told("one\n"), tool("Bash", "one\ntwo\n", { exitCode: 0 }).slice(-1));
    expect(over).toMatchObject({ output: "", result: "one\ntwo\n", outcome: "ok" });
    expect(item(tool("Bash", "all"), told("late")).output).toBe("");
  });

  test("keeps what it had put out when its run is stopped", () => {
    const stopped = item(tool("Bash"), told("one\n"), { ...DONE, outcome: { type: "cancelled" } });
    expect(stopped).toMatchObject({ output: "one\n", result: null, outcome: "cancelled" });
  });

  test("of much, the end is kept", () => {
    const { output } = item(tool("Bash"), told("x".repeat(70_000)), told("end"));
    expect(output.length).toBe(64 << 10);
    expect(output.endsWith("xend")).toBe(true);
  });
});
