// What a strict AG-UI client does with a session stream before it verifies it (docs/streams.md).
//
// A session stream is wider than a run: between runs it goes on with CUSTOM, RAW and META, and META
// is no AG-UI 1.0 event anywhere. Those are split off, in order; everything else is left where it is,
// so that an event of a run that stands outside one is still found.

const BETWEEN_RUNS = new Set(["CUSTOM", "RAW"]);

/** Split a session stream into what a run-shaped client reads, and the positions of the rest. */
export function splitSession(events) {
  const inside = [];
  const outside = [];
  let active = false;
  for (const [position, event] of events.entries()) {
    if (event.type === "META" || (!active && BETWEEN_RUNS.has(event.type))) {
      outside.push(position);
      continue;
    }
    if (event.type === "RUN_STARTED") active = true;
    if (event.type === "RUN_FINISHED" || event.type === "RUN_ERROR") active = false;
    inside.push(event);
  }
  return { inside, outside };
}
