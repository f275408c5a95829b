// A session's status for a person: the twin of src/ambient/contract/status.py, on the same table.

import type { Condition, Interrupt, Row, Session, SessionStatus } from "../api/types";
import table from "./table.json";

export type Word =
  | "Needs you"
  | "Working"
  | "Ready"
  | "Waiting"
  | "Starting"
  | "Stopping"
  | "Stopped"
  | "Done"
  | "Failed";
export type Tone = "amber" | "blue" | "neutral" | "green" | "red";

export interface Step {
  name: string;
  label: string;
  /** For a terminal, made out to the session; null: nothing to type. */
  command: string | null;
  role: string;
}
export interface Warned {
  condition: string;
  sentence: string;
  steps: Step[];
}
export interface Status {
  word: Word;
  tone: Tone;
  sentence: string;
  steps: Step[];
  reason: string;
  warnings: Warned[];
  questions: Interrupt[];
}

interface Said {
  sentence: string;
  steps: Step[];
}
const PHASES: Record<string, string> = table.phases;
const AGENT: Record<string, string> = table.agent;
const WORDS: Record<string, Said & { icon: string; tone: string }> = table.words;
const REASONS: Record<string, Said> = table.reasons;
/** What a reason means for a person; "": the table does not know it. */
export const wordsOfReason = (reason: string): string => REASONS[reason]?.sentence ?? "";
const CONDITIONS: Record<string, Said> = table.conditions;
const BY_REASON = new Set(["Waiting", "Starting", "Failed", "Stopped"]);
const RUNNING = new Set(["Needs you", "Working", "Ready"]);

export const TONES = Object.fromEntries(Object.entries(WORDS).map(([word, { tone }]) => [word, tone])) as Record<
  Word,
  Tone
>;

/** The status of a row of a list, in the server's words where it gave them. */
export function shownStatus(row: Row): Status {
  const { shown } = row;
  if (!shown) return statusOf(row);
  return {
    word: shown.word as Word,
    tone: shown.tone as Tone,
    sentence: shown.sentence,
    steps: shown.steps.map((one) => ({ ...one, command: one.command ?? null, role: one.role ?? "view" })),
    reason: shown.reason ?? "",
    warnings: (shown.warnings ?? []) as unknown as Warned[],
    questions: (shown.questions ?? []) as unknown as Interrupt[],
  };
}

/** The status of a session as the API gives it. */
export function statusOf(session: Session): Status {
  const status: Partial<SessionStatus> = session.status ?? {};
  let word = PHASES[status.phase ?? ""] ?? "Waiting";
  if (word === "Ready") word = AGENT[status.agentStatus ?? ""] ?? "Ready";
  if (word === "Ready" && cloningOf(status)) word = "Starting";
  if ((word === "Starting" || RUNNING.has(word)) && session.spec.desiredPhase === "Stopped") word = "Stopping";
  const fallback = WORDS[word] ?? { sentence: "", steps: [], tone: "neutral", icon: "" };
  const reason = word === "Ready" && status.lastFailure ? "RunFailed" : (status.reason ?? "");
  const row = ((reason === "RunFailed" || BY_REASON.has(word)) && REASONS[reason]) || fallback;
  return {
    word: word as Word,
    tone: fallback.tone as Tone,
    sentence: sentenceOf(word, session, row),
    steps: filled(row.steps, session),
    reason,
    warnings: RUNNING.has(word) ? warningsOf(session) : [],
    questions: (status.openInterrupts ?? []) as unknown as Interrupt[],
  };
}

/** What the session has or had to do without, in whatever phase it is by now. */
export function warningsOf(session: Session): Warned[] {
  return (session.status?.conditions ?? []).filter(isWarning).map((one) => {
    const row = CONDITIONS[one.type] ?? { sentence: `${one.type} is not so.`, steps: [] };
    return { condition: one.type, sentence: one.message || row.sentence, steps: filled(row.steps, session) };
  });
}

/** What a session is called: its display name, else the first words of its prompt. */
export function titleOf(session: Session): string {
  const words = (session.spec.displayName || session.spec.initialPrompt || "").trim();
  if (!words) return session.metadata.name;
  const line = words.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}

/** One sentence for an open question or permission. */
export function questionOf(question: Interrupt): string {
  return `${isPermission(question) ? "Wants to run" : "Asks"}: ${question.message || "It asks something."}`;
}

export const isPermission = (question: Interrupt) => /permission|approval/.test(question.reason ?? "");

function sentenceOf(word: string, session: Session, row: Said): string {
  const status: Partial<SessionStatus> = session.status ?? {};
  const [question] = (status.openInterrupts ?? []) as unknown as Interrupt[];
  if (word === "Needs you" && question) return questionOf(question);
  if (word === "Ready" && status.lastFailure) {
    const failed = (status.lastFailure.message ?? "").split(/\s+/).filter(Boolean).join(" ");
    return failed ? `The last run failed: ${failed}` : row.sentence;
  }
  const said = (word === "Starting" && cloningOf(status)) || status.message || row.sentence;
  if (word === "Done" && status.result) return status.result.trim().split("\n").at(-1) ?? said;
  return word === "Stopped" && question ? `${said} ${questionOf(question)}` : said;
}

/** What a prompt waits for although there is a runner; empty: nothing. */
function cloningOf(status: Partial<SessionStatus>): string {
  const repos = status.reconciledRepos ?? [];
  const at = repos.findIndex((one) => one.status === "Cloning");
  return at < 0 ? "" : `Cloning ${repos[at]?.name} (${at + 1} of ${repos.length}).`;
}

export function isWarning(one: Condition): boolean {
  return one.status === "False" && !table.unworthy.includes(one.type) && !table.quiet.includes(one.reason ?? "");
}

function filled(steps: Step[], { metadata }: Session): Step[] {
  return steps.map((step) => ({
    ...step,
    command: step.command?.replace("{session}", metadata.name).replace("{project}", metadata.namespace) ?? null,
  }));
}
