// Where a reader is in a session, and what they opened: kept in this tab, so that a reload changes nothing.

import { createContext, type RefObject, useEffect, useState } from "react";

/** A row's top edge stands so many pixels below that of the timeline. */
export interface Place {
  seq: number;
  offset: number;
}
const MOST = 200; // opened or closed by hand

function stored<T>(key: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** Which row something is in, by its kind and id; null: in none of its own. */
export const RowId = createContext<string | null>(null);

/** Whether a person opened or closed it; null: neither. */
export function folded(api: string, id: string): boolean | null {
  return stored<[string, boolean][]>(`folds:${api}`)?.find(([one]) => one === id)?.[1] ?? null;
}

export function keepFolded(api: string, id: string, open: boolean): void {
  const others = (stored<[string, boolean][]>(`folds:${api}`) ?? []).filter(([one]) => one !== id);
  sessionStorage.setItem(`folds:${api}`, JSON.stringify([...others, [id, open]].slice(-MOST)));
}

let fresh = true; // this document shows its first page

/** The place to go back to: only after a reload, and only for who was not at the end. */
export function usePlace(api: string, scroll: RefObject<HTMLElement | null>): Place | null {
  const key = `place:${api}`;
  const [place] = useState(() => {
    const [how] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    const reloaded = fresh && how?.type === "reload";
    fresh = false;
    return reloaded ? stored<Place>(key) : null;
  });
  useEffect(() => {
    const leaving = () => {
      const found = scroll.current && placeOf(scroll.current);
      if (found) sessionStorage.setItem(key, JSON.stringify(found));
      else sessionStorage.removeItem(key);
    };
    addEventListener("pagehide", leaving);
    return () => removeEventListener("pagehide", leaving);
  }, [key, scroll]);
  return place;
}

const NEAR = 60;

/** The first row in view; null at the end, where the newest is followed. */
function placeOf(node: HTMLElement): Place | null {
  if (node.scrollHeight - node.scrollTop - node.clientHeight < NEAR) return null;
  const { top } = node.getBoundingClientRect();
  for (const one of node.querySelectorAll<HTMLElement>("[role=feed] > article")) {
    const { top: begins, bottom } = one.getBoundingClientRect();
    const seq = Number(one.dataset.seq);
    if (bottom > top && seq > 0) return { seq, offset: begins - top };
  }
  return null;
}
