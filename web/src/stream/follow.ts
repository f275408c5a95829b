// One stream, read to the end of time: connect, read, lose, wait, connect again.

import { type Problem, problemOf, request } from "../api/http";
import { type Frame, Frames } from "./frames";
import { Turn } from "./turn";

const SILENCE = 35_000; // keep-alives come every 15 s
const HIDDEN = 30_000; // a tab that nobody sees lets its connection go after that long
const SHORTEST = 500;
const LONGEST = 15_000;

/** An event of the window: this tab has a login again. */
export const SIGNED_IN = "ambient:signed-in";

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "lost" | "restarting"; since: number; next: number }
  | { state: "paused" }
  | { state: "refused"; problem: Problem };

export interface Followed {
  /** The address from the present cursor. */
  path: () => string;
  /** The reply began. false: what it tells is not what was asked for; drop it and begin again. */
  onReply: (reply: Response) => boolean;
  onFrames: (frames: Frame[]) => void;
  onState: (connection: Connection) => void;
  /** Whether the stream goes on in a tab that nobody sees, whatever other tabs there are. */
  hidden?: boolean;
}

const turn =
  typeof document === "undefined" ? null : new Turn(navigator.locks as LockManager | undefined, localStorage);
const SIGNS = ["focus", "pointerdown", "keydown"];

/** Follows a stream until closed. Being offline stops nothing: the server may be on this machine. */
export class Follow {
  #failures = 0;
  #attempt: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #paused = false;
  #lostAt: number | null = null;

  constructor(readonly followed: Followed) {
    addEventListener("online", this.now);
    addEventListener(SIGNED_IN, this.now);
    document.addEventListener("visibilitychange", this.#visibility);
    for (const one of SIGNS) addEventListener(one, this.#used, { passive: true, capture: true });
    this.#visibility();
    this.now();
  }

  close(): void {
    this.#closed = true;
    removeEventListener("online", this.now);
    removeEventListener(SIGNED_IN, this.now);
    document.removeEventListener("visibilitychange", this.#visibility);
    for (const one of SIGNS) removeEventListener(one, this.#used, { capture: true });
    clearTimeout(this.#hiding);
    this.#drop();
  }

  /** Connect at once, unless connected. */
  now = (): void => {
    if (this.#closed || this.#attempt) return;
    clearTimeout(this.#timer);
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#paused = false;
    void this.#enter().then((entered) => {
      if (this.#attempt !== attempt) return;
      if (!entered) return this.#pause();
      this.#read(attempt).then(
        (restarting) => this.#again(attempt, restarting ? "restarting" : "lost"),
        (error: unknown) => this.#again(attempt, "lost", problemOf(error)),
      );
    });
  };

  /** Whether this tab may read now: see `turn.ts`. */
  async #enter(): Promise<boolean> {
    if (this.followed.hidden || !turn) return true;
    return turn.join(this, !document.hidden, this.#pause);
  }

  /** Let the connection go until `now` is called or somebody comes back to the tab. */
  #pause = (): void => {
    if (this.#closed) return;
    this.#drop();
    this.#paused = true;
    this.followed.onState({ state: "paused" });
  };

  #drop(): void {
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    this.#attempt = null;
    turn?.leave(this);
  }

  async #read(attempt: AbortController): Promise<boolean> {
    if (!this.#lostAt) this.followed.onState({ state: "connecting" });
    const reply = await request(this.followed.path(), { signal: attempt.signal });
    if (!this.followed.onReply(reply) || !reply.body) {
      attempt.abort();
      return false;
    }
    this.#failures = 0;
    this.#lostAt = null;
    this.followed.onState({ state: "live" });
    const text = reply.body.pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>,
    );
    return this.#pump(text.getReader(), attempt);
  }

  /** Read to the end of a connection. Returns whether the server said that it would come back. */
  async #pump(reader: ReadableStreamDefaultReader<string>, attempt: AbortController): Promise<boolean> {
    const frames = new Frames();
    let restarting = false;
    let patience: ReturnType<typeof setTimeout> | undefined;
    try {
      for (;;) {
        clearTimeout(patience);
        patience = setTimeout(() => attempt.abort(), SILENCE);
        const { value, done } = await reader.read();
        if (done || attempt.signal.aborted) return restarting;
        const found = frames.feed(value);
        restarting ||= found.some((one) => one.retry !== undefined);
        const told = found.filter((one) => one.data !== undefined);
        if (told.length) this.followed.onFrames(told);
      }
    } finally {
      clearTimeout(patience);
    }
  }

  #again(attempt: AbortController, state: "lost" | "restarting", problem?: Problem): void {
    if (this.#closed || this.#attempt !== attempt) return;
    this.#attempt = null;
    if (problem && [401, 403, 404].includes(problem.status)) {
      turn?.leave(this);
      this.followed.onState({ state: "refused", problem });
      return;
    }
    this.#lostAt ??= Date.now();
    const longest = Math.min(LONGEST, SHORTEST * 2 ** this.#failures);
    const wait = longest / 2 + (Math.random() * longest) / 2;
    this.#failures += 1;
    this.followed.onState({ state, since: this.#lostAt, next: Date.now() + wait });
    this.#timer = setTimeout(this.now, wait);
  }

  #visibility = (): void => {
    clearTimeout(this.#hiding);
    if (!document.hidden) this.now();
    else if (!this.followed.hidden) this.#hiding = setTimeout(this.#pause, navigator.locks ? HIDDEN : 0);
  };

  #used = (): void => {
    turn?.used();
    if (this.#paused) this.now();
  };
}
