// The box to write into, and what waits in the queue behind it. It is free in every phase.

import { useQueryClient } from "@tanstack/react-query";
import { CornerDownLeft } from "lucide-react";
import {
  forwardRef,
  type KeyboardEvent,
  type RefObject,
  Suspense,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from "react";
import { post, Unreachable } from "../api/http";
import { useEnterSends } from "../api/preferences";
import { runsQuery } from "../api/queries";
import type { Run } from "../api/types";
import type { Word } from "../contract/status";
import { part } from "../ui/part";
import { ProblemView } from "../ui/problem";
import { useNow } from "../ui/time";
import { AttachButton, AttachmentChips, useAttachments } from "./attach";
import { useSession } from "./context";
import type { Draft } from "./draft";
import { type Mention, MentionList, useMentions, wordAt } from "./mentions";
import { Queue, UnsentList } from "./queue";
import { sendPrompt, useUnsent } from "./unsent";

const RunsAs = part(async () => (await import("./runs-as")).RunsAs);
const Needs = part(async () => (await import("../ui/needs")).Needs);

const LABELS: Partial<Record<Word, string>> = {
  "Needs you": "Queue after your answer",
  Working: "Queue after this run",
  Ready: "Send",
  Waiting: "Queue until ready",
  Starting: "Queue until ready",
};

export interface ComposerHandle {
  put: (text: string) => void;
  focus: () => void;
}

interface Props {
  draft: Draft;
  queue: Run[];
  prompts: string[];
  /** Reads what was written before those; undefined: there is nothing before. */
  onOlder: (() => unknown) | undefined;
  /** Whether there is a connection. */
  live: boolean;
  /** Since when the active run is asked to stop; null: it is not. */
  stoppingSince: number | null;
  onSent: () => void;
  onStopRun: () => void;
}

export const Composer = forwardRef<ComposerHandle, Props>(function Composer(
  { draft, queue, prompts, onOlder, live, stoppingSince, onSent, onStopRun },
  handle,
) {
  const { project, name, api, status, over, mayEdit, openQuestions } = useSession();
  const client = useQueryClient();
  const box = useRef<HTMLTextAreaElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const past = useRef(0);
  const escaped = useRef(0);
  const [used, setUsed] = useState(false);
  const attachments = useAttachments();
  const enterSends = useEnterSends();
  const mention = useMentionBox(draft, box);
  const back = (text: string) => draft.set([draft.current().trim(), text].filter(Boolean).join("\n\n"));
  const unsent = useUnsent(api, live, (one, problem) => {
    back(one.text);
    setError(problem);
  });
  const { save } = draft;
  useEffect(() => {
    if (live) void save(); // what could not be kept while there was no connection
  }, [live, save]);

  useImperativeHandle(handle, () => ({
    put: (text) => {
      back(text);
      box.current?.focus();
    },
    focus: () => box.current?.focus(),
  }));

  const send = async (strategy?: string) => {
    const text = draft.current().trim();
    if ((!text && !attachments.files.length) || busy || !attachments.ready) return;
    setBusy(true);
    setError(null);
    try {
      if (over) await post(`${api}/start`);
      const content = [text, ...attachments.said].filter(Boolean).join("\n\n");
      const one = { runId: draft.runId(), content, text, ...(strategy && { strategy }) };
      await sendPrompt(api, one).catch((problem: unknown) => {
        if (over || !(problem instanceof Unreachable)) throw problem;
        unsent.add(one);
      });
      past.current = 0;
      if (draft.current().trim() === text) draft.set("");
      attachments.clear();
      void client.invalidateQueries({ queryKey: runsQuery(project, name).queryKey });
      onSent();
    } catch (problem) {
      setError(problem); // the text stays
    }
    setBusy(false);
  };

  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing || mention.pressed(event)) return;
    if (event.key === "Enter" && (enterSends ? !event.shiftKey : event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void send();
    } else if (event.key === "Escape") {
      if (status.word === "Working" && Date.now() - escaped.current < 800) onStopRun();
      else if (status.word !== "Working") box.current?.blur();
      escaped.current = Date.now();
    } else if (event.key === "ArrowUp" && (draft.text === "" || past.current > 0) && prompts.length) {
      past.current = Math.min(past.current + 1, prompts.length);
      if (past.current === prompts.length) onOlder?.();
      draft.set(prompts[prompts.length - past.current] ?? "");
      event.preventDefault();
    } else past.current = 0;
  };

  const stopping = status.word === "Stopping";
  const held = openQuestions > 0 && over ? "It waits behind the open question." : "";
  const said = stopping ? "Possible as soon as the session has stopped." : attachments.why || held || draft.words;
  return (
    <div className="border-t border-line bg-surface px-4 py-2 pb-[max(0.5rem,env(safe-area-inset-bottom))] sm:px-6">
      <div className="mx-auto max-w-4xl">
        {stoppingSince !== null && <StillStopping since={stoppingSince} />}
        <Queue runs={queue} held={openQuestions > 0} />
        <UnsentList
          list={unsent.list}
          onTakeBack={(one) => {
            unsent.drop(one);
            back(one.text);
          }}
        />
        {error !== null && (
          <div className="mb-2">
            <ProblemView error={error} />
          </div>
        )}
        {draft.other !== null && (
          <p className="mb-2 flex flex-wrap items-center gap-2 rounded bg-blue-soft px-2 py-1">
            The draft was changed elsewhere.
            <button type="button" className="btn btn-small" onClick={draft.takeOther}>
              Use that one
            </button>
            <button type="button" className="btn btn-small" onClick={draft.keepMine}>
              Keep mine
            </button>
          </p>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <AttachmentChips attachments={attachments} />
          {mention.open && (
            <MentionList
              id="mentions"
              items={mention.items}
              why={mention.why}
              at={mention.at}
              onChoose={mention.choose}
            />
          )}
          <label htmlFor="message" className="sr-only">
            Message
          </label>
          <textarea
            id="message"
            ref={box}
            rows={1}
            value={draft.text}
            disabled={!mayEdit}
            placeholder={mayEdit ? "What next?" : "Writing needs the role edit in this project."}
            onChange={(event) => {
              draft.set(event.target.value);
              mention.moved(event.target.selectionStart);
            }}
            onPaste={(event) => {
              if (!event.clipboardData.files.length) return;
              event.preventDefault();
              attachments.add(event.clipboardData.files);
            }}
            aria-controls={mention.open && mention.items.length ? "mentions" : undefined}
            aria-autocomplete="list"
            aria-activedescendant={mention.open && mention.items.length ? `mentions-${mention.at}` : undefined}
            onKeyDown={pressed}
            onFocus={() => setUsed(true)}
            className="field max-h-[33vh] resize-none py-1.5 [field-sizing:content]"
          />
          <div className="mt-1.5 flex flex-wrap items-center justify-between gap-2">
            <span className="flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-muted">
              <AttachButton attachments={attachments} disabled={!mayEdit} />
              {said}
              {!said && (
                <span className="hidden sm:inline">
                  {enterSends ? "⏎ sends, ⇧⏎ is a new line" : "⌃⏎ sends, ⏎ is a new line"}
                </span>
              )}
              {mayEdit && used && (
                <Suspense>
                  <RunsAs />
                </Suspense>
              )}
              {!mayEdit && (
                <Suspense>
                  <Needs right="edit" project={project} />
                </Suspense>
              )}
            </span>
            <span className="flex gap-2">
              {status.word === "Working" && draft.text.trim() !== "" && (
                <button type="button" className="btn" disabled={busy} onClick={() => send("interrupt")}>
                  Interrupt and send now
                </button>
              )}
              <button
                type="submit"
                className="btn btn-primary"
                disabled={busy || stopping || !mayEdit || !attachments.ready}
              >
                {LABELS[status.word] ?? "Resume and send"} <CornerDownLeft size={14} aria-hidden />
              </button>
            </span>
          </div>
        </form>
      </div>
    </div>
  );
});

const SOON = 2000;

/** A run ends within two seconds; one that does not says what it waits for. */
function StillStopping({ since }: { since: number }) {
  const { status } = useSession();
  const now = useNow(true);
  if (now - since < SOON) return null;
  return (
    <p role="status" className="mb-2 text-amber">
      Still stopping: the agent ends what it does first ({status.sentence}). Stop session ends it at once.
    </p>
  );
}

/** The list that `@` and `/` open: arrows move in it, ⏎ and Tab take, Esc closes. */
function useMentionBox(draft: Draft, box: RefObject<HTMLTextAreaElement | null>) {
  const [caret, setCaret] = useState<number | null>(null);
  const [at, setAt] = useState(0);
  const found = caret === null ? null : wordAt(draft.text, caret);
  const { items, why } = useMentions(found?.kind ?? null, found?.word ?? "");
  const choose = (one: Mention) => {
    if (!found || caret === null) return;
    const text = draft.current();
    draft.set(`${text.slice(0, found.from)}${one.text}${text.slice(caret)}`);
    const end = found.from + one.text.length;
    setCaret(one.text.endsWith("/") ? end : null);
    setAt(0);
    requestAnimationFrame(() => box.current?.setSelectionRange(end, end));
  };
  const pressed = (event: KeyboardEvent): boolean => {
    const one = items[at];
    if (!found || (!one && event.key !== "Escape")) return false;
    if (event.key === "ArrowDown") setAt((at + 1) % items.length);
    else if (event.key === "ArrowUp") setAt((at + items.length - 1) % items.length);
    else if (event.key === "Escape") setCaret(null);
    else if ((event.key === "Enter" || event.key === "Tab") && one) choose(one);
    else return false;
    event.preventDefault();
    return true;
  };
  const moved = (position: number) => {
    setCaret(position);
    setAt(0);
  };
  return { open: found !== null, items, why, at: Math.min(at, Math.max(0, items.length - 1)), choose, pressed, moved };
}
