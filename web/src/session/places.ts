// What the page and the worker that draws code say to each other. A place is where a text stands in the page.

import type { PaintedLine } from "./code";

export interface Asked {
  /** Of the place that the text stands in: a text that grows there is drawn on from where it was. */
  place: number;
  turn: number;
  language: string;
  text: string;
}

/** same: so many lines are as they were in the last reply; `lines` come after them. null: it could not be drawn. */
export interface Reply {
  place: number;
  turn: number;
  same: number;
  lines: PaintedLine[] | null;
}

/** Places of which the last lines are kept, here and in the worker. */
export const PLACES = 100;

/** One more entry; the oldest goes when there are too many. */
export function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}
