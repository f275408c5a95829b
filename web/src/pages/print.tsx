// A session on paper: everything of it, not only what is in view, and nothing that could be clicked.

import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Printer } from "lucide-react";
import { useMemo, useState } from "react";
import { textOf } from "../api/http";
import { sessionApi } from "../api/paths";
import { sessionQuery } from "../api/queries";
import type { Session } from "../api/types";
import { statusOf, titleOf } from "../contract/status";
import type { LogEvent } from "../fold/events";
import { fold, type Item, timeline } from "../fold/timeline";
import { type SessionContext, SessionPage } from "../session/context";
import { RowView } from "../session/row";
import { type Row, rowsOf } from "../session/rows";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";

/** The whole log, folded. Events are numbered from 1, as the log has them. */
export function itemsOf(lines: string): Item[] {
  const state = timeline();
  let seq = 0;
  for (const line of lines.split("\n")) {
    if (!line) continue;
    seq += 1;
    fold(state, seq, JSON.parse(line) as LogEvent);
  }
  return state.items;
}

/** tools: with what tool calls were given and gave. */
export function printed(items: Item[], tools: boolean): Row[] {
  return rowsOf(items, false).filter((one) => tools || (one.kind !== "tool" && one.kind !== "group"));
}

export function PrintRoute() {
  const { project = "", session = "" } = useParams({ strict: false });
  const about = useQuery(sessionQuery(project, session));
  const log = useQuery({
    queryKey: ["print", project, session],
    queryFn: async () => itemsOf(await textOf(`${sessionApi(project, session)}/export?format=jsonl`)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [tools, setTools] = useState(true);
  const error = about.error ?? log.error;
  return (
    <Page title={about.data ? titleOf(about.data) : "A session"}>
      {error && <ProblemView error={error} />}
      <div data-print="no" className="mb-4 flex flex-wrap items-center gap-4">
        <button type="button" className="btn btn-primary" disabled={!log.data} onClick={() => print()}>
          <Printer size={15} aria-hidden /> Print, or save as PDF
        </button>
        <label className="flex min-h-8 items-center gap-2">
          <input type="checkbox" checked={tools} onChange={(event) => setTools(event.target.checked)} /> with tool calls
        </label>
        <Link to="/projects/$project/sessions/$session" params={{ project, session }}>
          Back to the session
        </Link>
      </div>
      {!error && !(log.data && about.data) && <p className="text-muted">Reading…</p>}
      {log.data && about.data && <Everything project={project} session={about.data} rows={printed(log.data, tools)} />}
    </Page>
  );
}

function Everything({ project, session, rows }: { project: string; session: Session; rows: Row[] }) {
  const { name } = session.metadata;
  const context = useMemo((): SessionContext => {
    const nothing = () => {};
    return {
      project,
      name,
      api: sessionApi(project, name),
      session,
      status: statusOf(session),
      over: true,
      mayEdit: false,
      answer: async () => {},
      given: new Map(),
      half: {},
      saveHalf: nothing,
      openQuestions: 0,
      compose: nothing,
      openFile: nothing,
      openChanges: nothing,
      fork: async () => {},
      unfolded: true,
    };
  }, [project, name, session]);
  return (
    <SessionPage.Provider value={context}>
      <div role="feed" aria-label="Timeline" className="mx-auto max-w-4xl">
        {rows.map((row) => (
          <article key={`${row.kind}:${row.id}`} data-kind={row.kind} className="break-inside-avoid-page pb-1">
            <RowView row={row} rev={row.rev} />
          </article>
        ))}
      </div>
    </SessionPage.Provider>
  );
}
