// What a session took: tokens and cost by run and by model, and what a run may take.

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { put } from "../api/http";
import { sessionQuery } from "../api/queries";
import type { Run, Session } from "../api/types";
import type { Filled } from "../fold/context";
import type { TokenSum } from "../fold/timeline";
import { confirmDone } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { ProblemView } from "../ui/problem";
import { Clock, count, duration, money } from "../ui/time";
import { useSession } from "./context";
import { took } from "./facts";
import { CLAUDE, limitOfCost, limitOfTime, timeoutOf } from "./limits";

interface Props {
  /** Newest first. */
  runs: Run[];
  models: Map<string, TokenSum>;
  filled: Filled | null;
  onClose: () => void;
}

export function Usage({ runs, models, filled, onClose }: Props) {
  const begun = runs.filter((one) => one.startedAt).toReversed();
  return (
    <Dialog open onClose={onClose} title="Tokens, cost and limits" wide>
      <Runs runs={begun} />
      {models.size > 0 && <Models models={models} />}
      {filled && <Context filled={filled} />}
      <Limits />
    </Dialog>
  );
}

const HEAD = "border-b border-line px-2 py-1 text-left font-semibold";
const CELL = "border-b border-line px-2 py-1";
const NUMBER = `${CELL} text-right tabular-nums`;
const tokens = (given: number | null | undefined) => (given ? count(given) : "–");
const cost = (given: number | null | undefined) => (given == null ? "–" : money(given));

function Runs({ runs }: { runs: Run[] }) {
  const { session } = useSession();
  const total = session.status?.usage;
  const now = Date.now();
  const sum = runs.reduce((found, one) => found + took(one, now), 0);
  if (!runs.length) return <p>No run yet.</p>;
  return (
    <div className="max-h-[40vh] overflow-auto" role="region" aria-label="By run" tabIndex={0}>
      <table className="w-full">
        <caption className="sr-only">By run</caption>
        <Heads names={["Run", "By", "Time", "In", "Out", "Cost"]} />
        <tbody>
          {runs.map((one) => (
            <tr key={one.runId}>
              <td className={CELL}>
                {one.startedAt ? <Clock at={Date.parse(one.startedAt)} /> : "not begun,"} {one.status}
              </td>
              <td className={CELL}>{one.sender.displayName}</td>
              <td className={NUMBER}>{duration(took(one, now))}</td>
              <td className={NUMBER}>{tokens(one.usage?.inputTokens)}</td>
              <td className={NUMBER}>{tokens(one.usage?.outputTokens)}</td>
              <td className={NUMBER}>{cost(one.usage?.costUSD)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="font-semibold">
            <td className={CELL} colSpan={2}>
              All
            </td>
            <td className={NUMBER}>{duration(sum)}</td>
            <td className={NUMBER}>{tokens(total?.inputTokens)}</td>
            <td className={NUMBER}>{tokens(total?.outputTokens)}</td>
            <td className={NUMBER}>{cost(total?.costUSD)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function Heads({ names }: { names: string[] }) {
  return (
    <thead>
      <tr>
        {names.map((one, at) => (
          <th key={one} scope="col" className={at > 1 || one === "In" ? `${HEAD} text-right` : HEAD}>
            {one}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Models({ models }: { models: Map<string, TokenSum> }) {
  return (
    <table className="mt-3 w-full">
      <caption className="sr-only">By model</caption>
      <Heads names={["Model", "In", "Out", "Of that cached"]} />
      <tbody>
        {[...models].map(([model, sum]) => (
          <tr key={model}>
            <td className={CELL}>{model}</td>
            <td className={NUMBER}>{tokens(sum.input)}</td>
            <td className={NUMBER}>{tokens(sum.output)}</td>
            <td className={NUMBER}>{tokens(sum.cached)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Context({ filled: { tokens, window } }: { filled: Filled }) {
  const of = window ? ` of ${count(window)}` : "";
  return (
    <p className="mt-3">
      The newest answer took {count(tokens)}
      {of} tokens of the model's context. When it is full, the agent compacts it: it goes on with a summary of what was
      said. Nothing is lost here.
    </p>
  );
}

/** What ends a run, changed in place. Nothing written: no limit. */
function Limits() {
  const { project, name, api, session, mayEdit } = useSession();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const limitsCost = session.spec.runnerType === CLAUDE;
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const sdkOptions = { maxBudgetUsd: Number(given.get("cost")) || null };
    setError(null);
    try {
      const fresh = await put<Session>(api, {
        timeout: timeoutOf(Number(given.get("minutes"))),
        ...(limitsCost && { sdkOptions }),
      });
      client.setQueryData(sessionQuery(project, name).queryKey, fresh);
      confirmDone("The limits hold from the next run on.");
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <form onSubmit={save} className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2">
      <Field name="minutes" label="Minutes that a run may take" min={1} value={limitOfTime(session.spec)} />
      {limitsCost && (
        <Field
          name="cost"
          label="US dollars that a run may cost"
          min={0}
          value={limitOfCost(session.spec.sdkOptions)}
        />
      )}
      <button type="submit" className="btn" disabled={!mayEdit} title={mayEdit ? undefined : "Needs the role edit"}>
        Change
      </button>
      {error !== null && (
        <div className="w-full">
          <ProblemView error={error} />
        </div>
      )}
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  min: number;
  /** 0: none. */
  value: number;
}

function Field({ name, label, min, value }: FieldProps) {
  const { mayEdit } = useSession();
  return (
    <span className="flex items-center gap-2">
      <label htmlFor={`limit-${name}`}>{label}</label>
      <input
        id={`limit-${name}`}
        name={name}
        type="number"
        min={min}
        step="any"
        className="field w-24"
        disabled={!mayEdit}
        defaultValue={value || ""}
        placeholder="no limit"
      />
    </span>
  );
}
