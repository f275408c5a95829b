// The sessions of a project: what needs a person first. Filters and order are in the address, and on the server.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Plus, X } from "lucide-react";
import { useRef, useState } from "react";
import { accessQuery, sessionsQuery } from "../api/queries";
import type { Row, RowList } from "../api/types";
import { useActions } from "../ui/actions";
import { useKeys } from "../ui/keys";
import { Needs } from "../ui/needs";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { Stale, Waiting } from "../ui/waiting";
import { Welcome } from "./demo";
import { useRowKeys } from "./row-keys";
import { Bulk, useBulk } from "./sessions-bulk";
import { Filters } from "./sessions-filters";
import { SessionList } from "./sessions-list";
import { CHIPS, queryOf, type SessionsSearch, SORTS, STATUS_WORDS } from "./sessions-search";
import { Views } from "./sessions-views";

const MOST = 100; // so many may be selected

/** What is selected. toggle with range: all from the last one to this, as the last one is. */
function useSelection(rows: () => string[]) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef("");
  const toggle = (name: string, range = false) => {
    const all = rows();
    const [from, to] = [all.indexOf(last.current), all.indexOf(name)].sort((one, other) => one - other);
    const next = new Set(chosen);
    if (range && from !== undefined && from >= 0) {
      for (const one of all.slice(from, (to ?? from) + 1)) if (next.size < MOST) next.add(one);
    } else if (!next.delete(name) && next.size < MOST) next.add(name);
    last.current = name;
    setChosen(next);
  };
  return { chosen, toggle, choose: (names: string[]) => setChosen(new Set(names)) };
}

/** What was read last stays when what is asked for now cannot be read. */
function useShown(project: string, query: string) {
  const list = useQuery({ ...sessionsQuery(project, query), placeholderData: keepPreviousData });
  const kept = useRef<{ project: string; data: RowList; at: number }>(undefined);
  const { data } = list;
  if (data && !list.isPlaceholderData) kept.current = { project, data, at: list.dataUpdatedAt };
  const last = kept.current?.project === project ? kept.current : undefined;
  return { list, shown: data ?? (list.error ? last?.data : undefined), at: list.error ? (last?.at ?? 0) : 0 };
}

export function SessionsRoute() {
  const { project = "" } = useParams({ strict: false });
  const search = useSearch({ strict: false }) as SessionsSearch;
  const navigate = useNavigate();
  const query = queryOf(search);
  const { list, shown, at } = useShown(project, query);
  const access = useQuery(accessQuery(project));
  const root = useRef<HTMLUListElement>(null);
  const views = useRef<HTMLElement>(null);
  const [asking, setAsking] = useState(false);
  const items = shown?.items ?? [];
  const role = access.data?.userRole;
  const mayEdit = role !== "view";
  const { chosen, toggle, choose } = useSelection(() =>
    [...(root.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])].map((one) => one.dataset.row ?? ""),
  );
  const bulk = useBulk(role === "admin", choose);
  const selected = items.filter((one) => chosen.has(one.metadata.name));
  const set = (fresh: SessionsSearch) =>
    void navigate({ to: ".", search: { ...search, page: undefined, ...fresh }, replace: true });
  /** On what is selected, else on the row that has the focus. */
  const on = (row: HTMLElement): Row[] =>
    selected.length ? selected : items.filter((one) => one.metadata.name === row.dataset.row);
  useRowKeys(root, {
    o: (row) => window.open(row.querySelector("a")?.href, "_blank", "noopener"),
    ...(mayEdit && {
      x: (row) => toggle(row.dataset.row ?? ""),
      // biome-ignore lint/correctness/noComponentHookFactories: ⇧x is a key, no component
      X: (row) => toggle(row.dataset.row ?? "", true),
      s: (row) => bulk.act("stop", on(row)),
      r: (row) => bulk.act("start", on(row)),
      l: (row) => bulk.act("label", on(row)),
    }),
  });
  useKeys({
    "/": () => document.getElementById("search")?.focus(),
    f: () => setAsking(true),
    v: () => views.current?.querySelector("button")?.focus(),
  });
  useActions([
    { label: "Filter the sessions", key: "f", act: () => setAsking(true) },
    { label: "Show all sessions", act: () => void navigate({ to: ".", search: {} }) },
    ...Object.entries(SORTS).map(([sort, label]) => ({
      label: `Order the sessions by: ${label.toLowerCase()}`,
      act: () => set({ sort }),
    })),
  ]);
  return (
    <Page
      title="Sessions"
      live
      actions={
        mayEdit ? (
          <Link to="/projects/$project/new" params={{ project }} className="btn btn-primary">
            <Plus size={15} aria-hidden /> New session
          </Link>
        ) : (
          <>
            <button type="button" className="btn btn-primary" disabled>
              <Plus size={15} aria-hidden /> New session
            </button>
            <Needs right="edit" project={project} />
          </>
        )
      }
    >
      <Views
        root={views}
        project={project}
        isAdmin={role === "admin"}
        search={search}
        onChoose={(view) => void navigate({ to: ".", search: view })}
      />
      <Filters
        key={project}
        project={project}
        search={search}
        total={shown?.totalCount}
        bound={shown?.totalCountIsLowerBound ?? false}
        asking={asking}
        onAsk={setAsking}
        onSet={set}
      />
      {list.error && <ProblemView error={list.error} />}
      <Stale at={at} />
      {list.isPending && <Waiting>Reading the sessions…</Waiting>}
      {list.data && !items.length && <Empty project={project} search={search} onSet={set} />}
      <Bulk bulk={bulk} rows={selected} onClear={() => choose([])} />
      <SessionList
        root={root}
        project={project}
        rows={items}
        query={list.isPlaceholderData ? "" : query}
        sort={search.sort ?? "attention"}
        onSort={(sort) => set({ sort })}
        chosen={mayEdit ? chosen : undefined}
        onToggle={toggle}
      />
      <Pages search={search} more={shown?.hasMore ?? false} onSet={set} />
    </Page>
  );
}

interface EmptyProps {
  project: string;
  search: SessionsSearch;
  onSet: (search: SessionsSearch) => void;
}

/** Nothing has run here, or nothing matches: then each filter can be taken away. */
function Empty({ project, search, onSet }: EmptyProps) {
  const words: Record<string, string> = { q: "Words", status: "Status", ...CHIPS };
  const set = (Object.keys(words) as (keyof SessionsSearch)[]).filter((name) => search[name]);
  if (!set.length && !search.page) return <Welcome project={project} />;
  return (
    <section aria-label="Nothing found" className="flex flex-wrap items-center gap-2 text-muted">
      <span>
        {search.q ? `No session matches “${search.q}”` : set.length ? "No session matches these filters" : "No more"}.
      </span>
      {set.map((name) => (
        <button key={name} type="button" className="btn btn-small" onClick={() => onSet({ [name]: undefined })}>
          Without {words[name]?.toLowerCase()} {name === "status" ? STATUS_WORDS[search.status ?? ""] : search[name]}
          <X size={13} aria-hidden />
        </button>
      ))}
      <Link to="/projects/$project/sessions" params={{ project }} search={{}}>
        Show all
      </Link>
    </section>
  );
}

interface PagesProps {
  search: SessionsSearch;
  more: boolean;
  onSet: (search: SessionsSearch) => void;
}

function Pages({ search, more, onSet }: PagesProps) {
  const page = Math.max(0, Number(search.page ?? 0) || 0);
  if (!page && !more) return null;
  return (
    <div className="mt-3 flex items-center gap-2">
      <button
        type="button"
        className="btn btn-small"
        disabled={!page}
        onClick={() => onSet({ page: page > 1 ? String(page - 1) : undefined })}
      >
        Previous
      </button>
      <span className="text-muted">Page {page + 1}</span>
      <button
        type="button"
        className="btn btn-small"
        disabled={!more}
        onClick={() => onSet({ page: String(page + 1) })}
      >
        Next
      </button>
    </div>
  );
}
