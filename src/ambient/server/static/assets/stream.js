// A session's events, read to the end of time: resumed by cursor, each event once and in order.

import { request } from "./api.js";

const SILENCE = 35_000; // keep-alives come every 15 s
const HIDDEN = 30_000; // a tab that nobody sees lets its connection go after that long
const SHORTEST = 500;
const LONGEST = 15_000;

/** Cuts text into SSE frames: [{id, data, retry}]; what is not complete yet is kept. */
export class Frames {
  #rest = "";

  feed(text) {
    const parts = (this.#rest + text).split("\n\n");
    this.#rest = parts.pop();
    return parts.map(frame);
  }
}

function frame(part) {
  const found = {};
  for (const line of part.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const value = line.slice(at + 1).replace(/^ /, "");
    const name = line.slice(0, at);
    found[name] = name === "data" && found.data !== undefined ? `${found.data}\n${value}` : value;
  }
  return found;
}

/**
 * Follows a session. onEvents(list), onReset() when the server knows another log than we do, and
 * onState({state, since, next}) with state connecting, live, lost, restarting, paused,
 * refused (with `problem`). Being offline stops nothing: the server may be on this very machine.
 */
export class Stream {
  #cursor = 0;
  #failures = 0;
  #attempt = null;
  #timer = null;
  #hiding = null;
  #closed = false;
  #lostAt = null;

  constructor(path, { onEvents, onReset, onState }) {
    this.#on = { onEvents, onReset, onState };
    this.#path = path;
    addEventListener("online", this.now);
    document.addEventListener("visibilitychange", this.#visibility);
    this.now();
  }

  #on;
  #path;

  close() {
    this.#closed = true;
    removeEventListener("online", this.now);
    document.removeEventListener("visibilitychange", this.#visibility);
    clearTimeout(this.#hiding);
    this.#drop();
  }

  /** Connect at once, unless connected. */
  now = () => {
    if (this.#closed || this.#attempt) return;
    clearTimeout(this.#timer);
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#read(attempt).then(
      (restarting) => this.#again(attempt, restarting ? "restarting" : "lost"),
      (error) => this.#again(attempt, "lost", error),
    );
  };

  #drop() {
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    this.#attempt = null;
  }

  async #read(attempt) {
    if (!this.#lostAt) this.#on.onState({ state: "connecting" });
    const query = this.#cursor ? `after=${this.#cursor}` : "view=raw";
    const reply = await request(`${this.#path}?${query}`, { signal: attempt.signal });
    if (this.#cursor && reply.headers.get("Ambient-Stream") !== "resume") {
      // The log that we know is not the one that is there: begin again.
      this.#cursor = 0;
      this.#on.onReset();
      attempt.abort();
      return false;
    }
    this.#failures = 0;
    this.#lostAt = null;
    this.#on.onState({ state: "live" });
    return this.#pump(reply.body.pipeThrough(new TextDecoderStream()).getReader(), attempt);
  }

  /** Read to the end of a connection. Returns whether the server said that it would come back. */
  async #pump(reader, attempt) {
    const frames = new Frames();
    let restarting = false;
    let patience;
    const listen = () => {
      clearTimeout(patience);
      patience = setTimeout(() => attempt.abort(), SILENCE);
    };
    try {
      for (listen(); ; listen()) {
        const { value, done } = await reader.read();
        if (done || attempt.signal.aborted) return restarting;
        const events = [];
        for (const one of frames.feed(value)) {
          if (one.retry) restarting = true;
          if (one.data === undefined) continue;
          events.push(JSON.parse(one.data));
          if (one.id) this.#cursor = Number(one.id);
        }
        if (events.length) this.#on.onEvents(events);
      }
    } finally {
      clearTimeout(patience);
    }
  }

  #again(attempt, state, error) {
    if (this.#closed || this.#attempt !== attempt) return;
    this.#attempt = null;
    if ([401, 403, 404].includes(error?.status)) {
      this.#on.onState({ state: "refused", problem: error });
      return;
    }
    this.#lostAt ??= Date.now();
    const longest = Math.min(LONGEST, SHORTEST * 2 ** this.#failures);
    const wait = longest / 2 + (Math.random() * longest) / 2;
    this.#failures += 1;
    this.#on.onState({ state, since: this.#lostAt, next: Date.now() + wait });
    this.#timer = setTimeout(this.now, wait);
  }

  #visibility = () => {
    clearTimeout(this.#hiding);
    if (!document.hidden) this.now();
    else this.#hiding = setTimeout(() => this.#pause(), HIDDEN);
  };

  #pause() {
    this.#drop();
    this.#on.onState({ state: "paused" });
  }
}
