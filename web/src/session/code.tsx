// Code in colours. What draws them is loaded with the first code that is shown; until then, and for what nobody knows
// the language of, the text stands as it is.

import { type CSSProperties, memo, type ReactNode, useEffect, useRef, useState } from "react";

/** A piece of a line and the class of its colour, "" for none. */
export type Token = readonly [text: string, look: string];

export interface PaintedLine {
  text: string;
  tokens: readonly Token[];
}

const MOST_CHARACTERS = 200_000;
const MOST_LINES = 3000;
const KEPT = 60;
const kept = new Map<string, readonly PaintedLine[]>();
let places = 0;

/** A place that a text stands in. */
export function newPlace(): number {
  places += 1;
  return places;
}

/** The lines of a text in colours, as soon as they are known. name: of a language or of a file. */
export function usePainted(text: string, name: string | undefined): readonly PaintedLine[] {
  const key = `${name}\n${text}`;
  const [place] = useState(newPlace);
  const [, draw] = useState<unknown>(null);
  const last = useRef<{ key: string; lines: readonly PaintedLine[] }>(NOTHING);
  const known = kept.get(key);
  if (known) last.current = { key, lines: known };
  useEffect(() => {
    if (!name || kept.has(key) || !text || text.length > MOST_CHARACTERS || manyLines(text)) return;
    let left = false;
    void paintLater(place, name, text).then((lines) => {
      if (!lines) return;
      // A text that grows: its beginnings are of no use any more.
      if (key.startsWith(last.current.key)) kept.delete(last.current.key);
      keep(key, lines);
      last.current = { key, lines };
      if (!left) draw(lines);
    });
    return () => {
      left = true;
    };
  }, [key, text, name, place]);
  return last.current.lines;
}

const NOTHING = { key: "\n", lines: [] };

async function paintLater(place: number, name: string, text: string) {
  try {
    const { ask } = await import("./painter");
    return await ask(place, name, text);
  } catch {
    return null; // a part that cannot be loaded now costs the colours, not the text
  }
}

function keep(key: string, found: readonly PaintedLine[]): void {
  kept.set(key, found);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
}

function manyLines(text: string): boolean {
  let found = 0;
  for (let at = text.indexOf("\n"); at >= 0 && found <= MOST_LINES; at = text.indexOf("\n", at + 1)) found += 1;
  return found > MOST_LINES;
}

/** One line: in colours where these belong to this very text, else as it is. */
export const CodeLine = memo(function CodeLine({ text, painted }: { text: string; painted: PaintedLine | undefined }) {
  if (painted?.text !== text) return text;
  return painted.tokens.map(([piece, look], at) =>
    look ? (
      <span key={at} className={look}>
        {piece}
      </span>
    ) : (
      piece
    ),
  );
});

/** Lines with their numbers, in colours. name: of the language or the file. first: the number of the first line. */
export function Lines({ text, name, label, tall, first = 1, marked }: LinesProps) {
  const painted = usePainted(text, name);
  const lines = text.split("\n");
  const place = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (marked) place.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "center" });
  }, [marked]);
  const wide = `${String(first + lines.length - 1).length + 1}ch`;
  return (
    <pre
      ref={place}
      role="group"
      aria-label={label}
      tabIndex={0}
      style={{ "--wide": wide } as CSSProperties}
      className={`terminal code numbered overflow-auto ${tall ? "" : "max-h-[60vh]"}`}
    >
      {lines.map((line, at) => (
        <span key={at} data-line={first + at} {...(first + at === marked && { "aria-current": "location" as const })}>
          <CodeLine text={line} painted={painted[at]} />
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

interface LinesProps {
  text: string;
  name: string | undefined;
  label: string;
  tall?: boolean;
  first?: number;
  marked?: number | undefined;
}

/** A text in colours, as the content of an element of the class `code`. */
export function Code({ text, name }: { text: string; name: string | undefined }): ReactNode {
  const painted = usePainted(text, name);
  if (!painted.length) return text;
  return text.split("\n").map((line, at) => (
    <span key={at}>
      {at > 0 && "\n"}
      <CodeLine text={line} painted={painted[at]} />
    </span>
  ));
}
