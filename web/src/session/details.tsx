// For who looks for a fault: the chain to the runner, conditions, ids, and the agent's state.

import { useQuery } from "@tanstack/react-query";
import { get } from "../api/http";
import { doctorQuery } from "../api/queries";
import type { Condition } from "../api/types";
import { isWarning } from "../contract/status";
import type { SessionFeed } from "../stream/feed";
import { ProblemView } from "../ui/problem";
import { Ago } from "../ui/time";
import { useSession } from "./context";
import { DoctorLinks } from "./doctor";
import { JsonTree } from "./json-tree";

interface PodEvents {
  events: { type: string; reason: string; message: string; timestamp: string; count: number }[];
}

/** A condition that is not so is only bad where the table says so. */
function ConditionSign({ condition }: { condition: Condition }) {
  const [sign, tone] =
    condition.status === "True"
      ? ["✓", "text-green"]
      : isWarning(condition)
        ? ["✕", "text-amber"]
        : ["–", "text-muted"];
  return (
    <span className={tone}>
      {sign}
      <span className="sr-only">{condition.status}</span>
    </span>
  );
}

export function Details({ feed, version }: { feed: SessionFeed; version: number }) {
  const { api, project, name, session } = useSession();
  const doctor = useQuery(doctorQuery(project, name));
  const events = useQuery({ queryKey: ["events", project, name], queryFn: () => get<PodEvents>(`${api}/pod-events`) });
  const { metadata, status } = session;
  return (
    <div className="flex flex-col gap-5" data-version={version}>
      <section aria-label="Connection to the runner">
        <h2 className="mb-1 flex items-center gap-2">
          Connection to the runner
          <button type="button" className="btn btn-small font-normal" onClick={() => void doctor.refetch()}>
            Check again
          </button>
        </h2>
        {doctor.error && <ProblemView error={doctor.error} />}
        {!doctor.data && !doctor.error && <p className="text-muted">Asking…</p>}
        {doctor.data && <DoctorLinks links={doctor.data.links} />}
      </section>
      <section aria-label="Conditions">
        <h2 className="mb-1">Conditions</h2>
        {!status?.conditions?.length && <p className="text-muted">None yet.</p>}
        <ul>
          {(status?.conditions ?? []).map((one) => (
            <li key={one.type} className="flex flex-wrap gap-x-2">
              <ConditionSign condition={one} />
              <span>{one.type}</span>
              <span className="text-muted">
                {one.reason} {one.message}
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="What the platform did">
        <h2 className="mb-1">What the platform did</h2>
        {events.error && <ProblemView error={events.error} />}
        {!events.data && !events.error && <p className="text-muted">Asking…</p>}
        {events.data?.events.length === 0 && <p className="text-muted">Nothing is on record.</p>}
        <ul>
          {events.data?.events.map((one, at) => (
            <li key={at} className={one.type === "Warning" ? "text-amber" : ""}>
              {one.reason}: {one.message} <Ago at={one.timestamp} className="text-xs text-muted" />
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="Names">
        <h2 className="mb-1">Names</h2>
        <dl className="grid grid-cols-[auto_1fr] gap-x-3">
          <dt className="text-muted">name</dt>
          <dd className="font-mono">{metadata.name}</dd>
          <dt className="text-muted">uid</dt>
          <dd className="font-mono">{metadata.uid}</dd>
          <dt className="text-muted">events</dt>
          <dd>{feed.timeline.seq}</dd>
          <dt className="text-muted">runner</dt>
          <dd>
            {session.spec.runnerType ?? "the default agent"},{" "}
            {status?.runnerGeneration ? `generation ${status.runnerGeneration}` : "none started yet"}
          </dd>
        </dl>
      </section>
      {feed.conversation.state != null && (
        <section aria-label="State of the agent">
          <h2 className="mb-1">State of the agent</h2>
          <JsonTree value={feed.conversation.state} />
        </section>
      )}
    </div>
  );
}
