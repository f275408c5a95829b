// The events of a log: AG-UI 1.0, and META, which older agents use for feedback.

import type { AGUIEventByType } from "@ag-ui/core";

export interface MetaEvent {
  type: "META";
  metaType: string;
  payload?: { messageId?: string; [key: string]: unknown };
  timestamp?: number;
}

export type EventOf<K extends string> = K extends `${keyof AGUIEventByType}`
  ? { [E in keyof AGUIEventByType as `${E}`]: AGUIEventByType[E] }[K]
  : never;

/** What takes the events of each type. */
export type Steps<State> = {
  [E in keyof AGUIEventByType as `${E}`]?: (state: State, event: AGUIEventByType[E]) => void;
} & { META?: (state: State, event: MetaEvent) => void };

/** An event as it came: any shape, until a step takes it. */
export interface LogEvent {
  type: string;
  timestamp?: number;
}

/** Give an event to its step. A stray or unknown event stops nothing; what a step threw is told to `odd`. */
export function give<State>(
  steps: Steps<State>,
  state: State,
  event: LogEvent,
  odd: (error: unknown) => void = () => {},
): void {
  const step = (steps as Record<string, ((state: State, event: LogEvent) => void) | undefined>)[event?.type];
  try {
    step?.(state, event);
  } catch (error) {
    odd(error);
  }
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
