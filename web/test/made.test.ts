import { expect, test } from "vitest";
import type { LogEvent } from "../src/fold/events";
import { fold, timeline } from "../src/fold/timeline";
import { artifactsIn, madeBy } from "../src/session/made";

test("an answer points at files of artifacts/, each once, however it says so", () => {
  const text = "See `artifacts/report.md`, [the data](artifacts/q1/data.csv), /tmp/s/workspace/artifacts/report.md.";
  expect(artifactsIn(text)).toEqual(["artifacts/report.md", "artifacts/q1/data.csv"]);
  expect(artifactsIn("in my-artifacts/x.md, src/artifacts/y.md, https://other.test/artifacts/z.md")).toEqual([]);
  expect(artifactsIn("the folder artifacts/ is empty")).toEqual([]);
});

const at = (second: number) => Date.UTC(2026, 0, 1, 0, 0, second);
const time = (second: number) => new Date(at(second)).toISOString();

function run(id: string, prompt: string, began: number, ended: number, more: object[] = []): object[] {
  const all = [
    { type: "RUN_STARTED", runId: id, threadId: "s" },
    { type: "TEXT_MESSAGE_START", messageId: `${id}-prompt`, role: "user" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: `${id}-prompt`, delta: prompt },
    { type: "TEXT_MESSAGE_END", messageId: `${id}-prompt` },
    ...more,
  ];
  const end = { type: "RUN_FINISHED", runId: id, threadId: "s", timestamp: at(ended) };
  return [...all.map((one) => ({ ...one, timestamp: at(began) })), end];
}

function write(path: string): object[] {
  return [
    { type: "TOOL_CALL_START", toolCallId: path, toolCallName: "Write" },
    { type: "TOOL_CALL_ARGS", toolCallId: path, delta: JSON.stringify({ file_path: path, content: "x" }) },
    { type: "TOOL_CALL_END", toolCallId: path },
    { type: "TOOL_CALL_RESULT", toolCallId: path, messageId: `${path}-r`, content: "ok", metadata: { isError: false } },
  ];
}

test("a file is of the run that edited it last, else of the run in whose time it was made", () => {
  const state = timeline();
  const events = [
    ...run("one", "First", 10, 20, write("/tmp/x/workspace/artifacts/a.md")),
    ...run("two", "Second", 100, 200),
  ];
  events.forEach((event, number) => {
    fold(state, number + 1, event as LogEvent);
  });
  const made = (path: string, second: number) => madeBy(state.items, path, time(second))?.text ?? null;
  expect(made("artifacts/a.md", 150)).toBe("First"); // touched later, by nobody's edit
  expect(made("artifacts/by-command.png", 150)).toBe("Second");
  expect(made("artifacts/by-command.png", 15)).toBe("First");
  expect(made("artifacts/uploaded.png", 60)).toBe(null); // between the runs
  expect(made("artifacts/uploaded.png", 5)).toBe(null);
});
