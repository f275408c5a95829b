// A session: what happens in it, live, and a box to write into. Looking never starts anything.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useRouterState, useSearch } from "@tanstack/react-router";
import { Suspense, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { post } from "../api/http";
import { sessionApi } from "../api/paths";
import { accessQuery, runsQuery, sessionQuery } from "../api/queries";
import type { Run, Session } from "../api/types";
import { statusOf } from "../contract/status";
import type { QuestionItem } from "../fold/timeline";
import { OVER, useAnswers } from "../session/answering";
import { Composer, type ComposerHandle } from "../session/composer";
import { SessionPage as Context, type SessionContext } from "../session/context";
import { type Draft, useDraft } from "../session/draft";
import { Header } from "../session/header";
import { useLeft } from "../session/left";
import { PANELS, Panel, type PanelName } from "../session/panel";
import { usePlace } from "../session/place";
import { PinnedPlan } from "../session/plan";
import { doing } from "../session/rows";
import { TimelineView } from "../session/timeline";
import { SessionFeed } from "../stream/feed";
import { announce, confirmDone } from "../ui/announce";
import { useKeys } from "../ui/keys";
import { PageProblem } from "../ui/page";
import { part } from "../ui/part";

const Find = part(async () => (await import("../session/find")).Find);

const Fork = part(async () => (await import("../session/fork")).Fork);
const NONE: Run[] = [];

export function SessionRoute() {
  const { project = "", session = "" } = useParams({ strict: false });
  const query = useQuery(sessionQuery(project, session));
  if (query.data)
    return <SessionView key={`${project}/${session}`} project={project} name={session} session={query.data} />;
  if (query.error) return <PageProblem error={query.error} project={project} />;
  return <p className="p-6 text-muted">Opening the session…</p>;
}

function SessionView({ project, name, session }: { project: string; name: string; session: Session }) {
  const api = sessionApi(project, name);
  const client = useQueryClient();
  const refresh = useCallback(
    () =>
      Promise.all([
        client.invalidateQueries({ queryKey: sessionQuery(project, name).queryKey }),
        client.invalidateQueries({ queryKey: runsQuery(project, name).queryKey }),
      ]),
    [client, project, name],
  );
  const feed = useFeed(api, refresh);
  const version = useSyncExternalStore(feed.subscribe, () => feed.version);
  const runs = useQuery(runsQuery(project, name));
  const access = useQuery(accessQuery(project));
  const queue = useMemo(
    () =>
      (runs.data?.items ?? [])
        .filter((one) => one.status === "queued")
        .sort((one, other) => (one.position ?? 0) - (other.position ?? 0)),
    [runs.data],
  );
  const status = useMemo(() => statusOf(session), [session]);
  const over = OVER.has(session.status?.phase ?? "");
  const { answer, given } = useAnswers(api, over, () => feed.timeline.questions.map((one) => one.id), refresh);
  const role = access.data?.userRole;
  const mayEdit = role === undefined || role === "edit" || role === "admin";
  const draft = useDraft(api, mayEdit && !access.isPending);
  const composer = useRef<ComposerHandle>(null);
  const scroll = useRef<HTMLElement>(null);
  const acts = useActs({ api, queue, refresh, composer, draft, working: status.word === "Working" });
  const state = feed.timeline;
  const openQuestions = state.questions.length;
  const target = useTarget(feed);
  const place = usePlace(api, scroll);
  useEffect(() => {
    if (place && target === null) void feed.reach(place.seq);
  }, [feed, place, target]);
  const left = useLeft(session.metadata.uid, feed, version);
  const { panel, file, line, show } = usePanel();
  const [finding, setFinding] = useState(false);
  const [all, setAll] = useState(false);
  const [forking, setForking] = useState(false);
  const fork = useFork(api, project);
  const explorer = () => show(panel ? undefined : "files");
  const activity = doing(state);
  const shown = useMemo(
    () => (status.word === "Working" && activity ? { ...status, sentence: activity } : status),
    [status, activity],
  );
  const context = useMemo(
    (): SessionContext => ({
      project,
      name,
      api,
      session,
      status: shown,
      over,
      mayEdit,
      answer,
      given,
      half: draft.answers,
      saveHalf: draft.setAnswer,
      openQuestions,
      compose: (text) => composer.current?.put(text),
      openFile: (path, line) => show("files", path, line),
      openChanges: (path) => show("changes", path),
      fork,
    }),
    [
      project,
      name,
      api,
      session,
      shown,
      over,
      mayEdit,
      answer,
      given,
      draft.answers,
      draft.setAnswer,
      openQuestions,
      show,
      fork,
    ],
  );
  useSessionKeys({
    scroll,
    composer,
    explorer,
    find: () => setFinding(true),
    fork: () => setForking(true),
    toQuestion: () => toQuestion(state.questions[0]),
  });
  return (
    <Context.Provider value={context}>
      <div className="flex h-full min-h-0 flex-col">
        <Header
          feed={feed}
          version={version}
          runs={runs.data?.items ?? NONE}
          acts={{
            ...acts,
            answer: () => toQuestion(state.questions[0]),
            write: () => composer.current?.focus(),
            again: () => composer.current?.put(state.prompts.at(-1) ?? ""),
            explorer,
            context: () => show("context"),
            all,
            toggleAll: () => setAll(!all),
            fork,
          }}
        />
        <div className="flex min-h-0 flex-1">
          <div className="flex min-h-0 min-w-0 flex-1 flex-col">
            <TimelineView
              timeline={state}
              version={version}
              all={all}
              scroll={scroll}
              target={target}
              place={place}
              left={left?.seq ?? null}
              hasOlder={feed.hasOlder}
              loadOlder={feed.loadOlder}
            />
            <OpenQuestions questions={state.questions} version={version} />
            <PinnedPlan plan={state.plan} />
            <Composer
              ref={composer}
              draft={draft}
              queue={queue}
              prompts={state.prompts}
              onOlder={feed.hasOlder ? feed.loadOlder : undefined}
              live={feed.connection.state === "live"}
              stoppingSince={status.word === "Working" ? acts.stoppingSince : null}
              onSent={() => {
                const node = scroll.current;
                if (node) node.scrollTop = node.scrollHeight;
                void refresh();
              }}
              onStopRun={acts.interrupt}
            />
          </div>
          {forking && (
            <Suspense>
              <Fork onClose={() => setForking(false)} />
            </Suspense>
          )}
          {finding && (
            <Suspense>
              <Find onClose={() => setFinding(false)} />
            </Suspense>
          )}
          {panel && <Panel panel={panel} file={file} line={line} feed={feed} version={version} onShow={show} />}
        </div>
      </div>
    </Context.Provider>
  );
}

/** Makes another session that goes on from an event of this one, and shows it. */
function useFork(api: string, project: string) {
  const navigate = useNavigate();
  return useCallback(
    async (seq?: number) => {
      const made = await post<Session>(`${api}/fork`, seq ? { atSeq: seq } : {});
      const params = { project: made.metadata?.namespace ?? project, session: made.metadata.name };
      confirmDone("The fork is a session of its own; this one stays as it is.");
      await navigate({ to: "/projects/$project/sessions/$session", params });
    },
    [api, project, navigate],
  );
}

/** Says that something is asked while its card is out of sight. */
function OpenQuestions({ questions, version }: { questions: QuestionItem[]; version: number }) {
  const [seen, setSeen] = useState(true);
  const [first] = questions;
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each version the card may have come or gone
  useEffect(() => {
    const card = first && document.getElementById(`question-${first.id}`);
    if (!card) {
      setSeen(!first);
      return;
    }
    const watching = new IntersectionObserver(([entry]) => setSeen(entry?.isIntersecting ?? true));
    watching.observe(card);
    return () => watching.disconnect();
  }, [first, version]);
  if (seen || !first) return null;
  return (
    <p className="border-t border-line bg-amber-soft px-4 py-1 text-center text-amber">
      {questions.length === 1 ? "1 question open" : `${questions.length} questions open`}{" "}
      <button type="button" className="btn btn-small" onClick={() => toQuestion(first)}>
        Show
      </button>
    </p>
  );
}

/** The feed of this session, for as long as the page shows it. */
function useFeed(api: string, refresh: () => Promise<unknown>): SessionFeed {
  const soon = useRef<ReturnType<typeof setTimeout>>(undefined);
  const refreshed = useRef(refresh);
  refreshed.current = refresh;
  const [feed, setFeed] = useState<SessionFeed>(
    () => new SessionFeed(api, { onNews: announce, onChange: () => changed() }),
  );
  const changed = () => {
    clearTimeout(soon.current);
    soon.current = setTimeout(() => void refreshed.current(), 80);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the page has its own feed for each address
  useEffect(() => {
    let own = feed;
    if (own.closed) {
      own = new SessionFeed(api, { onNews: announce, onChange: () => changed() });
      setFeed(own);
    }
    return () => {
      own.close();
      clearTimeout(soon.current);
    };
  }, []);
  return feed;
}

interface Acting {
  api: string;
  queue: Run[];
  refresh: () => Promise<unknown>;
  composer: React.RefObject<ComposerHandle | null>;
  draft: Draft;
  working: boolean;
}

function useActs({ api, queue, refresh, composer, draft, working }: Acting) {
  const [error, setError] = useState<unknown>(null);
  const [stopping, setStopping] = useState<number | null>(null);
  useEffect(() => {
    if (!working) setStopping(null);
  }, [working]);
  const act = async (path: string, body: unknown = {}) => {
    setError(null);
    try {
      await post(api + path, body);
      await refresh();
      return true;
    } catch (problem) {
      setError(problem);
      return false;
    }
  };
  return {
    error,
    clear: () => setError(null),
    /** Since when the run was asked to stop; the caller knows whether there still is one. */
    stoppingSince: stopping,
    interrupt: () => {
      setStopping(Date.now());
      void act("/agui/interrupt").then((done) => done || setStopping(null));
    },
    resume: () => void act("/start"),
    /** A stop by a person withdraws what is queued: its text goes back into the box. */
    stop: async () => {
      const waiting = queue.map((one) => one.prompt).filter(Boolean);
      await draft.save(); // what is half given stays
      const before = draft.current();
      if (!(await act("/stop")) || !waiting.length) return;
      await draft.reload();
      if (draft.current() === before) composer.current?.put(waiting.join("\n\n"));
    },
    replace: () => void act("/runner/replace"),
  };
}

/** Which tab of the explorer is open, and on which file and line: all in the address. */
function usePanel() {
  const { panel, file, line } = useSearch({ strict: false }) as { panel?: string; file?: string; line?: string };
  const navigate = useNavigate();
  const show = useCallback(
    (next: PanelName | undefined, path?: string, at?: number) =>
      void navigate({ to: ".", search: { panel: next, file: path, line: at?.toString() }, hash: true, replace: true }),
    [navigate],
  );
  return { panel: PANELS.find((one) => one === panel), file, line: Number(line) || undefined, show };
}

function toQuestion(question: QuestionItem | undefined): void {
  const card = question && document.getElementById(`question-${question.id}`);
  card?.scrollIntoView({ block: "center" });
  card?.querySelector<HTMLElement>("input, button")?.focus({ preventScroll: true });
}

/** The number of the event that the address names (`#e42`). */
function useTarget(feed: SessionFeed): number | null {
  const hash = useRouterState({ select: (state) => state.location.hash });
  const found = /^e(\d+)$/.exec(hash)?.[1];
  const target = found ? Number(found) : null;
  useEffect(() => {
    if (target !== null) void feed.reach(target);
  }, [feed, target]);
  return target;
}

/** The menu of models opens by a key, as it does for who came to its button by Tab. */
function openModels(): void {
  const button = document.querySelector<HTMLElement>("[data-part=model]");
  button?.focus();
  button?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }));
}

/** Ctrl+F opens our find; while it is open, the browser's. */
function findOr(event: KeyboardEvent, find: () => void): void {
  if (document.querySelector("[role=dialog]")) return;
  event.preventDefault();
  find();
}

/** The nth answer of the card that has the focus, else of the first open one. */
function choose(nth: number): void {
  const cards = [...document.querySelectorAll<HTMLElement>("fieldset[data-part=question]")];
  const open = cards.filter((one) => one.querySelector("form, button"));
  const card = open.find((one) => one.contains(document.activeElement)) ?? open[0];
  const answers = card?.querySelectorAll<HTMLElement>("input[type=radio], input[type=checkbox]");
  const answer = answers?.[nth - 1];
  answer?.click();
  answer?.focus();
}

const DIGITS = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [String(at + 1), () => choose(at + 1)]));

interface SessionKeys {
  scroll: React.RefObject<HTMLElement | null>;
  composer: React.RefObject<ComposerHandle | null>;
  toQuestion: () => void;
  explorer: () => void;
  find: () => void;
  fork: () => void;
}

function useSessionKeys({ scroll, composer, explorer, find, fork, toQuestion: question }: SessionKeys): void {
  const articles = () => [...(scroll.current?.querySelectorAll<HTMLElement>("article") ?? [])];
  const move = (by: 1 | -1, wanted: (one: HTMLElement) => boolean = () => true) => {
    const all = articles();
    const at = all.findIndex((one) => one.contains(document.activeElement));
    const from = at < 0 ? (by > 0 ? -1 : all.length) : at;
    const rest = by > 0 ? all.slice(from + 1) : all.slice(0, Math.max(0, from)).reverse();
    const next = rest.find(wanted);
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const notable = (one: HTMLElement) =>
    one.dataset.kind === "error" ||
    one.dataset.kind === "question" ||
    one.querySelector("[data-part=facts].text-red") !== null;
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    n: () => move(1, notable),
    p: () => move(-1, notable),
    a: question,
    ...DIGITS,
    "]": explorer,
    "/": find,
    "Mod+f": (event) => findOr(event, find),
    i: () => composer.current?.focus(),
    m: openModels,
    f: fork,
    x: () => document.activeElement?.closest("article")?.querySelector<HTMLElement>("[data-part=fold]")?.click(),
    ".": () => {
      const node = scroll.current;
      if (node) node.scrollTop = node.scrollHeight;
    },
  });
}
