// What went wrong, what to do next, and details for who asks. It stays until it is dealt with.

import { Copy } from "lucide-react";
import { Component, type ReactNode } from "react";
import { problemOf } from "../api/http";

export function ProblemView({ error, action }: { error: unknown; action?: ReactNode }) {
  const problem = problemOf(error);
  const fields = problem.fields.filter((one) => !problem.message.includes(one.message));
  const details = [problem.code, problem.requestId && `request ${problem.requestId}`, problem.at.toLocaleTimeString()]
    .filter(Boolean)
    .join(" · ");
  return (
    <div role="alert" className="rounded-md border border-red bg-red-soft px-3 py-2">
      <p className="font-semibold text-red">{problem.message}</p>
      {problem.hint && <p>{problem.hint}</p>}
      {fields.map((one) => (
        <p key={one.field + one.message}>
          <code className="font-mono">{one.field}</code>: {one.message}
        </p>
      ))}
      <div className="mt-1 flex flex-wrap items-center gap-2">
        {action}
        <details className="text-xs">
          <summary className="inline-flex min-h-6 items-center text-muted underline">Details</summary>
          <span className="font-mono">{details}</span>{" "}
          <button
            type="button"
            className="btn btn-quiet btn-small"
            onClick={() => navigator.clipboard?.writeText(`${problem.message} ${problem.hint} (${details})`)}
          >
            <Copy size={13} aria-hidden /> Copy
          </button>
        </details>
      </div>
    </div>
  );
}

/** Something that this server does not offer: said, instead of a dead button. */
export function NotHere({ what, instead }: { what: string; instead?: ReactNode }) {
  return (
    <div className="panel px-4 py-6 text-center text-muted">
      <p className="font-medium text-text">{what}</p>
      <p>This server does not offer it yet.</p>
      {instead && <p className="mt-2">{instead}</p>}
    </div>
  );
}

/** A part that breaks shows why, and leaves the rest of the page alone. */
export class Boundary extends Component<{ children: ReactNode; otherwise?: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return this.props.otherwise ?? <ProblemView error={this.state.error} />;
  }
}
