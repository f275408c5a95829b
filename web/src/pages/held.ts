// A list stands still under a pointer or a focus: rows change in place, and what would move them waits.

import { useRef, useState } from "react";
import type { Row } from "../api/types";

interface Held {
  /** In the order in which they are to be shown. */
  rows: Row[];
  /** How many are not shown yet. */
  fresh: number;
  /** Whether the order would be another one. */
  moved: boolean;
  /** Show all, as it is now. */
  release: () => void;
}

const uidOf = (row: Row) => row.metadata.uid;

/** What is shown of a list in this order, and what is kept back. What is gone leaves at once. */
export function heldBack(rows: Row[], order: readonly string[]): Omit<Held, "release"> {
  const known = new Map(rows.map((one) => [uidOf(one), one]));
  const shown = order.flatMap((uid) => known.get(uid) ?? []);
  const now = rows.filter((one) => order.includes(uidOf(one)));
  return {
    rows: shown,
    fresh: rows.length - now.length,
    moved: now.some((one, at) => uidOf(one) !== uidOf(shown[at] ?? one)),
  };
}

/** key: another one is another list, which is shown at once. */
export function useHeld(rows: Row[], key: string, held: boolean): Held {
  const [released, setReleased] = useState(0);
  const order = useRef<{ key: string; uids: string[] }>({ key: "", uids: [] });
  const whole = `${released} ${key}`;
  if (!held || order.current.key !== whole) order.current = { key: whole, uids: rows.map(uidOf) };
  return { ...heldBack(rows, order.current.uids), release: () => setReleased(released + 1) };
}
