import { expect, test } from "vitest";
import { limitOfCost, limitOfTime, timeoutOf } from "../src/session/limits";

test("the seconds that older platforms wrote into every session are no limit", () => {
  expect(limitOfTime({ timeout: 300 })).toBe(0);
  expect(limitOfTime({ timeout: null })).toBe(0);
  expect(limitOfTime({ timeout: 1800 })).toBe(30);
});

test("minutes that people write come back as they wrote them, five of them, too", () => {
  for (const minutes of [1, 4.5, 5, 30]) {
    expect(timeoutOf(minutes)).not.toBe(300);
    expect(limitOfTime({ timeout: timeoutOf(minutes) })).toBe(minutes);
  }
  expect(limitOfTime({ timeout: timeoutOf(0) })).toBe(0);
});

test("a limit of cost that is not there, or no number, is none", () => {
  expect(limitOfCost({ maxBudgetUsd: 0.5 })).toBe(0.5);
  expect(limitOfCost({ maxBudgetUsd: "much" })).toBe(0);
  expect(limitOfCost(null)).toBe(0);
});
