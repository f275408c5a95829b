// The timeline: a feed of articles, measured and virtualised, anchored to its end while the reader is there.

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import {
  memo,
  type RefObject,
  startTransition,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { Timeline } from "../fold/timeline";
import type { Place } from "./place";
import { RowView } from "./row";
import { type Row, rowsOf, withLeft } from "./rows";

const FEW = 150; // that many are drawn plainly: found by the browser's own search, too
const FIRST = 24; // what fills a screen is drawn first, the rest in pauses
const NEAR = 60;
const CLOSE = 800; // pixels from the beginning

interface Props {
  timeline: Timeline;
  version: number;
  all: boolean;
  scroll: RefObject<HTMLElement | null>;
  /** The number of the event that the address names. */
  target: number | null;
  /** Where the reader was before the page was loaded anew. */
  place: Place | null;
  /** The newest event that the reader knew when they left; null: they were not away. */
  left: number | null;
  hasOlder: boolean;
  loadOlder: () => Promise<boolean>;
}

export const TimelineView = memo(function TimelineView({
  timeline,
  version,
  all,
  scroll,
  target,
  place,
  left,
  hasOlder,
  loadOlder,
}: Props) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the items change in place; `version` says when
  const rows = useMemo(
    () => withLeft(rowsOf(timeline.items, all), left, hasOlder),
    [timeline, version, all, left, hasOlder],
  );
  const { atEnd, fresh, toEnd } = useAnchor(scroll, rows.length, version, target !== null || place !== null);
  const goTo = useRef<(at: number) => void>(() => {});
  const from = useFirst(rows.length, target ?? place?.seq ?? null);
  useOlder(scroll, hasOlder && from === 0, loadOlder, rows[0]?.id);
  useTarget(scroll, rows, target, hasOlder, goTo);
  usePlaceAgain(scroll, rows, target === null ? place : null, goTo);
  return (
    <>
      <section
        ref={scroll}
        tabIndex={0}
        aria-label="What happened"
        className="min-h-0 flex-1 overflow-y-auto px-4 pt-3 pb-6 [overflow-anchor:none] sm:px-6"
      >
        {hasOlder && (
          <p className="pb-2 text-center">
            <button type="button" className="btn btn-quiet btn-small" onClick={() => void loadOlder()}>
              Show earlier messages
            </button>
          </p>
        )}
        <Rows goTo={goTo} rows={rows} scroll={scroll} virtual={rows.length > FEW} from={from} />
      </section>
      {!atEnd && fresh > 0 && (
        <div className="flex justify-center border-t border-line py-1">
          <button type="button" className="btn btn-small" onClick={toEnd}>
            {fresh} new <ArrowDown size={14} aria-hidden />
          </button>
        </div>
      )}
    </>
  );
});

/** The first row that is drawn plainly: at first that of the last screen, soon the very first. */
function useFirst(length: number, target: number | null): number {
  const [whole, setWhole] = useState(target !== null);
  const any = length > 0;
  useEffect(() => {
    if (!any) return;
    const soon = setTimeout(() => startTransition(() => setWhole(true)), 50);
    return () => clearTimeout(soon);
  }, [any]);
  return whole ? 0 : Math.max(0, length - FIRST);
}

function Rows({
  rows,
  scroll,
  virtual,
  goTo,
  from,
}: {
  goTo: RefObject<(at: number) => void>;
  rows: Row[];
  scroll: RefObject<HTMLElement | null>;
  virtual: boolean;
  from: number;
}) {
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 36,
    overscan: 12,
    enabled: virtual,
    getItemKey: (at) => keyOf(rows[at]),
  });
  goTo.current = (at) => {
    if (virtual) virtualizer.scrollToIndex(at, { align: "center" });
  };
  const shown = virtual
    ? virtualizer.getVirtualItems().map(({ index }) => index)
    : Array.from({ length: rows.length - from }, (_, at) => from + at);
  const items = virtual ? virtualizer.getVirtualItems() : [];
  const before = items[0]?.start ?? 0;
  const after = virtual ? virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0) : 0;
  return (
    <div role="feed" aria-label="Timeline" className="mx-auto max-w-4xl">
      {before > 0 && <div aria-hidden style={{ height: before }} />}
      {shown.map((at) => {
        const row = rows[at];
        return (
          row && (
            <article
              key={keyOf(row)}
              ref={virtual ? virtualizer.measureElement : undefined}
              data-index={at}
              data-kind={row.kind}
              data-seq={row.seq}
              aria-posinset={at + 1}
              aria-setsize={rows.length}
              aria-label={labelOf(row)}
              tabIndex={-1}
              className="rounded pb-1 outline-offset-0"
            >
              <RowView row={row} rev={row.rev} />
            </article>
          )
        );
      })}
      {after > 0 && <div aria-hidden style={{ height: after }} />}
    </div>
  );
}

const keyOf = (row: Row | undefined) => (row ? `${row.kind}:${row.id}` : "");

function labelOf(row: Row): string {
  switch (row.kind) {
    case "message":
      return `${row.role === "user" ? row.sender || "You" : "Agent"} said`;
    case "tool":
      return `Tool ${row.name}`;
    case "group":
      return `${row.items.length} quiet tool calls`;
    case "thought":
      return "Thought";
    case "agent":
      return `Sub-agent ${row.name}`;
    case "since":
      return row.text;
    case "question":
      return row.permission ? "Permission" : "Question";
    case "error":
      return "The run failed";
    case "end":
      return "The run ended";
    default:
      return "Note";
  }
}

/** Keeps the end in view while the reader is at the end, and counts what came since they left it. */
function useAnchor(scroll: RefObject<HTMLElement | null>, length: number, version: number, elsewhere: boolean) {
  const [atEnd, setAtEnd] = useState(!elsewhere);
  const following = useRef(!elsewhere);
  const seen = useRef(length);
  const toEnd = useCallback(() => {
    following.current = true;
    setAtEnd(true);
    const node = scroll.current;
    if (node) node.scrollTop = node.scrollHeight;
  }, [scroll]);
  useEffect(() => {
    const node = scroll.current;
    if (!node) return;
    let last = node.scrollTop;
    const scrolled = () => {
      const near = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR;
      // Only a person scrolls up; growth moves the end away without that.
      if (near) following.current = true;
      else if (node.scrollTop < last) following.current = false;
      last = node.scrollTop;
      setAtEnd(following.current);
    };
    const grown = new ResizeObserver(() => {
      if (following.current) node.scrollTop = node.scrollHeight;
    });
    for (const child of node.children) grown.observe(child);
    node.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      grown.disconnect();
      node.removeEventListener("scroll", scrolled);
    };
  }, [scroll]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each version there may be more to show
  useLayoutEffect(() => {
    const node = scroll.current;
    if (following.current && node) node.scrollTop = node.scrollHeight;
    if (following.current) seen.current = length;
  }, [scroll, length, version]);
  return { atEnd, fresh: Math.max(0, length - seen.current), toEnd };
}

/** Reads earlier pages when the reader comes near the beginning, and keeps what they see in its place. */
function useOlder(
  scroll: RefObject<HTMLElement | null>,
  hasOlder: boolean,
  loadOlder: () => Promise<boolean>,
  first: string | undefined,
) {
  const height = useRef(0);
  useEffect(() => {
    const node = scroll.current;
    if (!node || !hasOlder) return;
    const scrolled = () => {
      height.current = node.scrollHeight;
      if (node.scrollTop < CLOSE) void loadOlder();
    };
    node.addEventListener("scroll", scrolled, { passive: true });
    return () => node.removeEventListener("scroll", scrolled);
  }, [scroll, hasOlder, loadOlder]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another first row means that rows came in front
  useLayoutEffect(() => {
    const node = scroll.current;
    if (!node) return;
    const grown = node.scrollHeight - height.current;
    const nearEnd = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR;
    if (height.current && grown > 0 && !nearEnd) node.scrollTop += grown;
    height.current = node.scrollHeight;
  }, [scroll, first]);
}

/** Goes to the event that a link names, once it is there. */
function useTarget(
  scroll: RefObject<HTMLElement | null>,
  rows: Row[],
  target: number | null,
  hasOlder: boolean,
  goTo: RefObject<(at: number) => void>,
) {
  const done = useRef<number | null>(null);
  useEffect(() => {
    if (target === null || done.current === target) return;
    const found = rows.findLastIndex((one) => one.seq > 0 && one.seq <= target);
    const at = found < 0 && !hasOlder ? 0 : found; // what comes before the first row has none of its own
    const row = rows[at];
    if (!row) return;
    done.current = target;
    goTo.current(at);
    setTimeout(() => {
      const node = scroll.current?.querySelector<HTMLElement>(`[data-index="${at}"]`);
      node?.scrollIntoView({ block: "center" });
      node?.focus({ preventScroll: true });
    }, 60);
  }, [rows, scroll, target, hasOlder, goTo]);
}

/** Puts the row in which the reader was back where it stood. */
function usePlaceAgain(
  scroll: RefObject<HTMLElement | null>,
  rows: Row[],
  place: Place | null,
  goTo: RefObject<(at: number) => void>,
) {
  const done = useRef(place === null);
  useEffect(() => {
    const at = done.current || !place ? -1 : rows.findIndex((one) => one.seq === place.seq);
    if (at < 0 || !place) return;
    done.current = true;
    goTo.current(at);
    // Rows are measured as they come into view, which moves what is below them: until nothing moves any more.
    let calm = 0;
    const settle = (tries: number) => {
      const node = scroll.current;
      const row = node?.querySelector(`[data-index="${at}"]`);
      if (!node || !tries || calm > 2) return;
      const away = row ? row.getBoundingClientRect().top - node.getBoundingClientRect().top - place.offset : Infinity;
      calm = Math.abs(away) <= 1 ? calm + 1 : 0;
      if (!row) goTo.current(at);
      else if (!calm) node.scrollTop += away;
      setTimeout(() => settle(tries - 1), 50);
    };
    setTimeout(() => settle(20), 50);
  }, [rows, scroll, place, goTo]);
}
