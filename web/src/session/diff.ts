// What an edit changed: read from its arguments by a line diff (Myers), or from a unified diff.

import type { ToolItem } from "../fold/timeline";
import { partial } from "../fold/tools";

export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
  /** Line numbers before and after, from 1. */
  before: number | null;
  after: number | null;
}

const LARGEST = 4000;

/** The lines of two texts, with what was removed and added. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const a = lines(before);
  const b = lines(after);
  if (a.length + b.length > LARGEST) return whole(a, b);
  const found: DiffLine[] = [];
  let x = 0;
  let y = 0;
  for (const [ax, by] of [...common(a, b), [a.length, b.length] as const]) {
    for (; x < ax; x += 1) found.push({ kind: "removed", text: a[x] ?? "", before: x + 1, after: null });
    for (; y < by; y += 1) found.push({ kind: "added", text: b[y] ?? "", before: null, after: y + 1 });
    if (ax < a.length) {
      found.push({ kind: "same", text: a[ax] ?? "", before: ax + 1, after: by + 1 });
      x = ax + 1;
      y = by + 1;
    }
  }
  return found;
}

export function counts(diff: DiffLine[]): { added: number; removed: number } {
  return {
    added: diff.filter((one) => one.kind === "added").length,
    removed: diff.filter((one) => one.kind === "removed").length,
  };
}

/** A diff without the middle of what stayed the same; null stands for what is left out. */
export function hunks(diff: DiffLine[], context = 3): (DiffLine | null)[] {
  const near = new Set<number>();
  diff.forEach((one, at) => {
    if (one.kind === "same") return;
    for (let by = -context; by <= context; by += 1) near.add(at + by);
  });
  const found: (DiffLine | null)[] = [];
  diff.forEach((one, at) => {
    if (near.has(at)) found.push(one);
    else if (found.at(-1) !== null) found.push(null);
  });
  return found;
}

/** A row of a diff that is shown side by side: what was there and what came in its place. */
export interface DiffPair {
  before: DiffLine | null;
  after: DiffLine | null;
}

/** Lines in pairs: what was removed stands beside what was added next. null stays what it is: lines left out. */
export function pairs(lines: (DiffLine | null)[]): (DiffPair | null)[] {
  const found: (DiffPair | null)[] = [];
  let removed: DiffLine[] = [];
  const rest = () => {
    for (const before of removed) found.push({ before, after: null });
    removed = [];
  };
  for (const line of lines) {
    if (line?.kind === "removed") removed.push(line);
    else if (line?.kind === "added") found.push({ before: removed.shift() ?? null, after: line });
    else {
      rest();
      found.push(line && { before: line, after: line });
    }
  }
  rest();
  return found;
}

const lines = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function whole(a: string[], b: string[]): DiffLine[] {
  return [
    ...a.map((text, at): DiffLine => ({ kind: "removed", text, before: at + 1, after: null })),
    ...b.map((text, at): DiffLine => ({ kind: "added", text, before: null, after: at + 1 })),
  ];
}

/** Pairs of indices of a longest common subsequence. */
function common(a: string[], b: string[]): [number, number][] {
  const max = a.length + b.length;
  const trace: Map<number, number>[] = [];
  let v = new Map([[1, 0]]);
  for (let d = 0; d <= max; d += 1) {
    trace.push(new Map(v));
    const next = new Map(v);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
      let x = down ? (v.get(k + 1) ?? 0) : (v.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x += 1;
        y += 1;
      }
      next.set(k, x);
      if (x >= a.length && y >= b.length) return walkBack(trace, d, a.length, b.length);
    }
    v = next;
  }
  return [];
}

function walkBack(trace: Map<number, number>[], steps: number, endX: number, endY: number): [number, number][] {
  const found: [number, number][] = [];
  let x = endX;
  let y = endY;
  for (let d = steps; d >= 0; d -= 1) {
    const v = trace[d] ?? new Map<number, number>();
    const k = x - y;
    const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : (v.get(from) ?? 0);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      x -= 1;
      y -= 1;
      found.push([x, y]);
    }
    x = fromX;
    y = fromY;
  }
  return found.reverse();
}

interface Change {
  old_string?: unknown;
  new_string?: unknown;
}

const diffs = new WeakMap<ToolItem, { text: string; diff: DiffLine[] }>();

/** What an edit changed, as far as its arguments tell. */
export function diffOf(item: ToolItem): DiffLine[] {
  const known = diffs.get(item);
  if (known?.text === item.text) return known.diff;
  const diff = computeDiff(item);
  diffs.set(item, { text: item.text, diff });
  return diff;
}

function computeDiff(item: ToolItem): DiffLine[] {
  const input: Record<string, unknown> = item.input ?? partial(item.text);
  const patch = input.patch ?? input.diff ?? (item.name === "apply_patch" ? input.input : undefined);
  if (typeof patch === "string") return readPatch(patch);
  if (item.tool === "write") return lineDiff("", String(input.content ?? input.file_text ?? ""));
  const edits: Change[] = Array.isArray(input.edits) ? (input.edits as Change[]) : [input];
  return edits.flatMap((one) => {
    const given = one as Record<string, unknown>;
    return lineDiff(String(given.old_string ?? given.old_str ?? ""), String(given.new_string ?? given.new_str ?? ""));
  });
}

/** The lines of a unified diff. */
export function readPatch(patch: string): DiffLine[] {
  let before = 0;
  let after = 0;
  const found: DiffLine[] = [];
  for (const line of patch.replace(/\n$/, "").split("\n")) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line);
    if (hunk) {
      before = Number(hunk[1]);
      after = Number(hunk[2]);
    } else if (/^(\+\+\+|---|diff |index |new file|deleted file|similarity|rename |\*\*\* |\\ )/.test(line)) continue;
    else if (line.startsWith("+")) found.push({ kind: "added", text: line.slice(1), before: null, after: after++ });
    else if (line.startsWith("-")) found.push({ kind: "removed", text: line.slice(1), before: before++, after: null });
    else if (line.startsWith(" ")) found.push({ kind: "same", text: line.slice(1), before: before++, after: after++ });
  }
  return found;
}
