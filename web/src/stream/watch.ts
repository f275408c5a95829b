// The one stream for all lists: one tab of the browser reads it and tells the others.

import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { shownProjectsQuery } from "../api/queries";
import type { Row, RowList, WatchFrame } from "../api/types";
import { type Connection, Follow } from "./follow";
import type { Frame } from "./frames";
import { notify } from "./notify";

const LOCK = "ambient-watch";
const SETTLE = 400; // changes that come together cost one request
const COUNT = 2000; // how all projects stand costs more to say, and is less urgent

type Told = { frames: WatchFrame[] } | { connection: Connection } | { ask: true };

export class Watch {
  connection: Connection = { state: "connecting" };
  #cursor = "";
  #follow: Follow | null = null;
  #tabs = new BroadcastChannel(LOCK);
  #listeners = new Set<() => void>();
  #asks = new Set<string>();

  constructor(private readonly client: QueryClient) {
    this.#tabs.onmessage = ({ data }: MessageEvent<Told>) => this.#heard(data);
    if (navigator.locks) void navigator.locks.request(LOCK, () => this.#lead());
    else void this.#lead(); // no secure context, no locks: each tab for itself, while it is seen
    this.#tabs.postMessage({ ask: true } satisfies Told);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  now = (): void => this.#follow?.now();

  /** Read the stream for every tab, until this one is closed. */
  #lead(): Promise<never> {
    this.#follow = new Follow({
      path: () => `/api/watch${this.#cursor ? `?after=${encodeURIComponent(this.#cursor)}` : ""}`,
      onReply: () => true,
      onFrames: (frames) => this.#read(frames),
      onState: (connection) => {
        this.#connected(connection);
        this.#tell({ connection });
      },
      hidden: Boolean(navigator.locks),
    });
    return new Promise(() => {});
  }

  #read(frames: Frame[]): void {
    const found: WatchFrame[] = [];
    for (const one of frames) {
      if (one.id) this.#cursor = one.id;
      found.push(JSON.parse(one.data ?? "{}") as WatchFrame);
    }
    this.#take(found);
    for (const one of found) if (one.row) notify(one.row);
    this.#tell({ frames: found });
  }

  #heard(told: Told): void {
    if ("ask" in told) {
      if (this.#follow) this.#tell({ connection: this.connection });
    } else if ("frames" in told) this.#take(told.frames);
    else this.#connected(told.connection);
  }

  #tell(told: Told): void {
    // A problem is an object with methods; what it says is all that other tabs need.
    this.#tabs.postMessage(JSON.parse(JSON.stringify(told)));
  }

  #connected(connection: Connection): void {
    this.connection = connection;
    for (const one of this.#listeners) one();
  }

  #take(frames: WatchFrame[]): void {
    for (const frame of frames) {
      if (frame.kind === "session" && frame.row) this.#changed(frame.row);
      if (frame.kind === "session" && frame.project && frame.name) {
        void this.client.invalidateQueries({ queryKey: ["session", frame.project, frame.name] });
        void this.client.invalidateQueries({ queryKey: ["runs", frame.project, frame.name] });
        void this.client.invalidateQueries({ queryKey: ["doctor", frame.project, frame.name] });
      }
    }
    // What is in a list, and where, only the server knows.
    this.#askSoon(["sessions"], SETTLE);
    if (frames.some((one) => one.kind !== "open")) this.#askSoon(shownProjectsQuery.queryKey, COUNT);
  }

  /** Ask once for all that comes until then. */
  #askSoon(queryKey: QueryKey, within: number): void {
    const name = queryKey.join(" ");
    if (this.#asks.has(name)) return;
    this.#asks.add(name);
    setTimeout(() => {
      this.#asks.delete(name);
      void this.client.invalidateQueries({ queryKey });
    }, within);
  }

  /** The row changes in place at once, in every list that has it; an older one is dropped. */
  #changed(row: Row): void {
    this.client.setQueriesData<RowList>({ queryKey: ["sessions"] }, (list) => {
      const at = list?.items.findIndex((one) => one.metadata.uid === row.metadata.uid) ?? -1;
      const known = list?.items[at];
      if (!list || !known || (known.rev ?? 0) > (row.rev ?? 0)) return list;
      return { ...list, items: list.items.with(at, row) };
    });
  }
}

let watch: Watch | null = null;

/** The watch of this tab; it begins with the first call. */
export function theWatch(client: QueryClient): Watch {
  watch ??= new Watch(client);
  return watch;
}
