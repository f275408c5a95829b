// Times for reading: relative, with the full time as tooltip and for readers of the page.

import { useEffect, useState } from "react";

const listeners = new Set<() => void>();
setInterval(() => {
  for (const one of listeners) one();
}, 10_000);

/** The present, for who shows it: moves every ten seconds, or every second. */
export function useNow(fast = false): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (fast) {
      const own = setInterval(() => setNow(Date.now()), 1000);
      return () => clearInterval(own);
    }
    const told = () => setNow(Date.now());
    listeners.add(told);
    return () => void listeners.delete(told);
  }, [fast]);
  return now;
}

export function Ago({ at, className }: { at: string | number | null | undefined; className?: string }) {
  const now = useNow();
  const moment = new Date(at ?? Number.NaN);
  if (Number.isNaN(moment.getTime()))
    return (
      <span className={className}>
        <span aria-hidden>–</span>
        <span className="sr-only">not known</span>
      </span>
    );
  return (
    <time className={className} dateTime={moment.toISOString()} title={moment.toLocaleString()}>
      {ago(moment.getTime(), now)}
    </time>
  );
}

export function ago(then: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 10) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function Clock({ at }: { at: number | null }) {
  if (!at) return null;
  const moment = new Date(at);
  return (
    <time dateTime={moment.toISOString()} title={moment.toLocaleString()} className="text-xs text-muted">
      {moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}
    </time>
  );
}

export function duration(ms: number): string {
  if (ms < 950) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
}

export function count(tokens: number): string {
  if (tokens < 1000) return String(tokens);
  return tokens < 100_000 ? `${(tokens / 1000).toFixed(1)}k` : `${Math.round(tokens / 1000)}k`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1 << 20) return `${(size / 1024).toFixed(1)} kB`;
  return `${(size / (1 << 20)).toFixed(1)} MB`;
}

/** A limit rather than an account: no cents where there are none. */
export const shortMoney = (cost: number) => money(cost).replace(/\.00$/, "");
export const money = (cost: number) => `$${cost < 0.01 && cost > 0 ? cost.toFixed(4) : cost.toFixed(2)}`;
