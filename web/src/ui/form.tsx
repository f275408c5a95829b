// A labelled field with its problem, and a form that says what went wrong.

import { type FormEvent, type ReactNode, useId, useState } from "react";
import { Problem } from "../api/http";
import { ProblemView } from "./problem";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  children: (id: string, describedBy: string | undefined) => ReactNode;
}

export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      {children(id, hint ? `${id}-hint` : undefined)}
      {hint && (
        <p id={`${id}-hint`} className="mt-0.5 text-xs text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  type?: string;
  required?: boolean;
  placeholder?: string;
  rows?: number;
  disabled?: boolean;
}

export function TextField({ label, value, onChange, hint, type = "text", rows, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint}>
      {(id, describedBy) =>
        rows ? (
          <textarea
            id={id}
            aria-describedby={describedBy}
            className="field"
            rows={rows}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            {...rest}
          />
        ) : (
          <input
            id={id}
            aria-describedby={describedBy}
            className="field"
            type={type}
            autoComplete={type === "password" ? "new-password" : "off"}
            value={value}
            onChange={(event) => onChange(event.target.value)}
            {...rest}
          />
        )
      }
    </Field>
  );
}

interface SelectProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: [value: string, label: string][];
  hint?: ReactNode;
  disabled?: boolean;
}

export function SelectField({ label, value, onChange, options, hint, disabled }: SelectProps) {
  return (
    <Field label={label} hint={hint}>
      {(id, describedBy) => (
        <select
          id={id}
          aria-describedby={describedBy}
          className="field"
          value={value}
          disabled={disabled}
          onChange={(event) => onChange(event.target.value)}
        >
          {options.map(([one, text]) => (
            <option key={one} value={one}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface ActFormProps {
  submit: string;
  /** Throws Problem. */
  onSubmit: () => Promise<unknown>;
  children: ReactNode;
  /** Why it cannot be sent; the form stays readable. */
  disabled?: ReactNode;
}

/** A form whose problem stands above its button and stays until the next try. */
export function ActForm({ submit, onSubmit, children, disabled }: ActFormProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Problem(0));
    }
    setBusy(false);
  };
  return (
    <form onSubmit={send} className="flex max-w-xl flex-col gap-3">
      {children}
      {error !== null && <ProblemView error={error} />}
      <div className="flex flex-wrap items-center gap-3">
        <button type="submit" className="btn btn-primary" disabled={busy || disabled !== undefined}>
          {submit}
        </button>
        {disabled && <div className="text-muted">{disabled}</div>}
      </div>
    </form>
  );
}
