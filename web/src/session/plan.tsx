// The newest plan, pinned above the composer while it is not finished.

import { ChevronRight } from "lucide-react";
import { useState } from "react";
import type { PlanStep } from "../fold/timeline";
import { PlanLine } from "./tool";

export function PinnedPlan({ plan }: { plan: PlanStep[] }) {
  const [open, setOpen] = useState(false);
  const done = plan.filter((one) => one.status === "completed").length;
  if (!plan.length || done === plan.length) return null;
  const now = plan.find((one) => one.status === "in_progress") ?? plan.find((one) => one.status === "pending");
  return (
    <div className="border-t border-line bg-sunken px-4 sm:px-6">
      <div className="mx-auto max-w-4xl">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex min-h-8 w-full items-center gap-2 text-left"
        >
          <ChevronRight size={14} aria-hidden className={open ? "rotate-90" : ""} />
          <span className="truncate">
            Plan {done}/{plan.length}: {now?.text}
          </span>
        </button>
        {open && (
          <ol className="max-h-[30vh] overflow-y-auto pb-2 pl-5">
            {plan.map((one, at) => (
              <PlanLine key={at} status={one.status} text={one.text} />
            ))}
          </ol>
        )}
      </div>
    </div>
  );
}
