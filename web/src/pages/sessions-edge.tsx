// The edge before a column of the sessions list: drawn by pointer or by arrow keys, it makes the column wider.

import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import { type Column, NARROWEST, STEP, WIDEST, within } from "./sessions-columns";

export interface Drawn {
  name: string;
  width: number;
}

interface Props {
  column: Column;
  /** In rem. */
  width: number;
  /** While it is drawn. */
  onDraw: (drawn: Drawn) => void;
  /** Where it was let go. */
  onDrawn: (drawn: Drawn) => void;
}

export function Edge({ column: { name, label }, width, onDraw, onDrawn }: Props) {
  const drag = useRef<{ from: number; width: number; rem: number }>(undefined);
  const begin = (event: PointerEvent<HTMLElement>) => {
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    // What is shown may be narrower than what was asked for.
    const shown = event.currentTarget.parentElement?.getBoundingClientRect().width ?? width * rem;
    drag.current = { from: event.clientX, width: shown / rem, rem };
  };
  const at = (event: PointerEvent): Drawn | null =>
    drag.current
      ? { name, width: within(drag.current.width + (drag.current.from - event.clientX) / drag.current.rem) }
      : null;
  const draw = (event: PointerEvent) => {
    const drawn = at(event);
    if (drawn) onDraw(drawn);
  };
  const end = (event: PointerEvent) => {
    const drawn = at(event);
    const moved = drag.current?.from !== event.clientX;
    drag.current = undefined;
    if (drawn && moved) onDrawn(drawn);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    onDraw({ name, width: within(width + (event.key === "ArrowLeft" ? STEP : -STEP)) });
  };
  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${label}`}
      aria-valuenow={width}
      aria-valuemin={NARROWEST}
      aria-valuemax={WIDEST}
      tabIndex={0}
      onPointerDown={begin}
      onPointerMove={draw}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={press}
      onKeyUp={(event) => event.key.startsWith("Arrow") && onDrawn({ name, width })}
      className="absolute inset-y-0 right-[calc(100%+4px)] min-h-[24px] w-[24px] cursor-col-resize touch-none border-r border-line hover:border-accent"
    />
  );
}
