// Which lines the timeline shows: quiet calls that follow each other become one line.

import type { Item, Timeline, ToolItem } from "../fold/timeline";

export interface Group {
  kind: "group";
  id: string;
  rev: number;
  seq: number;
  items: ToolItem[];
}
/** Stands where the reader left, and says what happened since. */
export interface Since {
  kind: "since";
  id: string;
  rev: number;
  seq: number;
  text: string;
}
export type Row = Item | Group | Since;

const FEWEST = 4;

/** all: also events that only say something to who looks for a fault. */
export function rowsOf(items: Item[], all: boolean): Row[] {
  const found: Row[] = [];
  let quiet: ToolItem[] = [];
  const flush = () => {
    if (quiet.length >= FEWEST) {
      const rev = quiet.reduce((sum, one) => sum + one.rev, 0);
      const [first] = quiet;
      if (first) found.push({ kind: "group", id: `g${first.id}`, rev, seq: first.seq, items: quiet });
    } else found.push(...quiet);
    quiet = [];
  };
  for (const item of items) {
    if (!all && isHidden(item)) continue;
    if (item.kind === "tool" && isQuiet(item)) quiet.push(item);
    else {
      flush();
      found.push(item);
    }
  }
  flush();
  return found;
}

/** The rows with a line where the reader left, if anything came since. more: there are rows before the first. */
export function withLeft(rows: Row[], left: number | null, more: boolean): Row[] {
  const at = left === null ? -1 : rows.findIndex((one) => one.seq > left);
  const first = rows[at];
  if (!first) return rows;
  const text = `Since you left: ${more && at === 0 ? "at least " : ""}${sinceWords(rows.slice(at))}`;
  const since: Since = { kind: "since", id: String(left), rev: rows.length, seq: first.seq, text };
  return [...rows.slice(0, at), since, ...rows.slice(at)];
}

function sinceWords(rows: Row[]): string {
  const count = (kind: Row["kind"]) => rows.filter((one) => one.kind === kind).length;
  const parts = [
    [count("end") + count("error"), "run"],
    [count("error"), "failure"],
    [count("question"), "question"],
  ] as const;
  const said = parts.filter(([times]) => times > 0).map(([times, word]) => plural(times, word));
  return said.join(", ") || plural(rows.length, "line");
}

/** Failures are never folded away. */
const isQuiet = (item: ToolItem) =>
  (item.tool === "read" || item.tool === "search" || item.tool === "list") &&
  item.outcome !== "failed" &&
  item.outcome !== "waiting";

function isHidden(item: Item): boolean {
  if (item.kind === "message") return item.hidden || (!item.text && !item.open);
  if (item.kind === "tool") return item.tool === "ask";
  if (item.kind === "activity") return /plan|todo/i.test(item.name);
  return item.kind === "raw";
}

/** What a group says: "Read 9 files, searched twice". */
export function groupWords(items: ToolItem[]): string {
  const times = (kind: ToolItem["tool"]) => items.filter((one) => one.tool === kind).length;
  const parts = [
    times("read") && `read ${plural(times("read"), "file")}`,
    times("search") && `searched ${plural(times("search"), "time")}`,
    times("list") && `listed ${plural(times("list"), "folder")}`,
  ].filter(Boolean);
  const said = parts.join(", ");
  return said.charAt(0).toUpperCase() + said.slice(1);
}

const plural = (count: number, one: string) => `${count} ${one}${count === 1 ? "" : "s"}`;

/** What the agent does right now, if it can be told. */
export function doing(state: Timeline): string | null {
  const tool = [...state.open].reverse().find((one) => one.kind === "tool");
  if (tool?.kind !== "tool") return state.plan.find((one) => one.status === "in_progress")?.text ?? null;
  const object = Object.values(tool.input ?? {}).find((one) => typeof one === "string");
  return `${tool.name} ${typeof object === "string" ? object.split("\n", 1)[0]?.slice(0, 80) : ""}`.trim();
}
