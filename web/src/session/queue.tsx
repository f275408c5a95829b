// What waits behind the active run: the server's list, the same for everybody. To be edited, moved, taken out.

import { useQueryClient } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Pencil, Trash2, Undo2 } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { patch, post } from "../api/http";
import { runsQuery } from "../api/queries";
import type { Run } from "../api/types";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";
import type { Unsent } from "./unsent";

export function Queue({ runs, held }: { runs: Run[]; held: boolean }) {
  if (!runs.length) return null;
  return (
    <div className="mb-2">
      <p className="text-xs text-muted">
        Queue {runs.length}
        {held && ", held by the open question"}
      </p>
      <ol aria-label="Queue" className="flex max-h-[24vh] flex-col overflow-y-auto">
        {runs.map((run, at) => (
          <QueueRow key={run.runId} run={run} at={at} count={runs.length} />
        ))}
      </ol>
    </div>
  );
}

/** What was sent without a connection, and is not with the server yet. */
export function UnsentList({ list, onTakeBack }: { list: Unsent[]; onTakeBack: (one: Unsent) => void }) {
  if (!list.length) return null;
  return (
    <div className="mb-2">
      <p className="text-xs text-amber">Not sent yet: goes out once, when the connection is back</p>
      <ol aria-label="Not sent yet" className="flex max-h-[24vh] flex-col overflow-y-auto">
        {list.map((one) => (
          <li key={one.runId} className="flex items-center gap-1 border-b border-line py-0.5 last:border-0">
            <span className="min-w-0 flex-1 truncate">{one.text || "Attached files"}</span>
            <QueueButton label={`Take back: ${one.text}`} onClick={() => onTakeBack(one)}>
              <Undo2 size={13} aria-hidden />
            </QueueButton>
          </li>
        ))}
      </ol>
    </div>
  );
}

function QueueRow({ run, at, count }: { run: Run; at: number; count: number }) {
  const { api, project, name, mayEdit } = useSession();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const [editing, setEditing] = useState<string | null>(null);
  const text = run.prompt || "An answer";
  const act = async (doing: () => Promise<unknown>) => {
    setError(null);
    try {
      await doing();
    } catch (problem) {
      setError(problem);
    }
    await client.invalidateQueries({ queryKey: runsQuery(project, name).queryKey });
  };
  const change = (body: object) => act(() => patch(`${api}/agui/runs/${encodeURIComponent(run.runId)}`, body));
  const save = (event: FormEvent) => {
    event.preventDefault();
    if (editing?.trim()) void change({ text: editing.trim() });
    setEditing(null);
  };
  return (
    <li className="flex flex-wrap items-center gap-x-1 border-b border-line py-0.5 last:border-0">
      {editing === null ? (
        <span className="min-w-0 flex-1 truncate">Queued: {text}</span>
      ) : (
        <form onSubmit={save} className="flex flex-1 gap-2">
          <input
            aria-label="Queued prompt"
            className="field"
            value={editing}
            onChange={(event) => setEditing(event.target.value)}
            // biome-ignore lint/a11y/noAutofocus: somebody just asked to edit it
            autoFocus
          />
          <button type="submit" className="btn btn-small">
            Save
          </button>
        </form>
      )}
      <span className="px-1 text-xs text-muted">{run.sender.displayName}</span>
      {mayEdit && editing === null && (
        <>
          {run.prompt && (
            <QueueButton label={`Edit: ${text}`} onClick={() => setEditing(run.prompt ?? "")}>
              <Pencil size={13} aria-hidden />
            </QueueButton>
          )}
          {at > 0 && (
            <QueueButton label={`Earlier: ${text}`} onClick={() => change({ position: at })}>
              <ArrowUp size={13} aria-hidden />
            </QueueButton>
          )}
          {at < count - 1 && (
            <QueueButton label={`Later: ${text}`} onClick={() => change({ position: at + 2 })}>
              <ArrowDown size={13} aria-hidden />
            </QueueButton>
          )}
          <QueueButton
            label={`Remove from the queue: ${text}`}
            onClick={() => act(() => post(`${api}/agui/interrupt`, { runId: run.runId }))}
          >
            <Trash2 size={13} aria-hidden />
          </QueueButton>
        </>
      )}
      {error !== null && (
        <div className="w-full">
          <ProblemView error={error} />
        </div>
      )}
    </li>
  );
}

function QueueButton({ label, onClick, children }: { label: string; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      className="btn btn-quiet btn-icon btn-small"
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
