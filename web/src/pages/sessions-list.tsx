// The rows of the sessions list: a table where there is room for one, cards on a phone.

import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, type ReactNode, type RefObject, Suspense, useRef, useState } from "react";
import { runnersQuery } from "../api/queries";
import type { Row } from "../api/types";
import { shownStatus, titleOf } from "../contract/status";
import { Menu } from "../ui/menu";
import { part } from "../ui/part";
import { StatusChip } from "../ui/status";
import { Ago, duration, money, useNow } from "../ui/time";
import { useHeld } from "./held";
import { Called, reposOf } from "./session-row";
import { COLUMNS, type Column, NAME, STATUS, templateOf, useColumns, widthOf } from "./sessions-columns";
import { type Drawn, Edge } from "./sessions-edge";

const ArrangeDialog = part(async () => (await import("./sessions-arrange")).ArrangeDialog);

interface Props {
  root: RefObject<HTMLUListElement | null>;
  project: string;
  rows: Row[];
  /** Another one is another list. */
  query: string;
  sort: string;
  onSort: (sort: string) => void;
  /** Missing: nothing can be selected. */
  chosen?: ReadonlySet<string> | undefined;
  onToggle: (name: string, range: boolean) => void;
}

export function SessionList({ root, project, rows, query, sort, onSort, chosen, onToggle }: Props) {
  const [over, setOver] = useState(false);
  const [within, setWithin] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  // A row that had the focus may be gone, and tells nobody.
  const held = useHeld(rows, query, over || (within && Boolean(place.current?.contains(document.activeElement))));
  const kept = useColumns();
  const { columns } = kept;
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [arranging, setArranging] = useState(false);
  const widths = drawn ? { ...kept.widths, [drawn.name]: drawn.width } : kept.widths;
  const template = templateOf(columns, chosen !== undefined, widths);
  const waits = held.fresh > 0 || held.moved;
  if (!rows.length) return null;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: notes where pointer and focus are, and does nothing by itself
    <div
      ref={place}
      onPointerEnter={(event) => setOver(event.pointerType === "mouse")}
      onPointerLeave={() => setOver(false)}
      onFocus={() => setWithin(true)}
      onBlur={() => setWithin(false)}
    >
      <div className="mb-1.5 flex items-center sm:min-h-7 justify-end gap-2">
        <span role="status" className="mr-auto">
          {waits && (
            <button type="button" className="btn btn-small text-accent" onClick={held.release}>
              {held.fresh ? `${held.fresh} new ↑` : "Another order ↑"}
            </button>
          )}
        </span>
        <span className="hidden lg:inline">
          <Menu
            label="Columns"
            trigger={
              <button type="button" className="btn btn-quiet btn-small">
                Columns ▾
              </button>
            }
            items={[
              ...COLUMNS.map((one) => ({
                label: one.label,
                checked: columns.includes(one),
                keepOpen: true,
                onSelect: () => kept.toggle(one.name),
              })),
              null,
              { label: "Order and widths…", takesFocus: true, onSelect: () => setArranging(true) },
            ]}
          />
        </span>
      </div>
      <div className="panel overflow-hidden" style={{ "--columns": template } as CSSProperties}>
        <Head
          columns={columns}
          widths={widths}
          select={chosen !== undefined}
          sort={sort}
          onSort={onSort}
          onDraw={setDrawn}
          onDrawn={({ name, width }) => {
            kept.resize(name, width);
            setDrawn(null);
          }}
        />
        <ul ref={root} aria-label="Sessions" className="divide-y divide-line">
          {held.rows.map((one) => (
            <ListRow
              key={one.metadata.uid}
              project={project}
              row={one}
              columns={columns}
              select={
                chosen && (
                  <input
                    type="checkbox"
                    className="size-4 accent-[var(--accent)]"
                    aria-label={`Select ${titleOf(one)}`}
                    checked={chosen.has(one.metadata.name)}
                    onClick={(event) => onToggle(one.metadata.name, event.shiftKey)}
                    onChange={() => {}}
                  />
                )
              }
            />
          ))}
        </ul>
      </div>
      {arranging && (
        <Suspense>
          <ArrangeDialog kept={kept} onClose={() => setArranging(false)} />
        </Suspense>
      )}
    </div>
  );
}

const GRID = "lg:grid lg:grid-cols-(--columns) lg:gap-x-3";

interface HeadProps {
  columns: Column[];
  widths: Readonly<Record<string, unknown>>;
  select: boolean;
  sort: string;
  onSort: (sort: string) => void;
  onDraw: (drawn: Drawn) => void;
  onDrawn: (drawn: Drawn) => void;
}

/** Headings; those by which the server can order are buttons. The edge before each column is drawn. */
function Head({ columns, widths, select, sort, onSort, onDraw, onDrawn }: HeadProps) {
  return (
    <div className={`hidden items-center border-b border-line px-3 py-1 text-xs text-muted ${GRID}`}>
      {select && <span />}
      {[STATUS, NAME, ...columns].map((one) => {
        const [first, round] = one.sorts ?? [];
        const edge = columns.includes(one) && (
          <Edge column={one} width={widthOf(one, widths)} onDraw={onDraw} onDrawn={onDrawn} />
        );
        if (!first || !round) {
          return (
            <span key={one.name} className="relative">
              {edge}
              {one.label}
            </span>
          );
        }
        const turned = sort === first && round !== first;
        const arrow = (sort === first || sort === round) && ((sort === first) === first.startsWith("-") ? "↓" : "↑");
        return (
          <span key={one.name} className="relative">
            {edge}
            <button
              type="button"
              className="inline-flex min-h-6 items-center gap-1 hover:text-text"
              aria-pressed={sort === first || sort === round}
              title={`Order by this${turned ? ", the other way round" : ""}`}
              onClick={() => onSort(turned ? round : first)}
            >
              {one.label} {arrow && <span aria-hidden>{arrow}</span>}
            </button>
          </span>
        );
      })}
    </div>
  );
}

interface RowProps {
  project: string;
  row: Row;
  columns: Column[];
  select: ReactNode;
}

function ListRow({ project, row, columns, select }: RowProps) {
  const status = shownStatus(row);
  const cost = row.status?.usage?.costUSD;
  return (
    <li
      data-row={row.metadata.name}
      className={`flex flex-wrap items-center gap-x-3 gap-y-0.5 px-3 py-2 focus-within:bg-hover hover:bg-hover ${GRID}`}
    >
      {select}
      <span className="w-28 shrink-0 lg:w-auto">
        <StatusChip status={status} />
      </span>
      <Called row={row}>{status.sentence}</Called>
      {columns.map((one) => (
        <span key={one.name} className="hidden min-w-0 truncate text-xs text-muted lg:block">
          <Cell column={one.name} project={project} row={row} />
        </span>
      ))}
      {cost != null && <span className="text-xs text-muted max-sm:order-1 lg:hidden">{money(cost)}</span>}
      <Ago
        at={row.status?.lastActivityTime ?? row.metadata.creationTimestamp}
        className="w-20 shrink-0 text-right text-xs text-muted max-sm:order-1 max-sm:ml-auto lg:hidden"
      />
    </li>
  );
}

function Cell({ column, project, row }: { column: string; project: string; row: Row }) {
  const cost = row.status?.usage?.costUSD;
  switch (column) {
    case "agent":
      return <Agent project={project} row={row} />;
    case "repos":
      return <>{reposOf(row).join(", ")}</>;
    case "owner":
      return <>{row.spec.userContext?.displayName || row.spec.userContext?.userId}</>;
    case "activity":
      return <Ago at={row.status?.lastActivityTime ?? row.metadata.creationTimestamp} />;
    case "made":
      return <Ago at={row.metadata.creationTimestamp} />;
    case "duration":
      return <Duration row={row} />;
    default:
      return <>{cost == null ? "–" : money(cost)}</>;
  }
}

function Agent({ project, row }: { project: string; row: Row }) {
  const runners = useQuery(runnersQuery(project));
  const { runnerType, llmSettings } = row.spec;
  const agent = runners.data?.find((one) => one.id === runnerType)?.displayName ?? runnerType;
  return <>{[agent, llmSettings?.model].filter(Boolean).join(" · ")}</>;
}

/** From its start to its end, or to now. */
function Duration({ row }: { row: Row }) {
  const now = useNow();
  const { startTime, completionTime } = row.status ?? {};
  if (!startTime) return <>–</>;
  const end = completionTime ? Date.parse(completionTime) : now;
  return <>{duration(Math.max(0, end - Date.parse(startTime)))}</>;
}
