// What a command puts out while it runs: told between a call and its result, which takes its place.

import { isRecord } from "./events";

export const TOOL_OUTPUT = "ambient:tool_output";
const KEPT = 64 << 10; // characters; of more, the end: MOST_OUTPUT_KEPT of src/ambient/contract/events.py

/** What an event tells of a call's output; null: nothing. */
export function outputOf(event: { name: string; value?: unknown }): { call: string; delta: string } | null {
  if (event.name !== TOOL_OUTPUT || !isRecord(event.value)) return null;
  return { call: String(event.value.toolCallId), delta: String(event.value.delta ?? "") };
}

export const joined = (before: string, more: string) => (before + more).slice(-KEPT);
