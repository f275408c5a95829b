// What few sessions need, behind "More": a name, limits of time and cost, the agent's environment.

import type { NewForm } from "./new-form";
import { FieldProblem } from "./new-parts";

const MORE = "ambient-new-more";

interface Props {
  form: NewForm;
  onChange: (fields: Partial<NewForm>) => void;
  problem: (field: string) => string | undefined;
  /** Whether its agent keeps a limit of cost. */
  limitsCost: boolean;
}

/** Remembers whether it was open. */
export function More({ form, onChange, problem, limitsCost }: Props) {
  return (
    <details
      open={localStorage.getItem(MORE) !== null}
      onToggle={({ currentTarget }) => {
        if (currentTarget.open) localStorage.setItem(MORE, "1");
        else localStorage.removeItem(MORE);
      }}
    >
      <summary className="inline-flex min-h-8 items-center text-accent">▸ More: limits, environment</summary>
      <div className="mt-2 flex flex-col gap-3">
        <div>
          <label htmlFor="name" className="mb-1 block font-medium">
            Name
          </label>
          <input
            id="name"
            className="field"
            maxLength={50}
            placeholder="made from the prompt"
            value={form.name}
            onChange={(event) => onChange({ name: event.target.value })}
          />
          <FieldProblem text={problem("displayName")} />
        </div>
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            checked={form.stopWhenDone}
            onChange={(event) => onChange({ stopWhenDone: event.target.checked })}
          />
          Stop the session when the run is done
        </label>
        <div className="grid gap-3 sm:grid-cols-2">
          <div>
            <label htmlFor="minutes" className="mb-1 block font-medium">
              End a run after … minutes
            </label>
            <input
              id="minutes"
              type="number"
              min={1}
              className="field"
              placeholder="no limit"
              value={form.minutes}
              onChange={(event) => onChange({ minutes: event.target.value })}
            />
            <FieldProblem text={problem("timeout")} />
          </div>
          {limitsCost && <Cost cost={form.cost} onChange={onChange} problem={problem("sdkOptions.maxBudgetUsd")} />}
        </div>
        <div>
          <label htmlFor="variables" className="mb-1 block font-medium">
            Environment of the agent
          </label>
          <textarea
            id="variables"
            rows={2}
            className="field font-mono"
            aria-describedby="variables-hint"
            value={form.variables}
            onChange={(event) => onChange({ variables: event.target.value })}
          />
          <FieldProblem text={problem("environmentVariables")} />
          <p id="variables-hint" className="mt-1 text-xs text-muted">
            One a line: NAME=value. Whoever may see the session sees them; keys belong into the secrets.
          </p>
        </div>
      </div>
    </details>
  );
}

interface CostProps {
  cost: string;
  onChange: (fields: Partial<NewForm>) => void;
  problem: string | undefined;
}

function Cost({ cost, onChange, problem }: CostProps) {
  return (
    <div>
      <label htmlFor="cost" className="mb-1 block font-medium">
        … or after $
      </label>
      <input
        id="cost"
        type="number"
        min={0}
        step="any"
        className="field"
        placeholder="no limit"
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? "cost-problem cost-hint" : "cost-hint"}
        value={cost}
        onChange={(event) => onChange({ cost: event.target.value })}
      />
      <FieldProblem id="cost-problem" text={problem} />
      <p id="cost-hint" className="mt-1 text-xs text-muted">
        Of each run. The answer that reaches it is the last one, and is still paid.
      </p>
    </div>
  );
}
