// What is being written, and answers that are half given: kept on the server, the same on every device.
//
// The browser keeps a copy until the server has it. A draft that was changed elsewhere is offered, never written over.

import { useCallback, useEffect, useRef, useState } from "react";
import { get, Problem, put } from "../api/http";

const SETTLE = 500; // after the last key

/** What somebody chose or wrote in the card of a question, before sending it. */
export type HalfAnswer = Record<string, string | string[]>;

/** A file that is to be sent along, by its id on the server. */
export interface DraftFile {
  id: string;
  name: string;
  size: number;
}

interface Stored {
  text: string;
  attachments?: DraftFile[];
  answers?: Record<string, HalfAnswer>;
  rev: number;
}

export interface Draft {
  text: string;
  /** The text as of now, also between two drawings. */
  current: () => string;
  set: (text: string) => void;
  /** The same text is sent once, however often somebody tries. */
  runId: () => string;
  answers: Readonly<Record<string, HalfAnswer>>;
  setAnswer: (question: string, answer: HalfAnswer | null) => void;
  attachments: readonly DraftFile[];
  setAttachments: (files: DraftFile[]) => void;
  /** What the draft became on another device; null: nothing else. */
  other: string | null;
  takeOther: () => void;
  keepMine: () => void;
  /** Ask the server for it again: something there may have changed it. */
  reload: () => Promise<void>;
  /** Keep it on the server now, if it is not yet. */
  save: () => Promise<void>;
  /** Where it is kept. */
  words: string;
}

const isEmpty = (one: Stored) => one.text === "" && !one.attachments?.length;

/** api: the address below which `/draft` is. mayEdit: known to; nobody else has one there, so it is not asked for. */
export function useDraft(api: string, mayEdit = true): Draft {
  const copy = `draft:${api}`;
  const [text, setText] = useState(() => localStorage.getItem(copy) ?? "");
  const [answers, setAnswers] = useState<Record<string, HalfAnswer>>({});
  const [attachments, setFiles] = useState<DraftFile[]>([]);
  const [other, setOther] = useState<Stored | null>(null);
  const [words, setWords] = useState("");
  const now = useRef({ text, answers, attachments, rev: 0, dirty: text !== "", off: true, asks: false });
  const run = useRef(crypto.randomUUID());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const saved = useRef(Promise.resolve());
  const offer = useCallback((found: Stored) => {
    now.current.asks = true; // nothing is saved until somebody chooses
    setOther(found);
    setWords("Draft kept in this browser");
  }, []);

  const take = useCallback(
    (found: Stored) => {
      clearTimeout(timer.current);
      const { text: said, answers: given = {}, attachments: files = [], rev } = found;
      now.current = { ...now.current, text: said, answers: given, attachments: files, rev, dirty: false, asks: false };
      setText(said);
      setAnswers(given);
      setFiles(files);
      setOther(null);
      localStorage.removeItem(copy);
    },
    [copy],
  );

  const saveOnce = useCallback(async (): Promise<void> => {
    const { text: said, answers: given, attachments: files, rev, dirty, off, asks } = now.current;
    if (!dirty || off || asks) return;
    try {
      const kept = await put<Stored>(`${api}/draft`, { text: said, attachments: files, answers: given, rev });
      now.current.rev = kept.rev;
      const { text: newText, answers: newAnswers, attachments: newFiles } = now.current;
      if (newText !== said || newAnswers !== given || newFiles !== files) return; // a timer saves what came meanwhile
      now.current.dirty = false;
      localStorage.removeItem(copy);
      const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      setWords(said || files.length ? `Draft saved ${at}` : "");
    } catch (error) {
      const newer = error instanceof Problem && error.status === 409 ? (error.details.draft as Stored) : undefined;
      if (newer && said !== "" && !isEmpty(newer) && newer.text !== said) return offer(newer);
      if (error instanceof Problem && error.noRoute) now.current.off = true;
      if (!newer) return setWords("Draft kept in this browser");
      // Nothing is lost where one of the two is empty, and answers to different questions go together.
      const known = new Map([...(newer.attachments ?? []), ...now.current.attachments].map((one) => [one.id, one]));
      const together = { ...newer.answers, ...now.current.answers };
      take({ ...newer, text: said || newer.text, answers: together, attachments: [...known.values()] });
      now.current.dirty = true;
      return saveOnce();
    }
  }, [api, copy, take, offer]);

  /** One after another: two at once would be told apart as two devices. */
  const save = useCallback(() => {
    saved.current = saved.current.then(saveOnce);
    return saved.current;
  }, [saveOnce]);

  const later = useCallback(() => {
    now.current.dirty = true;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void save(), SETTLE);
  }, [save]);

  const set = useCallback(
    (fresh: string) => {
      if (fresh !== now.current.text) run.current = crypto.randomUUID();
      now.current.text = fresh;
      setText(fresh);
      if (fresh) localStorage.setItem(copy, fresh);
      else localStorage.removeItem(copy);
      later();
    },
    [copy, later],
  );

  const setAnswer = useCallback(
    (question: string, answer: HalfAnswer | null) => {
      const { [question]: _, ...rest } = now.current.answers;
      now.current.answers = answer ? { ...rest, [question]: answer } : rest;
      setAnswers(now.current.answers);
      later();
    },
    [later],
  );

  const setAttachments = useCallback(
    (files: DraftFile[]) => {
      now.current.attachments = files;
      setFiles(files);
      later();
    },
    [later],
  );

  const reload = useCallback(async () => {
    if (now.current.off) return;
    try {
      const found = await get<Stored>(`${api}/draft`);
      if (found.rev === now.current.rev) return;
      // An empty box has nothing to lose: what a stop gave back belongs there.
      const { dirty, text: said, answers: given, attachments: files } = now.current;
      if (!dirty) take(found);
      else if (!files.length && (said === "" || said === found.text)) {
        take({ ...found, answers: { ...found.answers, ...given } });
        if (Object.keys(given).length) later();
      } else if (isEmpty(found)) {
        now.current.rev = found.rev;
        now.current.answers = { ...found.answers, ...given };
        setAnswers(now.current.answers);
        later();
      } else offer(found);
    } catch (error) {
      if (error instanceof Problem && (error.noRoute || error.status === 403)) now.current.off = true;
    }
  }, [api, take, later, offer]);

  useEffect(() => {
    if (!mayEdit) return;
    now.current.off = false;
    saved.current = reload(); // what is typed meanwhile is saved after it, over what is there
    const seen = () => document.hidden || void reload();
    document.addEventListener("visibilitychange", seen);
    addEventListener("focus", seen);
    return () => {
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("focus", seen);
      clearTimeout(timer.current);
      void save();
    };
  }, [mayEdit, reload, save]);

  return {
    text,
    current: useCallback(() => now.current.text, []),
    set,
    runId: useCallback(() => run.current, []),
    answers,
    setAnswer,
    attachments,
    setAttachments,
    other: other?.text ?? null,
    takeOther: () => other && take(other),
    keepMine: () => {
      if (other) now.current.rev = other.rev;
      now.current.asks = false;
      setOther(null);
      later();
    },
    reload,
    save,
    words,
  };
}
