// Terminal output as pieces of text with class names; everything else a terminal obeys is dropped.

const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\x1b\[([0-9;:]*)m|\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b[\]PX^_][\s\S]*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

export interface Piece {
  text: string;
  names: string;
}

/** The pieces of a command's output. A line that was overwritten (\r) shows its last state. */
export function pieces(output: string): Piece[] {
  const text = output.replace(/\r\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "");
  const found: Piece[] = [];
  let names = new Set<string>();
  let from = 0;
  const take = (to: number) => {
    if (to > from) found.push({ text: text.slice(from, to).replace(/\r/g, ""), names: [...names].join(" ") });
  };
  for (const match of text.matchAll(ESCAPES)) {
    take(match.index);
    if (match[1] !== undefined) names = restyled(names, match[1]);
    from = match.index + match[0].length;
  }
  take(text.length);
  return found;
}

const FLAGS: Record<number, string> = { 1: "b", 2: "dim", 3: "i", 4: "u" };
const ENDS: Record<number, string[]> = { 22: ["b", "dim"], 23: ["i"], 24: ["u"], 39: COLOURS };

function restyled(names: Set<string>, codes: string): Set<string> {
  let found = new Set(names);
  for (const code of codes.split(/[;:]/).map(Number)) {
    if (code === 0) found = new Set();
    else if (FLAGS[code]) found.add(FLAGS[code]);
    else if (code === 38 || code === 48)
      break; // colours of a palette are not drawn
    else if (ENDS[code]) for (const one of ENDS[code]) found.delete(one);
    else {
      const colour = COLOURS[code >= 90 ? code - 90 : code - 30];
      if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
        for (const one of COLOURS) found.delete(one);
        if (colour) found.add(colour);
      }
    }
  }
  return found;
}

export function Ansi({ text }: { text: string }) {
  return pieces(text).map((one, at) =>
    one.names ? (
      <span key={at} className={one.names}>
        {one.text}
      </span>
    ) : (
      one.text
    ),
  );
}
