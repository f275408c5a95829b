// One session's log in this tab: read as it grows, folded, and told to who draws it once a frame.

import { get } from "../api/http";
import { type Conversation, conversation, converse } from "../fold/conversation";
import type { LogEvent } from "../fold/events";
import { fold, prepend, type SnapshotMessage, type Timeline, timeline } from "../fold/timeline";
import { type Connection, Follow } from "./follow";
import type { Frame } from "./frames";
import { newestOf } from "./newest";

const PAGE = 60; // messages
const FRESH = 5000; // an event that old is history, not news

interface MessagePage {
  messages: SnapshotMessage[];
  seq: number;
  hasMore: boolean;
}

export interface FeedHooks {
  /** Something happened just now that people are told. */
  onNews: (text: string) => void;
  /** The session's own object may have changed. */
  onChange: () => void;
}

const WORK = new Set(["TOOL_CALL_RESULT", "RUN_FINISHED", "RUN_ERROR"]);
const TELLING = new Set(["RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "CUSTOM"]);
/** What is shown beside the timeline; the words themselves are kept once. */
const BESIDE = new Set(["STATE_SNAPSHOT", "STATE_DELTA", "CUSTOM"]);

/** Subscribed to by `useSyncExternalStore`; `version` grows with every change that is to be drawn. */
export class SessionFeed {
  timeline: Timeline = timeline();
  /** The agent's state and its tasks; no messages. */
  conversation: Conversation = conversation();
  connection: Connection = { state: "connecting" };
  /** Events that came in one piece and are not drawn yet. */
  catchingUp = 0;
  version = 0;
  closed = false;

  #cursor = 0;
  /** Whether the log's first reply came: what it told is kept. */
  #began = false;
  #listeners = new Set<() => void>();
  #workers = new Set<() => void>();
  #worked: ReturnType<typeof setTimeout> | undefined;
  #pending: Frame[] = [];
  #frame: number | undefined;
  readonly #follow: Follow;
  #older: { before: number; hasMore: boolean; loading: Promise<boolean> | null } | null = null;

  constructor(
    private readonly api: string,
    private readonly hooks: FeedHooks,
  ) {
    this.#follow = this.#begin();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Told, a moment later, when a tool or a run ended: files may have changed. */
  onWork(told: () => void): () => void {
    this.#workers.add(told);
    return () => void this.#workers.delete(told);
  }

  now = (): void => this.#follow.now();

  /** Whether there is more of the past than was read. */
  get hasOlder(): boolean {
    return this.#older?.hasMore ?? false;
  }

  /** Read another page of the past. Returns whether something came. */
  loadOlder = async (limit = PAGE): Promise<boolean> => {
    const older = this.#older;
    if (!older?.hasMore) return false;
    // Who scrolls and who follows a link may ask at once: both wait for the one page.
    older.loading ??= this.#readOlder(older, limit).finally(() => {
      older.loading = null;
    });
    return older.loading;
  };

  async #readOlder(older: { before: number; hasMore: boolean }, limit: number): Promise<boolean> {
    const page = await get<MessagePage>(`${this.api}/messages?before=${older.before}&limit=${limit}`);
    prepend(this.timeline, page.messages);
    older.before = page.messages[0]?.seq ?? 0;
    older.hasMore = page.hasMore && page.messages.length > 0;
    this.#tell();
    return page.messages.length > 0;
  }

  /** Read back until the event of that number is here. */
  async reach(seq: number): Promise<void> {
    while (this.#older && this.hasOlder && this.#older.before > seq) {
      if (!(await this.loadOlder(500))) return;
    }
  }

  /** A long log is read from its newest messages on; a short one from its first event. */
  #begin(): Follow {
    return new Follow({
      path: () => (this.#began ? `${this.api}/agui/events?after=${this.#cursor}` : newestOf(this.api)),
      onReply: (reply) => this.#replied(reply),
      onFrames: (frames) => this.#take(frames),
      onState: (found) => {
        this.connection = found;
        this.#draw();
      },
    });
  }

  close(): void {
    this.closed = true;
    this.#follow.close();
    if (this.#frame !== undefined) clearTimeout(this.#frame);
  }

  #replied(reply: Response): boolean {
    if (!this.#began) {
      this.#began = true;
      this.#cursor = Number(reply.headers.get("Ambient-After") ?? 0);
      if (this.#cursor) this.#older = { before: this.#cursor + 1, hasMore: true, loading: null };
      return true;
    }
    if (reply.headers.get("Ambient-Stream") === "resume") return true;
    // The log that we know is not the one that is there: begin again.
    this.#began = false;
    this.#cursor = 0;
    this.#pending = [];
    this.#older = null;
    this.timeline = timeline();
    this.conversation = conversation();
    return false;
  }

  #take(frames: Frame[]): void {
    for (const one of frames) {
      this.#pending.push(one);
      if (one.id) this.#cursor = Number(one.id);
    }
    this.catchingUp = this.#pending.length;
    this.#draw();
  }

  /** Fold what came, for at most a few milliseconds, and tell who draws. */
  #apply = (): void => {
    this.#frame = undefined;
    const until = performance.now() + 12;
    let at = 0;
    let changed = false;
    while (at < this.#pending.length && (at % 64 || performance.now() < until)) {
      changed = this.#one(this.#pending[at] as Frame) || changed;
      at += 1;
    }
    this.#pending.splice(0, at);
    this.catchingUp = this.#pending.length;
    if (changed) this.hooks.onChange();
    this.#tell();
    if (this.#pending.length) this.#draw();
  };

  #tell(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }

  #one(frame: Frame): boolean {
    const event = JSON.parse(frame.data ?? "{}") as LogEvent;
    fold(this.timeline, Number(frame.id ?? 0), event);
    if (BESIDE.has(event.type)) converse(this.conversation, event);
    const fresh = Date.now() - (event.timestamp ?? 0) < FRESH;
    if (fresh) this.#announce(event);
    if (fresh && WORK.has(event.type)) this.#worked ??= setTimeout(this.#tellWork, 600);
    return TELLING.has(event.type);
  }

  #tellWork = (): void => {
    this.#worked = undefined;
    for (const told of this.#workers) told();
  };

  #announce(event: LogEvent): void {
    const told = event as LogEvent & {
      message?: string;
      outcome?: { type?: string; interrupts?: { message?: string }[] };
    };
    const question = told.outcome?.interrupts?.[0];
    if (question) this.hooks.onNews(`Question: ${question.message ?? ""}`);
    else if (event.type === "RUN_FINISHED") this.hooks.onNews("The agent finished.");
    else if (event.type === "RUN_ERROR") this.hooks.onNews(`The run failed: ${told.message ?? ""}`);
  }

  #draw(): void {
    if (this.#frame !== undefined) return;
    // A timer, for a tab that nobody sees draws no frames, but its title is read all the same.
    this.#frame = setTimeout(this.#apply, 16) as unknown as number;
  }
}
