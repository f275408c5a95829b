import { expect, test } from "vitest";
import type { LogEvent } from "../src/fold/events";
import { fold, timeline } from "../src/fold/timeline";
import { reading } from "../src/session/left";
import { type Row, rowsOf, withLeft } from "../src/session/rows";

/** Runs that end as told, each with one message; every event has the next number. */
function rows(...ends: object[]): Row[] {
  const state = timeline();
  const events = ends.flatMap((end, at) => [
    { type: "RUN_STARTED", threadId: "s", runId: `r${at}` },
    { type: "TEXT_MESSAGE_START", messageId: `m${at}`, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: `m${at}`, delta: "Said." },
    { type: "TEXT_MESSAGE_END", messageId: `m${at}` },
    { threadId: "s", runId: `r${at}`, ...end },
  ]);
  events.forEach((event, at) => {
    fold(state, at + 1, event as LogEvent);
  });
  return rowsOf(state.items, false);
}
const FINISHED = { type: "RUN_FINISHED" };
const FAILED = { type: "RUN_ERROR", message: "no" };
const ASKED = { type: "RUN_FINISHED", outcome: { type: "interrupt", interrupts: [{ id: "q", message: "Which?" }] } };
const since = (found: Row[]) => found.flatMap((one, at) => (one.kind === "since" ? [[at, one.text]] : []));

test("who comes back is told what happened since, where they left", () => {
  const found = rows(FINISHED, FINISHED, FAILED, ASKED);
  expect(since(withLeft(found, 5, false))).toEqual([[2, "Since you left: 2 runs, 1 failure, 1 question"]]);
  expect(since(withLeft(found, 15, false))).toEqual([[6, "Since you left: 1 question"]]);
  expect(since(withLeft(rows(FINISHED, FINISHED).slice(0, 3), 5, false))).toEqual([[2, "Since you left: 1 line"]]);
});

test("who missed nothing, or was not away, is told nothing", () => {
  const found = rows(FINISHED);
  expect(withLeft(found, 5, false)).toBe(found);
  expect(withLeft(found, null, false)).toBe(found);
  expect(withLeft([], 0, false)).toEqual([]);
});

test("what was not read from the server yet is not counted as nothing", () => {
  const found = rows(FINISHED, FINISHED).slice(2);
  expect(since(withLeft(found, 1, true))).toEqual([[0, "Since you left: at least 1 run"]]);
});

test("the sessions read longest ago are forgotten beyond a hundred", () => {
  const known = Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`s${at}`, { seq: 1, at }]));
  const change = reading(known, "now", { seq: 9, at: 500 });
  expect(Object.values(change).filter((one) => one === null)).toHaveLength(21);
  expect(change.s0).toBeNull();
  expect(change.s119).toBeUndefined();
  expect(change.now).toEqual({ seq: 9, at: 500 });
});
