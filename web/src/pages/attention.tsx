// What needs a person, over all projects: first what asks, then what failed, what works, what is finished.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { Suspense, useEffect, useRef, useState } from "react";
import { usePreferences } from "../api/preferences";
import { accessQuery, attentionQuery, projectsQuery } from "../api/queries";
import type { Row } from "../api/types";
import { shownStatus, type Word } from "../contract/status";
import { useProject } from "../shell-project";
import { Page } from "../ui/page";
import { part } from "../ui/part";
import { ProblemView } from "../ui/problem";
import { Stale, Waiting } from "../ui/waiting";
import { Welcome } from "./demo";
import { type Dismissed, useDismissed } from "./dismissed";
import { useRowKeys } from "./row-keys";
import { SessionRow } from "./session-row";
import { wordOf } from "./word";

// Cards bring Markdown with them, so they come when something is to be answered.
const Needs = part(async () => (await import("../ui/needs")).Needs);
const RowQuestions = part(async () => (await import("../session/answering")).RowQuestions);

const GROUPS: { title: string; words: Word[] }[] = [
  { title: "Needs you", words: ["Needs you"] },
  { title: "Failed", words: ["Failed"] },
  { title: "Working", words: ["Working", "Starting", "Waiting", "Stopping"] },
];
const RESTING: Word[] = ["Ready", "Done", "Stopped"];
const VISIT = 20_000; // that long on this page counts as having seen it

/** When this person was here before this visit; the visit is noted after a while. undefined: not known yet. */
function useLastVisit(): string | null | undefined {
  const { preferences, change } = usePreferences();
  const before = useRef<string | null>(undefined);
  if (before.current === undefined && preferences) before.current = preferences.lastVisit ?? null;
  useEffect(() => {
    const timer = setTimeout(() => void change({ lastVisit: new Date().toISOString() }).catch(() => {}), VISIT);
    return () => clearTimeout(timer);
  }, [change]);
  return before.current;
}

/** Whether something happened in it after that moment. */
export const isNews = (row: Row, visit: string | null | undefined) =>
  visit != null && Date.parse(row.status?.lastActivityTime ?? "") > Date.parse(visit);

export function AttentionRoute() {
  const list = useQuery(attentionQuery);
  const projects = useQuery(projectsQuery);
  const project = useProject();
  const dismissed = useDismissed();
  const root = useRef<HTMLDivElement>(null);
  const rows = list.data?.items ?? [];
  // A failure that was put aside is gone; the session that goes on after it is not.
  const shown = rows.filter((one) => !dismissed.has(one) || shownStatus(one).word !== "Failed");
  const placeOf = (one: Row) => (dismissed.has(one) ? shownStatus(one).word : wordOf(one));
  const asking = shown.filter((one) => placeOf(one) === "Needs you").length;
  const visit = useLastVisit();
  const resting = shown.filter((one) => RESTING.includes(placeOf(one)));
  const many = (projects.data?.items.length ?? 0) > 1;
  useRowKeys(root);
  return (
    <Page
      title={asking ? `(${asking}) Attention` : "Attention"}
      heading="Attention"
      live
      actions={
        <Link to="/projects/$project/new" params={{ project }} className="btn btn-primary">
          <Plus size={15} aria-hidden /> New session
        </Link>
      }
    >
      {list.error && <ProblemView error={list.error} />}
      {list.error && list.data && <Stale at={list.dataUpdatedAt} />}
      {list.isPending && <Waiting>Reading what needs you…</Waiting>}
      {rows.length > 0 && asking === 0 && <p className="mb-4 text-muted">Nothing needs you.</p>}
      {list.data && !rows.length && <Welcome project={project} />}
      <div ref={root}>
        {GROUPS.map((group) => (
          <Group
            key={group.title}
            title={group.title}
            many={many}
            rows={shown.filter((one) => group.words.includes(placeOf(one)))}
            dismissed={dismissed}
          />
        ))}
        <Group
          title="Finished since you were here"
          many={many}
          rows={resting.filter((one) => isNews(one, visit))}
          dismissed={dismissed}
        />
        <Group
          title="Ready and done"
          many={many}
          rows={resting.filter((one) => !isNews(one, visit))}
          dismissed={dismissed}
        />
      </div>
    </Page>
  );
}

const MANY = 8;

function Group({ title, rows, many, dismissed }: { title: string; rows: Row[]; many: boolean; dismissed: Dismissed }) {
  const [all, setAll] = useState(false);
  if (!rows.length) return null;
  const shown = all || title === "Needs you" ? rows : rows.slice(0, MANY);
  return (
    <section aria-label={title} className="mb-5">
      <h2 className="mb-1.5">
        {title} <span className="font-normal text-muted">{rows.length}</span>
      </h2>
      <ul className="panel divide-y divide-line overflow-hidden">
        {shown.map((one) => (
          <AttentionRow key={one.metadata.uid} row={one} many={many} dismissed={dismissed} />
        ))}
      </ul>
      {shown.length < rows.length && (
        <button type="button" className="btn btn-quiet btn-small mt-1" onClick={() => setAll(true)}>
          Show all {rows.length}
        </button>
      )}
    </section>
  );
}

function AttentionRow({ row, many, dismissed }: { row: Row; many: boolean; dismissed: Dismissed }) {
  const word = wordOf(row);
  return (
    <SessionRow
      row={row}
      withProject={many}
      actions={
        word === "Failed" &&
        !dismissed.has(row) && (
          <button type="button" className="btn btn-small" data-key="e" onClick={() => dismissed.add(row)}>
            Dismiss
          </button>
        )
      }
    >
      {word === "Needs you" && shownStatus(row).questions.length > 0 && <Asked row={row} />}
    </SessionRow>
  );
}

/** Questions of a session in whose project the person may only look are read, not answered. */
function Asked({ row }: { row: Row }) {
  const client = useQueryClient();
  const project = row.metadata.namespace;
  const access = useQuery(accessQuery(project));
  const mayEdit = access.data?.userRole !== "view";
  const refresh = () => void client.invalidateQueries({ queryKey: ["sessions"] });
  return (
    <Suspense fallback={<Waiting>Opening the question…</Waiting>}>
      <RowQuestions row={row} mayEdit={mayEdit} onDone={refresh} />
      {!mayEdit && <Needs right="edit" project={project} />}
    </Suspense>
  );
}
