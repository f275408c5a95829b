// What somebody sent while there was no connection: kept in this browser, and sent once when it is back.

import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, post } from "../api/http";
import { SIGNED_IN } from "../stream/follow";

export interface Unsent {
  /** Made here, so that the server takes it once however often it comes. */
  runId: string;
  content: string;
  /** What stood in the box. */
  text: string;
  strategy?: string;
}

/** The prompt as the API takes it. Throws Problem. */
export const sendPrompt = (api: string, { runId, content, strategy }: Unsent) =>
  post(`${api}/agui/run`, {
    runId,
    messages: [{ id: `${runId}-prompt`, role: "user", content }],
    ...(strategy && { multitaskStrategy: strategy }),
  });

function stored(key: string): Unsent[] {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "[]") as Unsent[];
  } catch {
    return [];
  }
}

/** live: whether there is a connection. onRefused: a prompt that the server does not want, with its reason. */
export function useUnsent(api: string, live: boolean, onRefused: (one: Unsent, problem: unknown) => void) {
  const key = `unsent:${api}`;
  const [list, setList] = useState(() => stored(key));
  const sending = useRef(false);
  const refused = useRef(onRefused);
  refused.current = onRefused;
  const keep = useCallback(
    (next: Unsent[]) => {
      if (next.length) localStorage.setItem(key, JSON.stringify(next));
      else localStorage.removeItem(key);
      setList(next);
    },
    [key],
  );
  const flush = useCallback(async () => {
    if (sending.current) return;
    sending.current = true;
    for (let [first] = stored(key); first; [first] = stored(key)) {
      try {
        await sendPrompt(api, first);
      } catch (problem) {
        if (problem instanceof Problem && [0, 401].includes(problem.status)) break; // when it is back
        refused.current(first, problem);
      }
      keep(stored(key).filter((one) => one.runId !== first?.runId));
    }
    sending.current = false;
  }, [api, key, keep]);
  useEffect(() => {
    if (live) void flush();
    const again = () => void flush();
    addEventListener(SIGNED_IN, again);
    return () => removeEventListener(SIGNED_IN, again);
  }, [live, flush]);
  return {
    list,
    add: (one: Unsent) => keep([...stored(key), one]),
    /** Take one back. */
    drop: (one: Unsent) => keep(stored(key).filter((other) => other.runId !== one.runId)),
  };
}
