// Views of the sessions list: those that everybody needs, and those that were saved.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type RefObject, Suspense, useState } from "react";
import { put, remove } from "../api/http";
import { projectApi } from "../api/paths";
import { type SavedView, viewsQuery } from "../api/queries";
import { ActButton } from "../ui/act-button";
import { confirmDone } from "../ui/announce";
import { part } from "../ui/part";
import { dayBefore, type SessionsSearch, searchOf } from "./sessions-search";

const SaveView = part(async () => (await import("./sessions-dialogs")).SaveView);

const fixedViews = (): { label: string; search: SessionsSearch }[] => [
  { label: "Mine", search: { owner: "me" } },
  { label: "All", search: {} },
  { label: "Needs you", search: { status: "needs-you" } },
  { label: "Failed today", search: { status: "failed", after: dayBefore(0) } },
];

function queryOfView(search: SessionsSearch): string {
  const given = Object.entries(search).filter(([name, value]) => name !== "page" && value);
  return new URLSearchParams(given as [string, string][]).toString();
}

interface Props {
  root: RefObject<HTMLElement | null>;
  project: string;
  isAdmin: boolean;
  search: SessionsSearch;
  onChoose: (view: SessionsSearch) => void;
}

export function Views({ root, project, isAdmin, search, onChoose }: Props) {
  const api = `${projectApi(project)}/views`;
  const client = useQueryClient();
  const saved = useQuery(viewsQuery(project));
  const [naming, setNaming] = useState(false);
  const now = queryOfView(search);
  const every = [
    ...fixedViews().map((one) => ({ name: one.label, query: queryOfView(one.search), shared: false, own: false })),
    ...(saved.data?.items ?? []).map((one) => ({ ...one, own: true })),
  ];
  const current = every.find((one) => one.query === now);
  const mayDrop = current?.own && (isAdmin || !current.shared);
  const again = () => client.invalidateQueries({ queryKey: ["views", project] });
  const keep = async (name: string, shared: boolean) => {
    await put(`${api}/${encodeURIComponent(name)}`, { query: now, shared });
    setNaming(false);
    confirmDone(`The view “${name}” is saved.`);
    await again();
  };
  const drop = async (view: SavedView) => {
    const path = `${api}/${encodeURIComponent(view.name)}`;
    await remove(`${path}?shared=${view.shared}`);
    await again();
    const undo = () => put(path, { query: view.query, shared: view.shared }).then(again);
    confirmDone(`The view “${view.name}” is deleted.`, () => void undo());
  };
  return (
    <nav ref={root} aria-label="Views" className="mb-2 flex flex-wrap items-center gap-1">
      {every.map((view) => (
        <button
          key={`${view.own}${view.shared}${view.name}`}
          type="button"
          aria-current={view === current ? "true" : undefined}
          className="btn btn-quiet btn-small aria-[current=true]:bg-accent-soft aria-[current=true]:text-accent"
          onClick={() => onChoose(searchOf(view.query))}
        >
          {view.name}
          {view.shared && <span className="text-xs text-muted">shared</span>}
        </button>
      ))}
      {!current && now !== "" && (
        <button type="button" className="btn btn-small" onClick={() => setNaming(true)}>
          Save this view…
        </button>
      )}
      {mayDrop && <ActButton onAct={() => drop(current)}>Delete this view</ActButton>}
      {naming && (
        <Suspense>
          <SaveView isAdmin={isAdmin} onClose={() => setNaming(false)} onSave={keep} />
        </Suspense>
      )}
    </nav>
  );
}
