// What stands where something is still read: nothing for a blink, then lines and words, never a mute spinner.

import { useEffect, useState } from "react";

const BLINK = 150;

export function Waiting({ children }: { children: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), BLINK);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return null;
  return (
    <div role="status" className="flex max-w-xl flex-col gap-2">
      <p className="text-muted">{children}</p>
      <span aria-hidden className="h-4 w-3/4 rounded bg-sunken" />
      <span aria-hidden className="h-4 w-1/2 rounded bg-sunken" />
    </div>
  );
}

/** Beside what was read before, and could not be read again: of when it is. */
export function Stale({ at }: { at: number }) {
  if (!at) return null;
  return (
    <p className="text-amber">
      What is shown is of <time dateTime={new Date(at).toISOString()}>{new Date(at).toLocaleTimeString()}</time>.
    </p>
  );
}
