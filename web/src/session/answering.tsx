// Answering the open questions of a session, wherever they are shown: all together, as the API takes them.

import { type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import { post } from "../api/http";
import { sessionApi } from "../api/paths";
import type { Interrupt, Row } from "../api/types";
import { isPermission, shownStatus } from "../contract/status";
import type { QuestionItem } from "../fold/timeline";
import { type Given, type SessionContext, SessionPage } from "./context";
import { QuestionCard } from "./question";

export const OVER = new Set(["Stopping", "Stopped", "Completed", "Failed"]);

/** open: the ids of the questions as of now. Answers are kept until every one of them has one. */
export function useAnswers(api: string, over: boolean, open: () => string[], refresh: () => Promise<unknown>) {
  const [given, setGiven] = useState<ReadonlyMap<string, Given>>(new Map());
  const kept = useRef(given);
  const ids = useRef(open);
  ids.current = open;
  const answer = useCallback(
    async (item: QuestionItem, one: Given) => {
      const all = new Map(kept.current).set(item.id, one);
      kept.current = all;
      setGiven(all);
      const waiting = ids.current();
      if (waiting.some((id) => !all.has(id))) return;
      if (over) await post(`${api}/start`);
      const resume = waiting.map((id) => ({ interruptId: id, ...all.get(id) }));
      await post(`${api}/agui/run`, { messages: [], resume });
      await refresh();
    },
    [api, over, refresh],
  );
  return { answer, given };
}

/** The card of an open question outside of a timeline. */
export function itemOf(interrupt: Interrupt): QuestionItem {
  return {
    kind: "question",
    id: interrupt.id,
    interrupt,
    permission: isPermission(interrupt),
    state: "open",
    answer: "",
    answeredBy: "",
    answeredById: "",
    answeredAt: null,
    rev: 0,
    seq: 0,
    last: 0,
    at: null,
    ended: null,
    open: true,
    cut: false,
  };
}

/** The open questions of a row, to be answered in place. */
export function RowQuestions({ row, mayEdit, onDone }: { row: Row; mayEdit: boolean; onDone: () => void }): ReactNode {
  const { name, namespace: project } = row.metadata;
  const status = shownStatus(row);
  const api = sessionApi(project, name);
  const over = OVER.has(row.status?.phase ?? "");
  const { answer, given } = useAnswers(
    api,
    over,
    () => status.questions.map((one) => one.id),
    async () => onDone(),
  );
  const context = useMemo((): SessionContext => {
    const nothing = () => {};
    return {
      project,
      name,
      api,
      session: row,
      status,
      over,
      mayEdit,
      answer,
      given,
      half: {},
      saveHalf: nothing,
      openQuestions: status.questions.length,
      compose: nothing,
      openFile: nothing,
      openChanges: nothing,
      fork: async () => {},
    };
  }, [project, name, api, row, status, over, mayEdit, answer, given]);
  return (
    <SessionPage.Provider value={context}>
      {status.questions.map((one) => (
        <QuestionCard key={one.id} item={itemOf(one)} rev={0} />
      ))}
    </SessionPage.Provider>
  );
}
