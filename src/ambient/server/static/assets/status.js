// A session's status for a person: the twin of src/ambient/contract/status.py, on the same table.

import table from "./table.js";

const BY_REASON = new Set(["Waiting", "Starting", "Failed", "Stopped"]);
const RUNNING = new Set(["Needs you", "Working", "Ready"]);
const SHAPES = { "⏸": "‖" }; // many systems have no font with the first, all have the second

/** {word, icon, tone, sentence, steps, warnings} of a session as the API gives it. */
export function statusOf(session) {
  const status = session.status ?? {};
  let word = table.phases[status.phase ?? ""] ?? "Waiting";
  if (word === "Ready") word = table.agent[status.agentStatus] ?? "Ready";
  const { icon, tone, ...fallback } = table.words[word];
  const row = (BY_REASON.has(word) && table.reasons[status.reason]) || fallback;
  const warnings = RUNNING.has(word) ? (status.conditions ?? []).filter(isWarning).map(warned) : [];
  return { word, icon: SHAPES[icon] ?? icon, tone, steps: row.steps, sentence: sentenceOf(word, status, row), warnings };
}

/** What a session is called: its display name, else the first words of its prompt. */
export function titleOf(session) {
  const words = (session.spec.displayName || session.spec.initialPrompt || "").trim();
  if (!words) return session.metadata.name;
  const line = words.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}

function sentenceOf(word, status, row) {
  const [question] = status.openInterrupts ?? [];
  if (word === "Needs you" && question) return asked(question);
  const said = status.message || row.sentence;
  if (word === "Done" && status.result) return status.result.trim().split("\n").at(-1);
  return word === "Stopped" && question ? `${said} ${asked(question)}` : said;
}

function asked(question) {
  const permission = /permission|approval/.test(question.reason ?? "");
  return `${permission ? "Wants to run" : "Asks"}: ${question.message || "It asks something."}`;
}

function isWarning(one) {
  return one.status === "False" && !table.unworthy.includes(one.type) && !table.quiet.includes(one.reason);
}

function warned(one) {
  return one.message || table.conditions[one.type]?.sentence || `${one.type} is not so.`;
}
