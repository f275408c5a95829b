// What one run may take and cost, as a spec says it and as people write it.

import type { Session } from "../api/types";

type Spec = Session["spec"];

/** Seconds that older platforms wrote into every session: no limit is meant. */
const NO_TIMEOUT = 300;

/** The runner type that keeps a limit of cost. */
export const CLAUDE = "claude-agent-sdk";

/** Minutes that a run may take; 0: no limit is set. */
export function limitOfTime({ timeout }: Pick<Spec, "timeout">): number {
  return !timeout || timeout === NO_TIMEOUT ? 0 : Number((timeout / 60).toFixed(1));
}

/** Minutes as a spec's `timeout`; 0: no limit. Five of them are a second more, as 300 means none. */
export function timeoutOf(minutes: number): number {
  const seconds = Math.round(minutes * 60);
  return seconds <= 0 ? NO_TIMEOUT : seconds === NO_TIMEOUT ? NO_TIMEOUT + 1 : seconds;
}

/** US dollars that each run may take; 0: no limit is set. */
export function limitOfCost(options: Record<string, unknown> | null | undefined): number {
  return Number(options?.maxBudgetUsd) || 0;
}
