// Which run made a file, as far as the log that was read tells.

import type { Item, MessageItem } from "../fold/timeline";
import { inWorkspace } from "./lines";

const GRACE = 2000; // milliseconds by which the clock of the files may differ from that of the log

/** The prompt of the run that made a file: by its last edit, else by its time; null: the log does not tell. */
export function madeBy(items: Item[], path: string, modifiedAt: string): MessageItem | null {
  const at = Date.parse(modifiedAt);
  let prompt: MessageItem | null = null;
  let byEdit: MessageItem | null = null;
  let byTime: MessageItem | null = null;
  for (const item of items) {
    if (item.kind === "message" && item.role === "user" && !item.hidden) {
      prompt = item;
      if (item.at !== null && item.at <= at + GRACE) byTime = item;
    } else if (item.kind === "end" && item.at !== null && item.at + GRACE < at) byTime = null;
    if (edits(item, path)) byEdit = prompt;
  }
  return byEdit ?? byTime;
}

function edits(item: Item, path: string): boolean {
  if (item.kind === "agent") return item.children.some((one) => edits(one, path));
  if (item.kind !== "tool" || (item.tool !== "write" && item.tool !== "edit") || item.outcome === "failed")
    return false;
  const given = item.input?.file_path ?? item.input?.path ?? item.input?.absolute_path;
  return typeof given === "string" && inWorkspace(given) === path;
}

/** The files of `artifacts/` that an answer points at, each once. */
export function artifactsIn(text: string): string[] {
  const found = text.matchAll(/(?<![\w/.-])(?:\/(?:[\w.-]+\/)*workspace\/|\.\/)?(artifacts\/[\w./@+-]*\w\.\w+)/g);
  return [...new Set([...found].map(([, path = ""]) => path))];
}
