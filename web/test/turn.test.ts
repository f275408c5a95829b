import { expect, test } from "vitest";
import { Turn } from "../src/stream/turn";

type Held = { name: string; end: (error?: Error) => void };

/** The locks of one browser, as its tabs see them. */
class Locks {
  held: Held[] = [];

  request = (async (name: string, how: LockOptions, held: (lock: Lock | null) => unknown) => {
    const known = this.held.find((one) => one.name === name);
    if (known && how.ifAvailable) return held(null);
    if (known) this.#end(known, new Error("stolen"));
    return new Promise<unknown>((resolve, reject) => {
      const mine: Held = { name, end: (error) => (error ? reject(error) : resolve(undefined)) };
      this.held.push(mine);
      void Promise.resolve(held({ name, mode: "exclusive" } as Lock)).then(() => this.#end(mine));
    });
  }) as LockManager["request"];

  #end(one: Held, error?: Error): void {
    this.held = this.held.filter((other) => other !== one);
    one.end(error);
  }
}

function browser() {
  const locks = new Locks();
  const kept = new Map<string, string>();
  const memory = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  let time = 0;
  const clock = () => ++time;
  return { locks, tab: () => new Turn(locks, memory, clock) };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 80));

test("three tabs have a place, and a fourth that is seen takes that of the one used longest ago", async () => {
  const { locks, tab } = browser();
  const lost: number[] = [];
  const tabs = [tab(), tab(), tab(), tab()];
  for (const [at, one] of tabs.slice(0, 3).entries()) {
    expect(await one.join(one, true, () => lost.push(at))).toBe(true);
  }
  tabs[0]?.used();
  const [, , , fourth] = tabs;
  expect(await fourth?.join(tabs, true, () => lost.push(3))).toBe(true);
  await settle();
  expect(lost).toEqual([1]);
  expect(locks.held).toHaveLength(3);
});

test("a tab that nobody sees sends nobody away", async () => {
  const { tab } = browser();
  const lost: number[] = [];
  for (const at of [0, 1, 2]) await tab().join({}, true, () => lost.push(at));
  expect(await tab().join({}, false, () => {})).toBe(false);
  await settle();
  expect(lost).toEqual([]);
});

test("a place that was left is free, unless the same tab goes on with it", async () => {
  const { locks, tab } = browser();
  const one = tab();
  const [first, second] = [{}, {}];
  await one.join(first, true, () => {});
  expect(await one.join(second, true, () => {})).toBe(true);
  one.leave(first);
  await settle();
  expect(locks.held).toHaveLength(1);
  one.leave(second);
  await settle();
  expect(locks.held).toHaveLength(0);
});

test("without locks a tab has a place while it is seen", async () => {
  const one = new Turn(undefined, { getItem: () => null, setItem: () => {} });
  expect(await one.join({}, true, () => {})).toBe(true);
  expect(await one.join({}, false, () => {})).toBe(false);
});
