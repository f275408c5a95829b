// What the parts of a session page share.

import { createContext, useContext } from "react";
import type { Session } from "../api/types";
import type { Status } from "../contract/status";
import type { QuestionItem } from "../fold/timeline";
import type { HalfAnswer } from "./draft";

/** An answer that is given but not sent yet: all open questions are answered together. */
export interface Given {
  status: "resolved" | "cancelled";
  payload?: unknown;
}

export interface SessionContext {
  project: string;
  name: string;
  api: string;
  session: Session;
  status: Status;
  /** It has no runner: answering or writing starts one. */
  over: boolean;
  mayEdit: boolean;
  /** Answer a question; sent once all that are open are answered. Throws Problem. */
  answer: (item: QuestionItem, given: Given) => Promise<void>;
  given: ReadonlyMap<string, Given>;
  /** What was chosen or written in cards and not sent yet. */
  half: Readonly<Record<string, HalfAnswer>>;
  saveHalf: (question: string, answer: HalfAnswer | null) => void;
  openQuestions: number;
  /** Put text into the composer. */
  compose: (text: string) => void;
  /** Show a file in the panel, at a line. */
  openFile: (path: string, line?: number) => void;
  /** Show what changed in a file, or in all of them. */
  openChanges: (path?: string) => void;
  /** Another session that goes on from that event; without a number from now. Throws Problem. */
  fork: (seq?: number) => Promise<void>;
  /** Everything stands open, to be read on paper. */
  unfolded?: boolean;
}

export const SessionPage = createContext<SessionContext | null>(null);

export function useSession(): SessionContext {
  const found = useContext(SessionPage);
  if (!found) throw new Error("this part belongs into a session page");
  return found;
}
