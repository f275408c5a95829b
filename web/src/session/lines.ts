// What tools give as lines of text, taken apart.

export interface NumberedLines {
  lines: string;
  /** The number of the first one. */
  first: number;
  /** What was said after them. */
  after: string;
}

/** The lines of a file: without the numbers that a tool has put before them, if it has. */
export function numbered(text: string): NumberedLines {
  const all = text.split("\n");
  const first = Number(NUMBER.exec(all[0] ?? "")?.[1]);
  if (!first) return { lines: text.replace(/\n$/, ""), first: 1, after: "" };
  const lines: string[] = [];
  for (const line of all) {
    const [, number, rest] = NUMBER.exec(line) ?? [];
    if (Number(number) !== first + lines.length) break;
    lines.push(rest ?? "");
  }
  return { lines: lines.join("\n"), first, after: all.slice(lines.length).join("\n").trim() };
}

const NUMBER = /^\s*(\d+)(?:→|\t)(.*)$/;

/** A path as it is below the workspace, however an agent gives it. */
export const inWorkspace = (path: string) => path.replace(/^\/(.*\/)?workspace\//, "").replace(/^(\.?\/)+/, "");

export interface Hit {
  line: number;
  text: string;
}

/** What a search found in one file; `hits` is empty where only the file was asked for. */
export interface Found {
  file: string;
  hits: Hit[];
}

const FILE = /^(?:\.?\/)?[\w.@+~ -]+(?:\/[\w.@+~ -]+)*$/;

/** The hits of a search, by file; what is no hit is in `rest`. Null: none of it is. */
export function hitsOf(text: string): { found: Found[]; rest: string[] } | null {
  const found = new Map<string, Hit[]>();
  const rest: string[] = [];
  let under: string | null = null;
  const add = (file: string) => found.get(file) ?? found.set(file, []).get(file);
  for (const line of text.split("\n")) {
    if (!line.trim() || line === "--") continue;
    const [, file, number, words] = /^([^:\s][^:]*?):(\d+):(.*)$/.exec(line) ?? [];
    const [, below, here] = /^(\d+)[:-](.*)$/.exec(line) ?? [];
    if (file && FILE.test(file)) add(file)?.push({ line: Number(number), text: words ?? "" });
    else if (under && below) add(under)?.push({ line: Number(below), text: here ?? "" });
    else if (FILE.test(line.trim()) && /[./]/.test(line)) {
      under = line.trim();
      add(under);
    } else rest.push(line);
  }
  return found.size ? { found: [...found].map(([file, hits]) => ({ file, hits })), rest } : null;
}

/** The rows of a file of values, which quotes may hold separators and line ends. */
export function table(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let value = "";
  let quoted = false;
  const end = () => {
    row.push(value);
    value = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at];
    if (quoted) {
      if (one !== '"') value += one;
      else if (text[at + 1] === '"') {
        value += '"';
        at += 1;
      } else quoted = false;
    } else if (one === '"' && value === "") quoted = true;
    else if (one === separator) end();
    else if (one === "\n") {
      end();
      rows.push(row);
      row = [];
    } else if (one !== "\r") value += one;
  }
  if (value || row.length) {
    end();
    rows.push(row);
  }
  return rows;
}
