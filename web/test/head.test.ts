import { expect, test } from "vitest";
import type { Run, Session } from "../src/api/types";
import type { LogEvent } from "../src/fold/events";
import { fold, timeline } from "../src/fold/timeline";
import { took } from "../src/session/facts";
import { startSteps } from "../src/session/starting";

const NOW = Date.parse("2026-11-28T12:00:30Z");
const at = (second: number) => `2026-11-28T12:00:${String(second).padStart(2, "0")}Z`;

function starting(conditions: [string, string, number][], more: object = {}): Session {
  return {
    metadata: { name: "s", namespace: "p", creationTimestamp: at(0) },
    spec: { repos: [{ url: "https://x.test/a" }, { url: "https://x.test/b" }] },
    status: {
      phase: "Creating",
      startTime: at(10),
      conditions: conditions.map(([type, status, second]) => ({ type, status, lastTransitionTime: at(second) })),
      ...more,
    },
  } as unknown as Session;
}
const told = (session: Session) =>
  startSteps(session, NOW).map((one) => `${one.name} ${one.state} ${one.took} ${one.note}`.trim());

test("a start tells its steps with their times", () => {
  const session = starting([
    ["PodScheduled", "True", 11],
    ["RunnerStarted", "True", 13],
    ["TokenAccepted", "True", 13],
  ]);
  expect(told(session)).toEqual([
    "Place done 1000",
    "Runner done 3000",
    "Credential done 3000",
    "Repositories now null 0 of 2",
    "Agent next null",
  ]);
});

test("what an earlier start reached says nothing of this one", () => {
  expect(told(starting([["PodScheduled", "True", 5]]))[0]).toBe("Place now null");
});

test("a repository that was not fetched does not hold the rest up", () => {
  const session = starting([
    ["PodScheduled", "True", 11],
    ["RunnerStarted", "True", 12],
    ["TokenAccepted", "True", 12],
    ["ReposReconciled", "False", 15],
  ]);
  expect(told(session).slice(3)).toEqual(["Repositories failed 5000", "Agent now null"]);
});

test("a run's time is counted from its start to its end, or to now", () => {
  const run = (fields: object) => fields as Run;
  expect(took(run({ startedAt: at(1), finishedAt: at(4) }), NOW)).toBe(3000);
  expect(took(run({ startedAt: at(20) }), NOW)).toBe(10_000);
  expect(took(run({}), NOW)).toBe(0);
});

test("tokens are counted by model, of runs that ended well and of those that did not", () => {
  const state = timeline();
  const small = { model: "small", inputTokens: 10, outputTokens: 2, cachedInputTokens: 4 };
  const large = { model: "large", inputTokens: 100, outputTokens: 20 };
  const events = [
    { type: "RUN_STARTED", runId: "a" },
    { type: "RUN_FINISHED", runId: "a", usage: [small, large] },
    { type: "RUN_STARTED", runId: "b" },
    { type: "RUN_ERROR", runId: "b", message: "no", usage: [small] },
  ];
  events.forEach((event, seq) => {
    fold(state, seq + 1, event as LogEvent);
  });
  expect(Object.fromEntries(state.models)).toEqual({
    small: { input: 20, output: 4, cached: 8 },
    large: { input: 100, output: 20, cached: 0 },
  });
  expect(state.usage).toEqual({ input: 120, output: 24, cached: 8 });
});
