// How far a person has read a session, so that who comes back is told what happened meanwhile.
//
// Kept with their preferences on the server (`read`: a session's uid → the newest event they saw, and when), so that
// what was read on one device is not news on the other. The newest hundred sessions are remembered.

import { useCallback, useEffect, useRef, useState } from "react";
import { request } from "../api/http";
import { usePreferences } from "../api/preferences";
import { isRecord } from "../fold/events";
import type { SessionFeed } from "../stream/feed";

export interface Left {
  /** The newest event that was seen. */
  seq: number;
  at: number;
}

const AWAY = 5 * 60_000; // who was gone for less remembers
const BEAT = 20_000; // how often it is looked whether anybody is here; a machine that sleeps does not look
const SETTLE = 3000;
const MOST = 100;

const isLeft = (value: unknown): value is Left =>
  isRecord(value) && typeof value.seq === "number" && typeof value.at === "number";

/** The change that remembers this one, and forgets those read longest ago. */
export function reading(known: Record<string, unknown>, uid: string, now: Left): Record<string, Left | null> {
  const others = Object.entries(known).filter(([key, one]) => key !== uid && isLeft(one)) as [string, Left][];
  const oldest = others.sort(([, one], [, other]) => other.at - one.at).slice(MOST - 1);
  return { ...Object.fromEntries(oldest.map(([key]) => [key, null])), [uid]: now };
}

/** Where the person left the session, once they are back from it; null: they were not away. */
export function useLeft(uid: string, feed: SessionFeed, version: number): Left | null {
  const { preferences } = usePreferences();
  const [left, setLeft] = useState<Left | null>(null);
  const known = useRef<Record<string, unknown> | null>(null);
  const seen = useRef<Left>({ seq: 0, at: Date.now() });
  const saved = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    if (known.current || !preferences) return;
    known.current = isRecord(preferences.read) ? preferences.read : {};
    const before = known.current[uid];
    if (!isLeft(before)) return;
    saved.current = before.seq;
    if (Date.now() - before.at >= AWAY) setLeft(before);
  }, [preferences, uid]);

  const save = (keepalive = false) => {
    clearTimeout(timer.current);
    timer.current = undefined;
    const now = seen.current;
    if (!known.current || now.seq <= saved.current) return;
    saved.current = now.seq;
    const json = { read: reading(known.current, uid, now) };
    request("/api/me/preferences", { method: "PATCH", json, keepalive }).catch(() => {
      saved.current = 0; // with the next that is read
    });
  };
  const saving = useRef(save);
  saving.current = save;

  const look = useCallback(() => {
    if (document.hidden) return;
    const before = seen.current;
    if (before.seq && Date.now() - before.at >= AWAY) setLeft(before);
    seen.current = { seq: feed.timeline.seq, at: Date.now() };
  }, [feed]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: with each version there may be more that was read
  useEffect(() => {
    look();
    timer.current ??= setTimeout(() => saving.current(), SETTLE);
  }, [look, version]);

  useEffect(() => {
    const gone = () => saving.current(true);
    const turned = () => (document.hidden ? gone() : look());
    const beating = setInterval(look, BEAT);
    document.addEventListener("visibilitychange", turned);
    addEventListener("pagehide", gone);
    return () => {
      clearInterval(beating);
      document.removeEventListener("visibilitychange", turned);
      removeEventListener("pagehide", gone);
      gone();
    };
  }, [look]);
  return left;
}
