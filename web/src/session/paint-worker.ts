// Draws code beside the page, so that a key is never kept waiting by a grammar.

import { paint, type Slice } from "./paint";
import { type Asked, PLACES, put, type Reply } from "./places";

const drawn = new Map<number, Slice[]>();
const busy = new Map<number, AbortController>();
let last: Promise<void> = Promise.resolve();

addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  busy.get(data.place)?.abort(); // a newer text of the same place
  const left = new AbortController();
  busy.set(data.place, left);
  last = last.then(async () => {
    const reply = await answer(data, left.signal).catch(() => null);
    postMessage({ place: data.place, turn: data.turn, same: 0, lines: null, ...reply } satisfies Reply);
    if (busy.get(data.place) === left) busy.delete(data.place);
  });
});

async function answer({ place, language, text }: Asked, left: AbortSignal): Promise<Partial<Reply> | null> {
  const before = drawn.get(place) ?? [];
  const slices = left.aborted ? null : await paint(language, text, before, left);
  if (!slices) return null;
  put(drawn, place, slices, PLACES);
  const fresh = slices.findIndex((one, at) => one !== before[at]);
  const from = fresh < 0 ? slices.length : fresh;
  const same = slices.slice(0, from).reduce((sum, one) => sum + one.lines.length, 0);
  return { same, lines: slices.slice(from).flatMap((one) => one.lines) };
}
