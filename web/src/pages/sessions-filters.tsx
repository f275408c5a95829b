// What narrows the sessions list, and in which order it stands. All of it is in the address.

import { useQuery } from "@tanstack/react-query";
import { Search, X } from "lucide-react";
import { Suspense, useEffect, useRef, useState } from "react";
import { modelsQuery, runnersQuery } from "../api/queries";
import { Menu } from "../ui/menu";
import { part } from "../ui/part";
import { CHIPS, dayBefore, type SessionsSearch, SORTS, STATUS_WORDS } from "./sessions-search";

const FilterDialog = part(async () => (await import("./sessions-dialogs")).FilterDialog);

const SINCE: [days: number, label: string][] = [
  [1, "the last day"],
  [7, "the last 7 days"],
  [30, "the last 30 days"],
];

interface Props {
  project: string;
  search: SessionsSearch;
  total: number | undefined;
  bound: boolean;
  /** Whether the dialog with every filter is open. */
  asking: boolean;
  onAsk: (asking: boolean) => void;
  onSet: (search: SessionsSearch) => void;
}

/** Filters that are used less often; each one that is set is a chip, too. */
function MoreFilters({ project, onSet, onAsk }: Pick<Props, "project" | "onSet" | "onAsk">) {
  const runners = useQuery(runnersQuery(project));
  const models = useQuery(modelsQuery(project));
  return (
    <Menu
      label="More filters"
      trigger={
        <button type="button" className="btn" title="Every filter  f">
          More filters ▾
        </button>
      }
      items={[
        { label: "All filters…", note: "f", onSelect: () => onAsk(true) },
        null,
        ...(runners.data ?? []).map((one) => ({
          label: `Agent: ${one.displayName}`,
          onSelect: () => onSet({ runner: one.id }),
        })),
        null,
        ...(models.data?.models ?? []).map((one) => ({
          label: `Model: ${one.label}`,
          onSelect: () => onSet({ model: one.id }),
        })),
        null,
        ...SINCE.map(([days, label]) => ({
          label: `Made in ${label}`,
          onSelect: () => onSet({ after: dayBefore(days) }),
        })),
        ...[1, 10].map((cost) => ({ label: `Cost $${cost} or more`, onSelect: () => onSet({ cost: String(cost) }) })),
      ]}
    />
  );
}

export function Filters({ project, search, total, bound, asking, onAsk, onSet }: Props) {
  const [words, setWords] = useState(search.q ?? "");
  const asked = useRef(search.q ?? "");
  const send = useRef(onSet);
  send.current = onSet;
  useEffect(() => {
    if (words === asked.current) return;
    const timer = setTimeout(() => {
      asked.current = words;
      send.current({ q: words || undefined });
    }, 200);
    return () => clearTimeout(timer);
  }, [words]);
  const chips = (Object.keys(CHIPS) as (keyof typeof CHIPS)[]).filter((name) => search[name]);
  const narrowed = Object.keys(search).some((name) => name !== "sort" && name !== "page");
  return (
    <div className="mb-3 flex flex-wrap items-center gap-2">
      <span className="relative min-w-52 flex-1 sm:max-w-sm">
        <label htmlFor="search" className="sr-only">
          Find
        </label>
        <Search size={14} aria-hidden className="absolute top-2.5 left-2.5 text-muted" />
        <input
          id="search"
          type="search"
          className="field pl-8"
          placeholder="Name or words of the prompt"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      </span>
      <label className="flex items-center gap-1.5">
        <span className="text-muted">Status</span>
        <select
          className="field w-auto"
          value={search.status ?? ""}
          onChange={(event) => onSet({ status: event.target.value || undefined })}
        >
          <option value="">any</option>
          {Object.entries(STATUS_WORDS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label className="flex items-center gap-1.5">
        <span className="text-muted">Order</span>
        <select
          className="field w-auto"
          value={search.sort ?? "attention"}
          onChange={(event) => onSet({ sort: event.target.value })}
        >
          {Object.entries(SORTS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
          {search.sort && !SORTS[search.sort] && <option value={search.sort}>as its heading says</option>}
        </select>
      </label>
      <MoreFilters project={project} onSet={onSet} onAsk={onAsk} />
      {chips.map((name) => (
        <button key={name} type="button" className="btn btn-small" onClick={() => onSet({ [name]: undefined })}>
          {CHIPS[name]}: {search[name]} <X size={13} aria-label="remove" />
        </button>
      ))}
      {total !== undefined && (
        <span className="text-muted">
          {bound ? "10,000+" : total} {narrowed ? "found" : "in all"}
        </span>
      )}
      {asking && (
        <Suspense>
          <FilterDialog project={project} search={search} onSet={onSet} onClose={() => onAsk(false)} />
        </Suspense>
      )}
    </div>
  );
}
