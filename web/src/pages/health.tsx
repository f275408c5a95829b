// For operators: the platform's checks, and each session's credentials in plain words.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { get, post } from "../api/http";
import { sessionApi } from "../api/paths";
import { doctorQuery, sessionsQuery } from "../api/queries";
import type { CredentialList, Health, Row } from "../api/types";
import { shownStatus, TONES, titleOf, type Word, wordsOfReason } from "../contract/status";
import { copy } from "../session/copy";
import { DoctorLinks } from "../session/doctor";
import { ActButton } from "../ui/act-button";
import { useActions } from "../ui/actions";
import { confirmDone } from "../ui/announce";
import { useKeys } from "../ui/keys";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { StatusChip, StatusIcon } from "../ui/status";
import { Ago, bytes, duration } from "../ui/time";
import {
  type Credential,
  type CredentialState,
  linesOf,
  MOVING,
  STATE_WORDS,
  STATES,
  withCredential,
} from "./credential";

export function HealthRoute() {
  const health = useQuery({
    queryKey: ["health"],
    queryFn: () => get<Health>("/api/admin/health"),
    refetchInterval: 15_000,
  });
  const client = useQueryClient();
  const recheck = () => {
    void health.refetch();
    void client.invalidateQueries({ queryKey: ["sessions"] });
    void client.invalidateQueries({ queryKey: ["doctor"] });
    void client.invalidateQueries({ queryKey: ["credentials"] });
  };
  const [onlyBad, setOnlyBad] = useState(false);
  useKeys({ r: recheck });
  useActions([
    { label: "Check the platform again", key: "r", act: recheck },
    { label: "Show only credentials that are not fine", act: () => setOnlyBad(true) },
  ]);
  return (
    <Page
      title="Health"
      live
      actions={
        <button type="button" className="btn" title="Check again  r" onClick={recheck}>
          Check again
        </button>
      }
    >
      <Offered query={health} what="The health of the platform">
        {(found) => <Fleet found={found} at={health.dataUpdatedAt} />}
      </Offered>
      <section aria-label="Credentials" className="mt-6">
        <div className="mb-2 flex flex-wrap items-center gap-4">
          <h2>Credentials of running sessions</h2>
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={onlyBad} onChange={(event) => setOnlyBad(event.target.checked)} /> only what
            is not fine
          </label>
          <Link to="/admin/sessions" search={{}}>
            All of them
          </Link>
        </div>
        <Credentials wanted={onlyBad ? "bad" : ""} />
      </section>
    </Page>
  );
}

const SHOWN: [value: string, label: string][] = [
  ["", "All"],
  ["bad", "Not fine"],
  ...STATES.map((one): [string, string] => [one, STATE_WORDS[one]]),
];

/** One line a session, by how its credential stands; the filter is in the address. */
export function AdminSessionsRoute() {
  const { credential = "" } = useSearch({ strict: false }) as { credential?: string };
  return (
    <Page title="Credentials of sessions" live>
      <nav aria-label="Credentials" className="mb-3 flex flex-wrap gap-1">
        {SHOWN.map(([value, label]) => (
          <Link
            key={value}
            to="/admin/sessions"
            search={value ? { credential: value } : {}}
            activeOptions={{ exact: true, includeSearch: true }}
            className="btn btn-quiet btn-small aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent"
          >
            {label}
          </Link>
        ))}
      </nav>
      <Credentials wanted={credential} />
      <p className="mt-3">
        <Link to="/admin/health">Health of the platform</Link>
      </p>
    </Page>
  );
}

const MOST = 100;

/** The server's line for each; asked again when a session changes, and while one is on its way. */
function useLines(changed: number) {
  const lines = useQuery({
    queryKey: ["credentials"],
    queryFn: () => get<CredentialList>(`/api/admin/sessions?limit=${MOST}`),
    refetchInterval: ({ state }) => (state.data?.items.some((one) => MOVING.has(one.standing)) ? 1000 : false),
  });
  const { refetch } = lines;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another list is the occasion
  useEffect(() => void refetch(), [changed, refetch]);
  return lines;
}

/** Two requests for a hundred sessions: their rows, and the line for each. */
function Credentials({ wanted }: { wanted: string }) {
  const running = useQuery(sessionsQuery(null, `limit=${MOST}&phase=Creating,Running,Stopping`));
  const lines = useLines(running.dataUpdatedAt);
  return (
    <Offered query={running} what="The sessions of all projects">
      {({ items, totalCount }) => {
        const found = withCredential(items, wanted, linesOf(lines.data?.items ?? []));
        return (
          <>
            {lines.error && <ProblemView error={lines.error} />}
            {!found.length && <p className="text-muted">{items.length ? "None of them." : "No session is running."}</p>}
            <ul aria-label="Sessions" className="panel divide-y divide-line empty:hidden">
              {found.map(({ row, credential }) => (
                <CredentialRow key={row.metadata.uid} row={row} credential={credential} onAgain={lines.refetch} />
              ))}
            </ul>
            {(totalCount ?? 0) > items.length && (
              <p className="mt-2 text-muted">
                The first {items.length} of {totalCount} running sessions.
              </p>
            )}
          </>
        );
      }}
    </Offered>
  );
}

function Fleet({ found, at }: { found: Health; at: number }) {
  const bad = Object.entries(found.checks).filter(([, state]) => state !== "ok");
  return (
    <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
      <section aria-label="Platform" className="panel px-4 py-3">
        <h2 className={bad.length ? "text-red" : "text-green"}>
          {bad.length ? `${bad.length} of the checks failed` : <AllWell since={found.wellSince} />}
        </h2>
        <ul>
          {Object.entries(found.checks).map(([name, state]) => (
            <li key={name}>
              <span aria-hidden className={state === "ok" ? "text-green" : "text-red"}>
                {state === "ok" ? "✓" : "✕"}
              </span>{" "}
              {name}: {state}
            </li>
          ))}
          <OperatorLine operator={found.operator} ours={found.version} />
          {!found.runners.length && <li className="text-muted">– no runner to ask for its version</li>}
          {found.runners.map(({ version, count }) => (
            <Versioned key={version} version={version} ours={found.version}>
              {count} {count === 1 ? "runner" : "runners"}
            </Versioned>
          ))}
        </ul>
        <p className="mt-1 text-xs text-muted">
          Version {found.version}, {found.mode}; speaks contracts {found.contract.min} to {found.contract.max} with
          runners. Asked <Ago at={at} />.
        </p>
      </section>
      <section aria-label="Sessions" className="panel px-4 py-3">
        <h2>Sessions</h2>
        {!Object.keys(found.statuses).length && <p className="text-muted">None.</p>}
        <ul>
          {Object.entries(found.statuses).map(([word, count]) => (
            <li key={word} className="flex items-center gap-2">
              <StatusIcon word={word as Word} tone={TONES[word as Word]} />
              <span>
                {word}: <strong>{count}</strong>
              </span>
            </li>
          ))}
        </ul>
      </section>
      <Load found={found} />
      <StartsPart starts={found.starts} />
      <Incidents incidents={found.incidents} />
    </div>
  );
}

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Since when: the time of today, else with its day. */
function AllWell({ since }: { since: string | null | undefined }) {
  if (!since) return "All well";
  const at = new Date(since);
  const today = at.toDateString() === new Date().toDateString();
  return (
    <>
      All well since <time dateTime={since}>{(today ? CLOCK : DAY).format(at)}</time>
    </>
  );
}

/** Of what version a part is; another one than the server's is marked as skew. */
function Versioned({ version, ours, children }: { version: string; ours: string; children: ReactNode }) {
  const same = version === ours;
  return (
    <li className={same ? undefined : "text-amber"}>
      <span aria-hidden className={same ? "text-green" : undefined}>
        {same ? "✓" : "⚠"}
      </span>{" "}
      {children} of version {version}
      {!same && ", not the server's (skew)"}
    </li>
  );
}

/** Who makes and heals runners. */
function OperatorLine({ operator, ours }: { operator: Health["operator"]; ours: string }) {
  if (!operator) return <li className="text-muted">– operator: none, one machine</li>;
  if (operator.acts == null) return <li className="text-muted">– operator: not known, {operator.why}</li>;
  if (!operator.acts)
    return (
      <li className="text-red">
        <span aria-hidden>✕</span> operator: none acts
        {operator.renewedAt && (
          <>
            , the last one did <Ago at={operator.renewedAt} />
          </>
        )}
      </li>
    );
  if (!operator.version) return <li className="text-muted">– operator: acts, of a version that it does not say</li>;
  return (
    <Versioned version={operator.version} ours={ours}>
      operator
    </Versioned>
  );
}

/** What the platform has to carry at this moment. */
function Load({ found }: { found: Health }) {
  return (
    <section aria-label="Load" className="panel px-4 py-3">
      <h2>Load</h2>
      <ul>
        <li>
          Prompts that wait: <strong>{found.queued}</strong>
        </li>
        <li>
          Open streams: <strong>{found.streams}</strong>
        </li>
        <li>
          Warm places: <Known value={found.warmPlaces} />
        </li>
        <li>
          Database: <Known value={found.storageBytes == null ? null : bytes(found.storageBytes)} />
        </li>
        <LagLine lag={found.eventLag} />
      </ul>
    </section>
  );
}

/** A number, or that there is none to be had. */
function Known({ value }: { value: string | number | null | undefined }) {
  return value == null ? <span className="text-muted">not known</span> : <strong>{value}</strong>;
}

/** How far what is stored lies behind what runners have written: the worst of them. */
function LagLine({ lag }: { lag: Health["eventLag"] }) {
  if (!lag)
    return (
      <li>
        Events not stored yet: <span className="text-muted">no runner to ask</span>
      </li>
    );
  const { project, session, events } = lag;
  return (
    <li>
      Events not stored yet: <strong>{events ? `at most ${events}` : 0}</strong>
      {events > 0 && (
        <>
          {", in "}
          <Link to="/projects/$project/sessions/$session" params={{ project, session }}>
            {project}/{session}
          </Link>
        </>
      )}
    </li>
  );
}

const seconds = (value: number | null | undefined) => (value == null ? "–" : duration(value * 1000));

function StartsPart({ starts }: { starts: Health["starts"] }) {
  return (
    <section aria-label="Starts" className="panel px-4 py-3">
      <h2>Starts</h2>
      {starts.count ? (
        <p>
          Half of {starts.count} were ready within <strong>{seconds(starts.p50Seconds)}</strong>, 95 of 100 within{" "}
          <strong>{seconds(starts.p95Seconds)}</strong>.
        </p>
      ) : (
        <p className="text-muted">None yet.</p>
      )}
      <ul aria-label="Failures">
        {starts.failures.map((one) => (
          <li key={one.reason}>
            <strong>{one.count}</strong> failed: {wordsOfReason(one.reason) || one.reason}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What broke last, the newest first. */
function Incidents({ incidents }: { incidents: Health["incidents"] }) {
  return (
    <section aria-label="Incidents" className="panel px-4 py-3 sm:col-span-2 lg:col-span-4">
      <h2>Lately</h2>
      {!incidents.length && <p className="text-muted">Nothing broke in the sessions that were used last.</p>}
      <ul className="divide-y divide-line">
        {incidents.map((one) => (
          <li key={`${one.at}${one.project}${one.session}${one.reason}`} className="flex flex-wrap gap-x-3 py-1">
            <Ago at={one.at} className="w-20 shrink-0 text-muted" />
            <Link
              to="/projects/$project/sessions/$session"
              params={{ project: one.project, session: one.session }}
              className="min-w-0 truncate"
            >
              {one.project}/{one.session}
            </Link>
            <span className="min-w-0 flex-1 basis-60">{one.message || wordsOfReason(one.reason) || one.reason}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const STATE_TONES: Record<CredentialState, string> = {
  fine: "text-green",
  rotating: "text-blue",
  leaked: "text-amber",
  undone: "text-amber",
  rejected: "text-red",
  missing: "text-red",
  unreadable: "text-red",
  incomparable: "text-muted",
  unknown: "text-muted",
};

interface CredentialProps {
  row: Row;
  credential: Credential;
  onAgain: () => Promise<unknown>;
}

function CredentialRow({ row, credential, onAgain }: CredentialProps) {
  const { name, namespace: project } = row.metadata;
  const [open, setOpen] = useState(false);
  const doctor = useQuery({ ...doctorQuery(project, name), staleTime: 10_000, enabled: open });
  const { state, sentence, since, detail } = credential;
  const api = sessionApi(project, name);
  const links = doctor.data?.links ?? [];
  const report = () =>
    links.map((one) => `${one.ok ? "ok " : one.ok === false ? "BAD" : " - "} ${one.name}: ${one.sentence}`).join("\n");
  return (
    <li className="px-3 py-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="w-28 shrink-0">
          <StatusChip status={shownStatus(row)} />
        </span>
        <Link
          to="/projects/$project/sessions/$session"
          params={{ project, session: name }}
          className="min-w-0 basis-60 truncate font-medium text-text"
        >
          {row.shown?.title ?? titleOf(row)}
        </Link>
        <span className={`min-w-0 flex-1 basis-60 ${STATE_TONES[state]}`}>
          {sentence}
          {since && (
            <>
              {" "}
              since <Ago at={since} />
            </>
          )}
          {detail && <span className="text-muted"> ({detail})</span>}
        </span>
        <button type="button" className="btn btn-small" aria-expanded={open} onClick={() => setOpen(!open)}>
          Why?
        </button>
      </div>
      {doctor.error && <ProblemView error={doctor.error} />}
      {open && (
        <div className="mt-2 flex flex-col gap-2">
          {!doctor.data && !doctor.error && <p className="text-muted">Asking…</p>}
          <DoctorLinks links={links} />
          <div className="flex flex-wrap gap-2">
            <ActButton onAct={() => Promise.all([doctor.refetch(), onAgain()])}>Check again</ActButton>
            <ActButton
              onAct={async () => {
                await post(`${api}/token/rotate`, {});
                confirmDone("The rotation begins.");
                await onAgain();
              }}
            >
              Rotate now
            </ActButton>
            <ActButton
              danger
              onAct={async () => {
                await post(`${api}/token/rotate`, { leaked: true });
                confirmDone("The token is being replaced.");
                await onAgain();
              }}
            >
              Replace as leaked
            </ActButton>
            <ActButton
              onAct={async () => {
                await post(`${api}/runner/replace`, {});
                confirmDone("Another runner starts for this session.");
              }}
            >
              Replace runner, keep session
            </ActButton>
            <button
              type="button"
              className="btn btn-small"
              onClick={() => copy(`${project}/${name}: ${sentence} (${detail})\n${report()}`, "The report is copied.")}
            >
              Copy report
            </button>
          </div>
        </div>
      )}
    </li>
  );
}
