// The columns of the sessions list: status and name are always there, the others are chosen, on every device.

import { usePreferences } from "../api/preferences";
import { isRecord } from "../fold/events";

export interface Column {
  name: string;
  label: string;
  width: string;
  /** How the server is asked for this order: at first, and turned round. */
  sorts?: [first: string, round: string];
}

export const COLUMNS: Column[] = [
  { name: "agent", label: "Agent, model", width: "9rem" },
  { name: "repos", label: "Repositories", width: "9rem" },
  { name: "owner", label: "Owner", width: "7rem" },
  { name: "activity", label: "Last activity", width: "6.5rem", sorts: ["-lastActivityTime", "lastActivityTime"] },
  { name: "made", label: "Made", width: "5.5rem", sorts: ["-createdAt", "createdAt"] },
  { name: "duration", label: "Duration", width: "6.5rem" },
  { name: "cost", label: "Cost", width: "4.5rem", sorts: ["-cost", "cost"] },
];
const FIRST = ["agent", "repos", "activity", "cost"];
export const STATUS: Column = { name: "status", label: "Status", width: "7.5rem", sorts: ["attention", "attention"] };
export const NAME: Column = { name: "name", label: "Name", width: "", sorts: ["displayName", "-displayName"] };

export const NARROWEST = 4;
export const WIDEST = 24;
export const STEP = 1;

/** As it was drawn, in rem; what cannot be one is not taken. */
export const widthOf = (column: Column, widths: Readonly<Record<string, unknown>>): number => {
  const drawn = widths[column.name];
  return typeof drawn === "number" && drawn > 0 ? within(drawn) : Number.parseFloat(column.width);
};

export const within = (width: number) => Math.min(WIDEST, Math.max(NARROWEST, Math.round(width * 4) / 4));

/** The order in which they stand, with one moved; at an end nothing changes. */
export function moved(names: readonly string[], name: string, by: 1 | -1): string[] {
  const from = names.indexOf(name);
  const to = from + by;
  if (from < 0 || to < 0 || to >= names.length) return [...names];
  const rest = names.filter((one) => one !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

export interface Columns {
  /** Those that are shown beside status and name, in their order. */
  columns: Column[];
  widths: Readonly<Record<string, unknown>>;
  toggle: (name: string) => void;
  move: (name: string, by: 1 | -1) => void;
  resize: (name: string, width: number) => void;
  /** Choice, order and widths as they are for who never changed them. */
  reset: () => void;
}

export function useColumns(): Columns {
  const { preferences, change } = usePreferences();
  const chosen: readonly string[] = preferences?.columns ?? FIRST;
  const keep = (fields: Record<string, unknown>) => void change(fields).catch(() => {});
  return {
    columns: chosen.flatMap((name) => COLUMNS.find((one) => one.name === name) ?? []),
    widths: isRecord(preferences?.columnWidths) ? preferences.columnWidths : {},
    toggle: (name) =>
      keep({ columns: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] }),
    move: (name, by) => keep({ columns: moved(chosen, name, by) }),
    resize: (name, width) => keep({ columnWidths: { [name]: within(width) } }),
    reset: () => keep({ columns: null, columnWidths: null }),
  };
}

/** For a grid: what cannot shrink, the name, and columns that give way before anything sticks out. */
export const templateOf = (columns: Column[], select: boolean, widths: Readonly<Record<string, unknown>> = {}) =>
  [
    ...(select ? ["1.25rem"] : []),
    STATUS.width,
    "minmax(11rem, 1fr)",
    ...columns.map((one) => `minmax(0, ${widthOf(one, widths)}rem)`),
  ].join(" ");
