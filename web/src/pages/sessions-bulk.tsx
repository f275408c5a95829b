// What can be done with the selected sessions, and what came of it for each.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { problemOf } from "../api/http";
import { meQuery } from "../api/queries";
import type { Row } from "../api/types";
import { titleOf } from "../contract/status";
import { announce, confirmDone } from "../ui/announce";
import { Menu } from "../ui/menu";
import { part } from "../ui/part";
import { type Asker, applies, DEEDS, type Deed, drop, exported, label, onEach, type Result, start, stop } from "./bulk";

const LabelDialog = part(async () => (await import("./sessions-dialogs")).LabelDialog);
const DeleteDialog = part(async () => (await import("./sessions-dialogs")).DeleteDialog);

interface Asking {
  deed: "label" | "delete";
  rows: Row[];
}

/** act: on these rows; what the deed does not apply to stays as it is. onLeft: selected from now on. */
export function useBulk(isAdmin: boolean, onLeft: (names: string[]) => void) {
  const client = useQueryClient();
  const me = useQuery(meQuery);
  const asker: Asker = { userId: me.data?.userId ?? "", isAdmin };
  const [results, setResults] = useState<Result[]>([]);
  const [busy, setBusy] = useState<Deed | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);

  const carryOut = async (deed: Deed, rows: Row[], doing: (rows: Row[]) => Promise<Result[]>) => {
    const fitting = rows.filter((one) => applies(deed, one, asker));
    if (!fitting.length || busy) return;
    setAsking(null);
    setBusy(deed);
    const found = await doing(fitting);
    setBusy(null);
    setResults(found);
    const lost = found.filter((one) => one.error !== null);
    const kept = [...rows.filter((one) => !fitting.includes(one)), ...lost.map((one) => one.row)];
    onLeft(kept.map((one) => one.metadata.name));
    const said = `${DEEDS[deed]}: ${found.length - lost.length} of ${found.length} done.`;
    if (lost.length < found.length) confirmDone(said);
    else announce(said);
    await client.invalidateQueries({ queryKey: ["sessions"] });
  };
  const act = (deed: Deed, rows: Row[]) => {
    if (deed === "label" || deed === "delete") setAsking({ deed, rows });
    else if (deed === "md" || deed === "json") void carryOut(deed, rows, (fitting) => exported(fitting, deed));
    else void carryOut(deed, rows, (fitting) => onEach(fitting, deed === "stop" ? stop : start));
  };
  return { asker, results, busy, asking, setAsking, act, carryOut, forget: () => setResults([]) };
}

interface Props {
  bulk: ReturnType<typeof useBulk>;
  rows: Row[];
  onClear: () => void;
}

/** What a deed would not touch, before it is done. */
function told(rows: Row[], asker: Asker): string {
  const count = (deed: Deed) => rows.filter((one) => applies(deed, one, asker)).length;
  const [stopped, resumed, deleted] = [count("stop"), count("start"), count("delete")];
  const mine = deleted < rows.length ? `; ${deleted} are yours to delete` : "";
  if (!resumed) return `All can be stopped${mine}`;
  return stopped ? `${stopped} can be stopped, ${resumed} resumed${mine}` : `All can be resumed${mine}`;
}

export function Bulk({ bulk, rows, onClear }: Props) {
  const { asker, results, busy, act } = bulk;
  if (!rows.length && !results.length) return <BulkDialogs bulk={bulk} />;
  const able = (deed: Deed) => !busy && rows.some((one) => applies(deed, one, asker));
  const button = (deed: Deed, text: string, key: string) => (
    <button
      type="button"
      className={`btn btn-small ${deed === "delete" ? "btn-danger" : ""}`}
      disabled={!able(deed)}
      title={key && `${DEEDS[deed]}  ${key}`}
      onClick={() => act(deed, rows)}
    >
      {text}
    </button>
  );
  return (
    <section
      aria-label="Selected sessions"
      className="sticky top-0 z-10 mb-2 rounded-md border border-line bg-accent-soft px-3 py-1.5"
    >
      {rows.length > 0 && (
        <div className="flex flex-wrap items-center gap-2">
          <strong>{rows.length} selected</strong>
          {button("stop", "Stop", "s")}
          {button("start", "Resume", "r")}
          {button("label", "Label…", "l")}
          <Menu
            label="Export"
            trigger={
              <button type="button" className="btn btn-small" disabled={busy !== null}>
                Export ▾
              </button>
            }
            items={[
              { label: "As Markdown, in one file", onSelect: () => act("md", rows) },
              { label: "As JSON, in one file", onSelect: () => act("json", rows) },
            ]}
          />
          {button("delete", "Delete…", "")}
          <button type="button" className="btn btn-quiet btn-small" onClick={onClear}>
            Clear the selection
          </button>
          <span className="text-muted">{busy ? `${DEEDS[busy]}: at it…` : told(rows, asker)}</span>
        </div>
      )}
      <Results bulk={bulk} />
      <BulkDialogs bulk={bulk} />
    </section>
  );
}

function Results({ bulk: { results, forget } }: { bulk: Props["bulk"] }) {
  if (!results.length) return null;
  return (
    <div className="mt-1 flex items-start gap-3">
      <ul aria-label="What came of it" className="max-h-40 min-w-0 flex-1 overflow-y-auto">
        {results.map(({ row, error }) => {
          const title = row.shown?.title ?? titleOf(row);
          if (error === null) {
            return (
              <li key={row.metadata.uid}>
                <span className="text-green">✓</span> {title}
              </li>
            );
          }
          const problem = problemOf(error);
          return (
            <li key={row.metadata.uid} className="text-red">
              {title}: {problem.message} {problem.hint}
            </li>
          );
        })}
      </ul>
      <button type="button" className="btn btn-quiet btn-small" onClick={forget}>
        Close
      </button>
    </div>
  );
}

function BulkDialogs({ bulk: { asker, asking, setAsking, carryOut } }: { bulk: Props["bulk"] }) {
  if (!asking) return null;
  const { deed, rows } = asking;
  const close = () => setAsking(null);
  const mine = rows.filter((one) => applies("delete", one, asker));
  return (
    <Suspense>
      {deed === "label" ? (
        <LabelDialog
          rows={rows}
          onClose={close}
          onLabel={(key, value) => void carryOut("label", rows, (fitting) => onEach(fitting, label(key, value)))}
        />
      ) : (
        <DeleteDialog
          rows={mine}
          left={rows.length - mine.length}
          onClose={close}
          onDelete={() => void carryOut("delete", rows, (fitting) => onEach(fitting, drop))}
        />
      )}
    </Suspense>
  );
}
