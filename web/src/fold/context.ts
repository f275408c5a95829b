// How full the model's context is, as an agent tells it with the end of a run, and what a compaction leaves.
// The server keeps the same in status.usage (src/ambient/core/projection.py).

import { isRecord } from "./events";

/** Tokens in use after the newest answer; window: how many there can be, null: unknown. */
export interface Filled {
  tokens: number;
  window: number | null;
}

/** What the end of a run tells; undefined: nothing. */
export function filledOf(metadata: unknown): Filled | undefined {
  const told = isRecord(metadata) && isRecord(metadata.context) ? metadata.context : {};
  const tokens = size(told.tokens);
  return tokens ? { tokens, window: size(told.window) } : undefined;
}

/** What a compaction left; null: it does not say. */
export function leftOf(value: unknown, window: number | null): Filled | null {
  const tokens = size(sizes(value).post_tokens);
  return tokens ? { tokens, window } : null;
}

/** What happened, for people. */
export function compactionOf(value: unknown): string {
  const { pre_tokens, post_tokens, trigger } = sizes(value);
  const [before, after] = [size(pre_tokens), size(post_tokens)];
  const from = before && after ? ` from ${before.toLocaleString("en")} to ${after.toLocaleString("en")} tokens` : "";
  const why = trigger === "auto" ? ", as it was nearly full" : "";
  return `The agent compacted its context${from}${why}. Nothing is lost here.`;
}

/** Whole percent in use; null: the window is unknown. */
export const percentOf = ({ tokens, window }: Filled) => (window ? Math.floor((100 * tokens) / window) : null);

const sizes = (value: unknown) => (isRecord(value) && isRecord(value.compact_metadata) ? value.compact_metadata : {});
const size = (found: unknown) => (Number.isSafeInteger(found) && Number(found) > 0 ? Number(found) : null);
