// The order and widths of the list's columns, by buttons: nobody has to draw anything.

import { ArrowLeft, ArrowRight, Minus, Plus } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog } from "../ui/dialog";
import { type Column, type Columns, NARROWEST, STEP, WIDEST, widthOf } from "./sessions-columns";

export function ArrangeDialog({ kept, onClose }: { kept: Columns; onClose: () => void }) {
  const { columns } = kept;
  return (
    <Dialog open onClose={onClose} title="Order and widths of the columns">
      <p className="text-muted">After Status and Name, from left to right. They are the same on every device.</p>
      <ol aria-label="Columns" className="my-3 divide-y divide-line">
        {columns.map((one, at) => (
          <Line key={one.name} column={one} first={at === 0} last={at === columns.length - 1} kept={kept} />
        ))}
      </ol>
      <div className="flex gap-2">
        <button type="button" className="btn" onClick={onClose}>
          Done
        </button>
        <button type="button" className="btn btn-quiet" onClick={kept.reset}>
          As at first
        </button>
      </div>
    </Dialog>
  );
}

interface LineProps {
  column: Column;
  first: boolean;
  last: boolean;
  kept: Columns;
}

function Line({ column, first, last, kept: { widths, move, resize } }: LineProps) {
  const { name, label } = column;
  const width = widthOf(column, widths);
  return (
    <li className="flex min-h-9 items-center gap-1">
      <span className="mr-auto">{label}</span>
      <Act label={`${label}: further left`} off={first} onAct={() => move(name, -1)}>
        <ArrowLeft size={15} aria-hidden />
      </Act>
      <Act label={`${label}: further right`} off={last} onAct={() => move(name, 1)}>
        <ArrowRight size={15} aria-hidden />
      </Act>
      <Act label={`${label}: narrower`} off={width <= NARROWEST} onAct={() => resize(name, width - STEP)}>
        <Minus size={15} aria-hidden />
      </Act>
      <Act label={`${label}: wider`} off={width >= WIDEST} onAct={() => resize(name, width + STEP)}>
        <Plus size={15} aria-hidden />
      </Act>
    </li>
  );
}

interface ActProps {
  label: string;
  /** It keeps the focus that it has. */
  off: boolean;
  onAct: () => void;
  children: ReactNode;
}

function Act({ label, off, onAct, children }: ActProps) {
  return (
    <button
      type="button"
      className="btn btn-quiet btn-icon aria-disabled:opacity-50"
      aria-label={label}
      title={label}
      aria-disabled={off}
      onClick={() => off || onAct()}
    >
      {children}
    </button>
  );
}
