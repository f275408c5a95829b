// Asks the worker for colours.

import type { PaintedLine } from "./code";
import { languageOf } from "./languages";
import address from "./paint-worker?worker&url";
import { type Asked, PLACES, put, type Reply } from "./places";

type Lines = readonly PaintedLine[];

interface Types {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): {
    createScriptURL(url: string): string;
  };
}

let worker: Worker | null = null;
let turns = 0;
const drawn = new Map<number, Lines>();
const waiting = new Map<number, (found: Lines | null) => void>();

/** The lines in colours; null for a language that nobody knows, and when a newer text of the place is asked for. */
export async function ask(place: number, name: string, text: string): Promise<Lines | null> {
  const language = languageOf(name);
  if (!language) return null;
  worker ??= started();
  turns += 1;
  const turn = turns;
  worker.postMessage({ place, turn, language, text } satisfies Asked);
  return await new Promise((resolve) => waiting.set(turn, resolve));
}

function heard({ place, turn, same, lines }: Reply): void {
  const found = lines && [...(drawn.get(place) ?? []).slice(0, same), ...lines];
  if (found) put(drawn, place, found, 2 * PLACES);
  waiting.get(turn)?.(found);
  waiting.delete(turn);
}

function started(): Worker {
  const types = (globalThis as { trustedTypes?: Types }).trustedTypes;
  const policy = types?.createPolicy("code-colours", { createScriptURL: () => address });
  const made = new Worker(policy?.createScriptURL(address) ?? address, { type: "module" });
  made.addEventListener("message", ({ data }: MessageEvent<Reply>) => heard(data));
  made.addEventListener("error", () => {
    worker = null; // its script could not be loaded: the next text tries again
    for (const resolve of waiting.values()) resolve(null);
    waiting.clear();
  });
  return made;
}
