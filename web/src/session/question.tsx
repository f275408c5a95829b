// The card of a question or permission: open until it is answered, whatever is written meanwhile.

import { useQuery } from "@tanstack/react-query";
import { CirclePause } from "lucide-react";
import { type FormEvent, memo, useId, useState } from "react";
import { meQuery } from "../api/queries";
import { isRecord } from "../fold/events";
import type { QuestionItem } from "../fold/timeline";
import { ProblemView } from "../ui/problem";
import { Clock, useNow } from "../ui/time";
import { type Given, useSession } from "./context";
import { Prose } from "./markdown";

export interface QuestionField {
  name: string;
  title: string;
  kind: "choice" | "several" | "text" | "number";
  options: string[];
  required: boolean;
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];

/** The fields that a JSON Schema asks for; one without a name for a plain answer. */
export function fieldsOf(schema: unknown): QuestionField[] {
  if (!isRecord(schema)) return [field("", "", {}, true)];
  if (schema.type !== "object" || !isRecord(schema.properties)) return [field("", "", schema, true)];
  const required = strings(schema.required);
  return Object.entries(schema.properties).map(([name, one]) =>
    field(
      name,
      isRecord(one) && typeof one.title === "string" ? one.title : name,
      isRecord(one) ? one : {},
      required.includes(name),
    ),
  );
}

function field(name: string, title: string, schema: Record<string, unknown>, required: boolean): QuestionField {
  const items = isRecord(schema.items) ? schema.items : {};
  const options = strings(schema.enum);
  if (options.length) return { name, title, kind: "choice", options, required };
  if (schema.type === "boolean") return { name, title, kind: "choice", options: ["yes", "no"], required };
  if (schema.type === "array") return { name, title, kind: "several", options: strings(items.enum), required };
  const kind = schema.type === "number" || schema.type === "integer" ? "number" : "text";
  return { name, title, kind, options: [], required };
}

/** The whole of what is answered: the value, or one per field. */
export function payloadOf(fields: QuestionField[], values: Record<string, string | string[]>): unknown {
  const [only] = fields;
  if (fields.length === 1 && only && only.name === "") return { answer: values[""] ?? "" };
  return { answers: Object.fromEntries(fields.map(({ name }) => [name, values[name] ?? ""])) };
}

export const QuestionCard = memo(function QuestionCard({ item }: { item: QuestionItem; rev: number }) {
  const { given } = useSession();
  const open = item.state === "open";
  const choice = item.permission || item.interrupt.reason === "plan_approval";
  const title = item.permission ? "Permission" : "Question";
  const [first = "", ...rest] = (item.interrupt.message || "It asks something.").split("\n");
  return (
    <fieldset
      id={`question-${item.id}`}
      data-part="question"
      className={`my-1 min-w-0 rounded-lg border px-4 py-2.5 ${open ? "border-amber bg-amber-soft" : "border-line"}`}
    >
      <legend className="float-left mb-1 w-full font-semibold">
        <CirclePause size={15} aria-hidden className={`mr-1 inline ${open ? "text-amber" : "text-muted"}`} />
        {title}: {first}
      </legend>
      <div className="clear-both">
        {rest.length > 0 && <Prose text={rest.join("\n")} />}
        {open && item.interrupt.expiresAt && <Countdown until={item.interrupt.expiresAt} />}
        {!open ? (
          <Answered item={item} />
        ) : choice ? (
          <Choice item={item} chosen={given.get(item.id)} />
        ) : (
          <Form item={item} chosen={given.get(item.id)} />
        )}
      </div>
    </fieldset>
  );
});

function Answered({ item }: { item: QuestionItem }) {
  const me = useQuery(meQuery);
  const who = item.answeredById && item.answeredById === me.data?.userId ? "you" : item.answeredBy;
  if (item.state === "skipped") return <p className="text-muted">Skipped without an answer.</p>;
  return (
    <p>
      Answered{who && ` by ${who}`}: <strong>{item.answer}</strong> <Clock at={item.answeredAt} />
    </p>
  );
}

function Countdown({ until }: { until: string }) {
  const now = useNow(true);
  const left = Math.max(0, Math.round((new Date(until).getTime() - now) / 1000));
  return <p className="text-muted">Goes on without an answer in {left} s.</p>;
}

function useGive(item: QuestionItem) {
  const { answer } = useSession();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const give = async (given: Given) => {
    setBusy(true);
    setError(null);
    try {
      await answer(item, given);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return { give, busy, error };
}

function useWords() {
  const { over, openQuestions } = useSession();
  return { resume: over ? "Resume and " : "", many: openQuestions > 1 };
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** A permission or a plan: a button for each decision, and a note with a no. */
function Choice({ item, chosen }: { item: QuestionItem; chosen: Given | undefined }) {
  const { mayEdit, over } = useSession();
  const { give, busy, error } = useGive(item);
  const [note, setNote] = useState<string | null>(null);
  const { rule } = item.interrupt.metadata ?? {};
  const id = useId();
  const [only] = fieldsOf(item.interrupt.responseSchema);
  const options = only?.options.length ? only.options : ["Allow once", "Deny"];
  const no = (option: string) => /^(deny|no|reject|keep planning)/i.test(option);
  const decide = (option: string, text = "") =>
    give({ status: "resolved", payload: { answer: option, ...(text && { note: text }) } });
  return (
    <div className="mt-2 flex flex-col gap-2">
      {over && <p className="text-muted">The session is stopped; deciding starts it again.</p>}
      <div className="flex flex-wrap gap-2">
        {options.map((option, at) => (
          <button
            key={option}
            type="button"
            disabled={busy || !mayEdit}
            aria-pressed={(chosen?.payload as { answer?: string } | undefined)?.answer === option}
            className={`btn ${at === 0 ? "btn-primary" : ""}`}
            onClick={() => (no(option) ? setNote(note ?? "") : decide(option))}
          >
            {no(option) ? `${option}…` : option}
          </button>
        ))}
      </div>
      {rule && options.some((one) => /session/i.test(one)) ? (
        <p className="text-muted">
          For this session: <span className="break-all">{String(rule)}</span>, until it is revoked under Context.
        </p>
      ) : null}
      {note !== null && (
        <form
          className="flex flex-wrap items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            void decide(options.find(no) ?? "Deny", note.trim());
          }}
        >
          <label htmlFor={id} className="w-full">
            A note for the agent (optional)
          </label>
          <input id={id} className="field flex-1" value={note} onChange={(event) => setNote(event.target.value)} />
          <button type="submit" className="btn btn-danger" disabled={busy}>
            {options.find(no) ?? "Deny"}
          </button>
        </form>
      )}
      <Pending chosen={chosen} />
      {error !== null && <ProblemView error={error} />}
    </div>
  );
}

function Pending({ chosen }: { chosen: Given | undefined }) {
  if (!chosen) return null;
  return <p className="text-muted">Kept. It is sent once the other open questions are answered.</p>;
}

function Form({ item, chosen }: { item: QuestionItem; chosen: Given | undefined }) {
  const { mayEdit, half, saveHalf } = useSession();
  const { give, busy, error } = useGive(item);
  const words = useWords();
  const fields = fieldsOf(item.interrupt.responseSchema);
  const [values, setValues] = useState<Record<string, string | string[]>>(half[item.id] ?? {});
  const stored = half[item.id];
  // What was given on another device is taken over while nothing is given here.
  const shown = Object.keys(values).length ? values : (stored ?? values);
  const [missing, setMissing] = useState(false);
  const set = (name: string, value: string | string[]) => {
    setMissing(false);
    const next = { ...shown, [name]: value };
    setValues(next);
    saveHalf(item.id, next);
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (fields.some(({ name, required }) => required && !shown[name]?.length)) setMissing(true);
    else void give({ status: "resolved", payload: payloadOf(fields, shown) });
  };
  return (
    <form onSubmit={send} className="flex flex-col gap-2">
      {fields.map((one) => (
        <Field key={one.name} field={one} value={shown[one.name] ?? ""} onChange={(value) => set(one.name, value)} />
      ))}
      {missing && (
        <p role="alert" className="text-red">
          Choose or write an answer first, or skip the question.
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <button type="submit" className="btn btn-primary" disabled={busy || !mayEdit}>
          {upper(`${words.resume}answer`)}
        </button>
        <button type="button" className="btn" disabled={busy || !mayEdit} onClick={() => give({ status: "cancelled" })}>
          {upper(`${words.resume}skip`)}
        </button>
        {!mayEdit && <span className="self-center text-muted">Answering needs the role edit.</span>}
      </div>
      <Pending chosen={chosen} />
      {error !== null && <ProblemView error={error} />}
    </form>
  );
}

/** Few words each: they stand in one line. */
const isShort = (options: string[]) => options.join("").length <= 60;

function Field({
  field,
  value,
  onChange,
}: {
  field: QuestionField;
  value: string | string[];
  onChange: (value: string | string[]) => void;
}) {
  const id = useId();
  const [other, setOther] = useState("");
  const several = field.kind === "several";
  const chosen = Array.isArray(value) ? value : [value];
  const named = field.title ? { role: "group", "aria-label": field.title } : {};
  const write = (text: string) => {
    setOther(text);
    if (!several) onChange(text);
    else onChange([...chosen.filter((one) => field.options.includes(one)), ...(text ? [text] : [])]);
  };
  const pick = (option: string, on: boolean) => {
    if (!several) {
      setOther("");
      onChange(option);
    } else onChange(on ? [...chosen.filter(Boolean), option] : chosen.filter((one) => one !== option));
  };
  return (
    <div {...named} className="flex flex-col gap-1">
      {field.title && <p className="font-medium">{field.title}</p>}
      <div className={isShort(field.options) ? "flex flex-wrap gap-x-6" : "flex flex-col"}>
        {field.options.map((option) => (
          <label key={option} className="flex min-h-7 items-center gap-2 [@media(pointer:coarse)]:min-h-11">
            <input
              type={several ? "checkbox" : "radio"}
              name={id}
              value={option}
              checked={chosen.includes(option) && (several || other === "")}
              onChange={(event) => pick(option, event.target.checked)}
              className="size-4 shrink-0 accent-[var(--accent)]"
            />
            {option}
          </label>
        ))}
      </div>
      <div className="flex max-w-xl flex-wrap items-center gap-x-2 gap-y-1">
        <label htmlFor={id} className={field.options.length ? "shrink-0 text-muted" : "w-full"}>
          {field.options.length ? "Other answer" : "Your answer"}
        </label>
        <input
          id={id}
          className="field min-w-40 flex-1"
          type={field.kind === "number" ? "number" : "text"}
          step="any"
          autoComplete="off"
          value={field.options.length ? other : String(value)}
          onChange={(event) => write(event.target.value)}
        />
      </div>
    </div>
  );
}
