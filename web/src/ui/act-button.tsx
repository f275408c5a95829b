// A button that does something at once, and shows next to itself why it could not.

import { type ReactNode, useState } from "react";
import { ProblemView } from "./problem";

interface Props {
  onAct: () => Promise<unknown>;
  children: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  title?: string;
}

export function ActButton({ onAct, children, danger, disabled, title }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await onAct();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return (
    <>
      <button
        type="button"
        className={`btn btn-small ${danger ? "btn-danger" : ""}`}
        disabled={busy || disabled}
        title={title}
        onClick={act}
      >
        {children}
      </button>
      {error !== null && <ProblemView error={error} />}
    </>
  );
}
