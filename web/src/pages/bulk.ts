// One deed on many sessions: to which of them it applies, and what came of each.

import { get, patch, post, problemOf, remove, textOf } from "../api/http";
import { sessionApi } from "../api/paths";
import type { Row } from "../api/types";
import { titleOf } from "../contract/status";

export type Deed = "stop" | "start" | "delete" | "label" | "md" | "json";
export const DEEDS: Record<Deed, string> = {
  stop: "Stop",
  start: "Resume",
  delete: "Delete",
  label: "Label",
  md: "Export",
  json: "Export",
};

export interface Result {
  row: Row;
  /** null: it is done. */
  error: unknown;
}

const RESTING = ["Stopped", "Completed", "Failed"];

/** Who asks, as far as it decides what they may do. */
export interface Asker {
  userId: string;
  isAdmin: boolean;
}

/** Whether the deed makes sense for the session, and is theirs to do. The server decides again. */
export function applies(deed: Deed, row: Row, asker: Asker): boolean {
  const resting = RESTING.includes(row.status?.phase ?? "");
  if (deed === "stop") return !resting;
  if (deed === "start") return resting;
  if (deed === "delete") return asker.isAdmin || row.spec.userContext?.userId === asker.userId;
  return true;
}

export const apiOf = (row: Row) => sessionApi(row.metadata.namespace, row.metadata.name);

/** One after the other; a failure keeps none of the others from being done. */
export async function onEach(rows: Row[], doing: (row: Row) => Promise<unknown>): Promise<Result[]> {
  const results: Result[] = [];
  for (const row of rows) {
    try {
      await doing(row);
      results.push({ row, error: null });
    } catch (error) {
      results.push({ row, error: problemOf(error) });
    }
  }
  return results;
}

export const stop = (row: Row) => post(`${apiOf(row)}/stop`);
export const start = (row: Row) => post(`${apiOf(row)}/start`);
export const drop = (row: Row) => remove(apiOf(row));
export const label = (key: string, value: string | null) => (row: Row) =>
  patch(apiOf(row), { metadata: { labels: { [key]: value } } });

/** All of them in one file, which is saved; those that could not be read are missing in it. */
export async function exported(rows: Row[], format: "md" | "json"): Promise<Result[]> {
  const parts: string[] = [];
  const results = await onEach(rows, async (row) => {
    const path = `${apiOf(row)}/export?format=${format}`;
    if (format === "json") parts.push(JSON.stringify(await get<unknown>(path)));
    else parts.push(`# ${row.shown?.title ?? titleOf(row)}\n\n${await textOf(path)}`);
  });
  if (parts.length) {
    const text = format === "json" ? `[${parts.join(",\n")}]\n` : `${parts.join("\n\n")}\n`;
    save(new Blob([text], { type: format === "json" ? "application/json" : "text/markdown" }), `sessions.${format}`);
  }
  return results;
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
