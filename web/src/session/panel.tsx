// The explorer: files, changes, context, tasks, artifacts. Nothing is loaded before its tab is opened.

import * as Tabs from "@radix-ui/react-tabs";
import { useQueryClient } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, Suspense, useEffect, useRef, useState } from "react";
import type { SessionFeed } from "../stream/feed";
import { Dialog } from "../ui/dialog";
import { NotLoaded, part } from "../ui/part";
import { Boundary } from "../ui/problem";
import { useSession } from "./context";

const Files = part(async () => (await import("./files")).Files, NotLoaded);
const Artifacts = part(async () => (await import("./artifacts")).Artifacts, NotLoaded);
const Changes = part(async () => (await import("./changes")).Changes, NotLoaded);
const ContextTab = part(async () => (await import("./context-tab")).ContextTab, NotLoaded);
const Tasks = part(async () => (await import("./tasks")).Tasks, NotLoaded);
const Details = part(async () => (await import("./details")).Details, NotLoaded);

export const PANELS = ["files", "changes", "context", "tasks", "artifacts", "details"] as const;
export type PanelName = (typeof PANELS)[number];
const TITLES: Record<PanelName, string> = {
  files: "Files",
  changes: "Changes",
  context: "Context",
  tasks: "Tasks",
  artifacts: "Artifacts",
  details: "Details",
};
const WIDTH = "ambient-panel-width";
const LEAST = 280;
const MOST = 1400;
const BESIDE = 560; // pixels that the rail and the timeline keep

export interface PanelProps {
  panel: PanelName;
  file: string | undefined;
  line: number | undefined;
  feed: SessionFeed;
  version: number;
  onShow: (panel: PanelName | undefined, file?: string) => void;
}

const clamp = (width: number) => Math.max(LEAST, Math.min(MOST, width, innerWidth - BESIDE));

export function Panel(props: PanelProps) {
  const phone = useNarrow();
  const [width, setWidth] = useState(() => clamp(Number(localStorage.getItem(WIDTH)) || 400));
  useFresh(props.feed);
  useEffect(() => localStorage.setItem(WIDTH, String(width)), [width]);
  const close = () => props.onShow(undefined);
  if (phone) {
    return (
      <Dialog open onClose={close} title="Explorer" sheet>
        <Inside {...props} />
      </Dialog>
    );
  }
  return (
    <aside aria-label="Explorer" className="flex min-h-0 shrink-0 border-l border-line bg-surface" style={{ width }}>
      <Handle width={width} onWidth={(fresh) => setWidth(clamp(fresh))} />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Inside {...props} onClose={close} />
      </div>
    </aside>
  );
}

function Inside({ panel, file, line, feed, version, onShow, onClose }: PanelProps & { onClose?: () => void }) {
  const places = useRef<Partial<Record<PanelName, string | undefined>>>({});
  places.current[panel] = file;
  const go = (now: string) => onShow(now as PanelName, places.current[now as PanelName]); // each tab keeps its place
  return (
    <Tabs.Root value={panel} onValueChange={go} className="flex min-h-0 flex-1 flex-col">
      <div className="flex items-center border-b border-line">
        <Tabs.List aria-label="Explorer" className="flex min-w-0 flex-1 overflow-x-auto">
          {PANELS.map((name) => (
            <Tabs.Trigger
              key={name}
              value={name}
              className="min-h-9 shrink-0 border-b-2 border-transparent px-2 text-[0.9286rem] text-muted data-[state=active]:border-accent data-[state=active]:font-semibold data-[state=active]:text-text"
            >
              {TITLES[name]}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {onClose && (
          <button
            type="button"
            className="btn btn-quiet btn-icon btn-small"
            aria-label="Close the explorer"
            title="Close  ]"
            onClick={onClose}
          >
            <X size={15} aria-hidden />
          </button>
        )}
      </div>
      <Tabs.Content value={panel} className="min-h-0 flex-1 overflow-y-auto p-3 outline-offset-[-2px]">
        <Boundary key={panel}>
          <Suspense>
            {panel === "files" && <Files file={file} line={line} onFile={(path) => onShow("files", path)} />}
            {panel === "artifacts" && (
              <Artifacts feed={feed} version={version} onFile={(path) => onShow("files", path)} />
            )}
            {panel === "changes" && (
              <Changes file={file} feed={feed} version={version} onFile={(path) => onShow("files", path)} />
            )}
            {panel === "context" && <ContextTab />}
            {panel === "tasks" && <Tasks feed={feed} version={version} />}
            {panel === "details" && <Details feed={feed} version={version} />}
          </Suspense>
        </Boundary>
      </Tabs.Content>
    </Tabs.Root>
  );
}

/** The edge that is drawn to make the panel wider: by pointer, or by arrow keys. */
function Handle({ width, onWidth }: { width: number; onWidth: (width: number) => void }) {
  const drag = (event: PointerEvent<HTMLElement>) => {
    const from = event.clientX;
    const node = event.currentTarget;
    node.setPointerCapture(event.pointerId);
    const moved = (at: globalThis.PointerEvent) => onWidth(width + from - at.clientX);
    node.addEventListener("pointermove", moved);
    node.addEventListener("pointerup", () => node.removeEventListener("pointermove", moved), { once: true });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    onWidth(width + (event.key === "ArrowLeft" ? 24 : -24));
  };
  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the explorer"
      aria-valuenow={width}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      tabIndex={0}
      onPointerDown={drag}
      onKeyDown={press}
      className="-ml-1 w-2 shrink-0 cursor-col-resize touch-none hover:bg-accent-soft"
    />
  );
}

const PHONE = "(max-width: 760px)";

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(PHONE).matches);
  useEffect(() => {
    const query = matchMedia(PHONE);
    const changed = () => setNarrow(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}

/** What the panel shows is read again when a tool or a run ended: events say when, nothing asks. */
function useFresh(feed: SessionFeed): void {
  const { project, name } = useSession();
  const client = useQueryClient();
  useEffect(
    () =>
      feed.onWork(() => {
        for (const kind of ["files", "file", "changes", "repos"]) {
          void client.invalidateQueries({ queryKey: [kind, project, name] });
        }
      }),
    [feed, client, project, name],
  );
}
