// A diff, in the colours of its language: side by side where there is room, else one line below the other.

import { type RefObject, useLayoutEffect, useMemo, useRef, useState } from "react";
import { CodeLine, type PaintedLine, usePainted } from "./code";
import { useSession } from "./context";
import { type DiffLine, type DiffPair, hunks, pairs } from "./diff";

const ROOM = 1100; // pixels of the timeline or the explorer from which two sides are readable
const EDGE = 24;
const LONG = 200; // lines that are shown without being asked for

interface Props {
  diff: DiffLine[];
  label: string;
  /** Of the file, which says the language. */
  name: string;
}

export function DiffView({ diff, label, name }: Props) {
  const { unfolded } = useSession();
  const place = useRef<HTMLDivElement>(null);
  const room = useRoom(place);
  const [all, setAll] = useState(false);
  const painted = useDiffPainted(diff, name);
  const shown = useMemo(() => hunks(diff), [diff]);
  const folded = !all && !unfolded && shown.length > LONG;
  const lines = folded ? shown.slice(0, LONG) : shown;
  const bothSides = room !== null && !unfolded && diff.some((one) => one.kind === "removed");
  return (
    <div ref={place}>
      <div
        role="group"
        aria-label={label}
        tabIndex={0}
        style={bothSides ? { width: room } : undefined}
        className="overflow-x-auto rounded-md border border-line bg-code"
      >
        <table className="code w-full border-collapse font-mono text-[0.9286rem] leading-snug">
          {bothSides ? (
            <TwoSides lines={pairs(lines)} painted={painted} />
          ) : (
            <OneBelowTheOther lines={lines} painted={painted} />
          )}
        </table>
      </div>
      {folded && (
        <button type="button" className="btn btn-small mt-1" onClick={() => setAll(true)}>
          Show all {shown.length} lines
        </button>
      )}
    </div>
  );
}

type Painter = (line: DiffLine) => PaintedLine | undefined;

const LOOK = { same: "", added: "bg-green-soft", removed: "bg-red-soft" };
const MARK = { same: " ", added: "+", removed: "−" };

function OneBelowTheOther({ lines, painted }: { lines: (DiffLine | null)[]; painted: Painter }) {
  return (
    <tbody>
      {lines.map((line, at) =>
        line === null ? (
          <LeftOut key={at} columns={3} />
        ) : (
          <tr key={at} className={`align-top ${LOOK[line.kind]}`}>
            <Cells line={line} number={line.after ?? line.before} painted={painted} />
          </tr>
        ),
      )}
    </tbody>
  );
}

function TwoSides({ lines, painted }: { lines: (DiffPair | null)[]; painted: Painter }) {
  return (
    <>
      <colgroup>
        <col className="w-10" />
        <col className="w-4" />
        <col className="w-1/2" />
        <col className="w-10" />
        <col className="w-4" />
        <col className="w-1/2" />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th colSpan={3} scope="colgroup">
            Before
          </th>
          <th colSpan={3} scope="colgroup">
            After
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((pair, at) =>
          pair === null ? (
            <LeftOut key={at} columns={6} />
          ) : (
            <tr key={at} className="align-top">
              <Cells line={pair.before} number={pair.before?.before ?? null} painted={painted} />
              <Cells line={pair.after} number={pair.after?.after ?? null} painted={painted} />
            </tr>
          ),
        )}
      </tbody>
    </>
  );
}

function Cells({ line, number, painted }: { line: DiffLine | null; number: number | null; painted: Painter }) {
  if (!line) return <td colSpan={3} className="bg-sunken" />;
  const look = LOOK[line.kind];
  return (
    <>
      <td className={`w-10 px-1 text-right text-xs text-muted select-none ${look}`}>{number}</td>
      <td className={`w-4 text-center text-muted select-none ${look}`}>
        {MARK[line.kind]}
        <span className="sr-only">{line.kind === "same" ? "" : line.kind}</span>
      </td>
      <td className={`pr-2 whitespace-pre-wrap ${look}`}>
        <CodeLine text={line.text || " "} painted={painted(line)} />
      </td>
    </>
  );
}

function LeftOut({ columns }: { columns: number }) {
  return (
    <tr>
      <td colSpan={columns} className="border-y border-line px-2 text-xs text-muted">
        ⋯<span className="sr-only"> lines that stayed the same</span>
      </td>
    </tr>
  );
}

/** The width from here to the edge of the timeline or the explorer; null while that is too narrow for two sides. */
function useRoom(place: RefObject<HTMLElement | null>): number | null {
  const [room, setRoom] = useState<number | null>(null);
  useLayoutEffect(() => {
    const node = place.current;
    const view = node?.closest("[role=tabpanel]") ?? node?.closest("section");
    if (!node || !view) return;
    const measure = () => {
      const { right, width } = view.getBoundingClientRect();
      setRoom(width < ROOM ? null : Math.floor(right - node.getBoundingClientRect().left - EDGE));
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(view);
    return () => watch.disconnect();
  }, [place]);
  return room;
}

/** The colours of a line: those of the text before for what was removed, else those of the text after. */
function useDiffPainted(diff: DiffLine[], name: string): Painter {
  const sides = useMemo(() => {
    const before = diff.filter((one) => one.kind !== "added");
    const after = diff.filter((one) => one.kind !== "removed");
    const text = (lines: DiffLine[]) => lines.map((one) => one.text).join("\n");
    const at = new Map<DiffLine, number>(
      [...before.entries(), ...after.entries()].map(([number, one]) => [one, number]),
    );
    return { before: text(before), after: text(after), at };
  }, [diff]);
  const before = usePainted(sides.before, name);
  const after = usePainted(sides.after, name);
  return (line) => (line.kind === "removed" ? before : after)[sides.at.get(line) ?? -1];
}
