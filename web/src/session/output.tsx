// What a command printed: as a terminal shows it, to be searched, wrapped or not, and copied.

import { useId, useState } from "react";
import { pieces } from "../ui/ansi";
import { useSession } from "./context";
import { copy } from "./copy";
import { Terminal } from "./terminal";

const SHORT = 8; // lines that need no tools

/** text: all of it. shown: what is drawn of it while nobody searches. */
export function Output({ text, shown }: { text: string; shown: string }) {
  const { unfolded } = useSession();
  const [words, setWords] = useState("");
  const [wrap, setWrap] = useState(true);
  const field = useId();
  const found = words ? linesWith(text, words) : null;
  const short = text.split("\n", SHORT + 1).length <= SHORT;
  return (
    <>
      {!short && !unfolded && (
        <div className="mb-1 flex flex-wrap items-center gap-2">
          <label htmlFor={field} className="sr-only">
            Find in the output
          </label>
          <input
            id={field}
            type="search"
            className="field max-w-56"
            placeholder="Find in the output"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
          <span role="status" className="text-xs text-muted">
            {found && `${found.length} ${found.length === 1 ? "line" : "lines"}`}
          </span>
          <label className="ml-auto flex min-h-7 items-center gap-1">
            <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.target.checked)} /> Wrap
          </label>
          <button type="button" className="btn btn-small" onClick={() => copy(plain(text), "The output is copied.")}>
            Copy
          </button>
        </div>
      )}
      <Terminal label="Result" text={found ? found.join("\n") : shown || "(no output)"} wrap={wrap} />
    </>
  );
}

/** The lines of an output that have these words, each with its number. */
export function linesWith(text: string, words: string): string[] {
  const wanted = words.toLowerCase();
  return plain(text)
    .split("\n")
    .flatMap((line, at) => (line.toLowerCase().includes(wanted) ? [`${String(at + 1).padStart(5)}  ${line}`] : []));
}

/** Without colours and what else a terminal obeys. */
const plain = (text: string) =>
  pieces(text)
    .map((one) => one.text)
    .join("");
