// How a session's credential stands: the server's sentence, or, before it is there, what the row's conditions say.

import type { Condition, CredentialLine, Row } from "../api/types";

export const STATES = [
  "fine",
  "rotating",
  "leaked",
  "undone",
  "rejected",
  "missing",
  "unreadable",
  "incomparable",
  "unknown",
] as const;
export type CredentialState = (typeof STATES)[number];

export const STATE_WORDS: Record<CredentialState, string> = {
  fine: "Fine",
  rotating: "Rotating",
  leaked: "Replaced as leaked",
  undone: "Rotation undone",
  rejected: "Rejected",
  missing: "Missing",
  unreadable: "Cannot be read",
  incomparable: "Not comparable",
  unknown: "Not known yet",
};
/** Those that somebody should look at. */
const BAD = new Set<CredentialState>(["leaked", "undone", "rejected", "missing", "unreadable"]);
/** Those that change by themselves within seconds. */
export const MOVING = new Set<string>(["rotating", "leaked", "rejected", "missing"]);

export interface Credential {
  state: CredentialState;
  sentence: string;
  /** When it became so. */
  since: string | null;
  /** Which value, of which runner. */
  detail: string;
}

const keyOf = (project: string, session: string) => `${project}/${session}`;

/** The server's lines by session. */
export const linesOf = (items: CredentialLine[]) =>
  new Map(items.map((one) => [keyOf(one.project, one.session), one] as const));

/** line: what the server says of it. */
export function credentialOf(row: Pick<Row, "status">, line?: CredentialLine): Credential {
  if (line) {
    const state = (STATES as readonly string[]).includes(line.standing)
      ? (line.standing as CredentialState)
      : "unknown";
    const detail = line.kid && `${line.kid}, runner ${line.generation}`;
    return { state, sentence: line.sentence, since: line.since ?? null, detail };
  }
  return { ...byConditions(row), detail: "" };
}

function byConditions(row: Pick<Row, "status">): Omit<Credential, "detail"> {
  const find = (type: string): Condition | undefined => row.status?.conditions?.find((one) => one.type === type);
  const accepted = find("TokenAccepted");
  const rotation = find("TokenRotation");
  if (accepted?.status === "False") {
    const said = accepted.message || "The runner refuses the platform's credential.";
    return { state: "rejected", sentence: said, since: accepted.lastTransitionTime ?? null };
  }
  if (rotation?.status === "False") {
    const said = rotation.message || "The runner did not confirm the new one. It works on with the old one.";
    return { state: "undone", sentence: `Rotation undone: ${said}`, since: rotation.lastTransitionTime ?? null };
  }
  if (accepted?.status === "True") {
    return { state: "fine", sentence: "fine", since: accepted.lastTransitionTime ?? null };
  }
  return { state: "unknown", sentence: "not known: the runner was not called yet", since: null };
}

/** Those in one of the states, each with how it stands; empty: all of them. */
export function withCredential(rows: Row[], wanted: string, lines?: ReadonlyMap<string, CredentialLine>) {
  return rows
    .map((row) => ({
      row,
      credential: credentialOf(row, lines?.get(keyOf(row.metadata.namespace, row.metadata.name))),
    }))
    .filter(({ credential: { state } }) => !wanted || (wanted === "bad" ? BAD.has(state) : state === wanted));
}
