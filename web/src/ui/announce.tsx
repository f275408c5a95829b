// What a screen reader is told, and short confirmations that everybody sees.

import { useSyncExternalStore } from "react";

interface Said {
  id: number;
  text: string;
  undo?: () => void;
}
let spoken = "";
let toasts: Said[] = [];
let next = 0;
const listeners = new Set<() => void>();

function tell(): void {
  for (const one of listeners) one();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** Tell readers of the page, politely. */
export function announce(text: string): void {
  spoken = text;
  tell();
}

/** Confirm something, for a few seconds. Errors are never told this way. */
export function confirmDone(text: string, undo?: () => void): void {
  next += 1;
  const id = next;
  toasts = [...toasts, { id, text, undo }];
  tell();
  setTimeout(() => drop(id), undo ? 8000 : 4000);
}

function drop(id: number): void {
  toasts = toasts.filter((one) => one.id !== id);
  tell();
}

export function Announcer() {
  const text = useSyncExternalStore(subscribe, () => spoken);
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <>
      <p aria-live="polite" className="sr-only" data-part="announcer">
        {text}
      </p>
      <div role="status" className="pointer-events-none fixed right-4 bottom-16 z-50 flex flex-col gap-2 sm:bottom-4">
        {shown.map((one) => (
          <div
            key={one.id}
            className="pointer-events-auto flex items-center gap-3 rounded-lg border border-line bg-surface px-3 py-2 shadow-xl"
          >
            {one.text}
            {one.undo && (
              <button
                type="button"
                className="btn btn-small"
                onClick={() => {
                  one.undo?.();
                  drop(one.id);
                }}
              >
                Undo
              </button>
            )}
          </div>
        ))}
      </div>
    </>
  );
}
