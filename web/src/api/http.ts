// The API with this tab's login: a cookie, and a value that only this origin's tabs hold.

export interface FieldProblem {
  field: string;
  message: string;
}

interface ProblemBody {
  error?: string;
  code?: string;
  hint?: string | null;
  requestId?: string | null;
  details?: { fields?: FieldProblem[] } | null;
}

/** An error reply, or no reply: `message` and `hint` are for a person. */
export class Problem extends Error {
  readonly code: string;
  readonly hint: string;
  readonly requestId: string;
  readonly fields: FieldProblem[];
  readonly details: Record<string, unknown>;
  readonly at = new Date();

  constructor(
    readonly status: number,
    body: ProblemBody = {},
  ) {
    super(body.error ?? `The server answered ${status}.`);
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.requestId = body.requestId ?? "";
    this.fields = body.details?.fields ?? [];
    this.details = body.details ?? {};
  }

  /** The server has no such route: another release, or something that is not built yet. */
  get noRoute(): boolean {
    return this.code === "route_not_found" || this.status === 405;
  }
}

/** The server did not answer at all. */
export class Unreachable extends Problem {
  constructor() {
    super(0, {
      error: navigator.onLine ? "The server does not answer." : "You are offline.",
      hint: "What you typed is kept; try again when the connection is back.",
    });
  }
}

/** Anything that was thrown, as something that can be shown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { error: error instanceof Error ? error.message : String(error), code: "page_error" });
}

export const LOGIN_KEY = "ambient-login";

interface Hooks {
  /** The login does not count (any more). */
  onLoginLost: (problem: Problem) => void;
  /** A reply named the build that the server runs. */
  onBuild: (build: string) => void;
}

export const hooks: Hooks = { onLoginLost: () => {}, onBuild: () => {} };

export interface Asked {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** It goes out even when the page is left in this moment. */
  keepalive?: boolean;
  /** No login is needed. */
  open?: boolean;
}

/** Whether this tab has a login to try. */
export const signedIn = () => sessionStorage.getItem(LOGIN_KEY) !== null;

const login = () => ({ "X-Ambient-Login": sessionStorage.getItem(LOGIN_KEY) ?? "" });

interface Early {
  reply: Promise<Response>;
  stop: AbortController;
}
const early = new Map<string, Early>();
const KEPT = 5000; // what nobody asked for by then was asked in vain

/** Ask now for what will be asked for soon: the first `request` for that path gets this reply. */
export function ahead(path: string): void {
  const stop = new AbortController();
  const reply = fetch(path, { headers: login(), signal: stop.signal });
  reply.catch(() => {}); // told to who asks
  early.set(path, { reply, stop });
  setTimeout(() => early.delete(path) && stop.abort(), KEPT);
}

function sent(path: string, asked: Asked, headers: Record<string, string>): Promise<Response> {
  const first = early.get(path);
  if (first && !asked.method) {
    early.delete(path);
    asked.signal?.addEventListener("abort", () => first.stop.abort());
    return first.reply;
  }
  return fetch(path, {
    method: asked.method ?? "GET",
    headers,
    body: asked.json === undefined ? (asked.body ?? null) : JSON.stringify(asked.json),
    signal: asked.signal ?? null,
    keepalive: asked.keepalive ?? false,
  });
}

/** What broke a request off: who asked, by an AbortError, which stays, or the connection. */
const unreachable = (error: unknown): unknown =>
  error instanceof DOMException && error.name === "AbortError" ? error : new Unreachable();

/** Send a request; the reply if it is a good one. Throws Problem. */
export async function request(path: string, asked: Asked = {}): Promise<Response> {
  const headers: Record<string, string> = { ...asked.headers, ...login() };
  if (asked.json !== undefined) headers["Content-Type"] = "application/json";
  let reply: Response;
  try {
    reply = await sent(path, asked, headers);
  } catch (error) {
    throw unreachable(error);
  }
  const build = reply.headers.get("Ambient-Build");
  if (build) hooks.onBuild(build);
  if (reply.ok) return reply;
  const body = (await reply.json().catch(() => ({}))) as ProblemBody;
  const found = new Problem(reply.status, body);
  if (found.status === 401 && !asked.open) hooks.onLoginLost(found);
  throw found;
}

/** Send a file, told how much of it has gone, from 0 to 1. Throws Problem. (`fetch` does not tell.) */
export function upload(path: string, file: Blob, onSent: (part: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("PUT", path);
    for (const [name, value] of Object.entries(login())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = ({ loaded, total }) => onSent(total ? loaded / total : 0);
    sending.onerror = () => reject(new Unreachable());
    sending.onload = () => {
      if (sending.status < 300) return resolve();
      const found = new Problem(sending.status, bodyOf(sending.responseText));
      if (found.status === 401) hooks.onLoginLost(found);
      reject(found);
    };
    sending.send(file);
  });
}

function bodyOf(text: string): ProblemBody {
  try {
    return JSON.parse(text) as ProblemBody;
  } catch {
    return {};
  }
}

/** All of a reply's body, which a lost connection may cut off. Throws Problem. */
async function whole<T>(reply: Promise<Response>, read: (reply: Response) => Promise<T>): Promise<T> {
  const found = await reply;
  try {
    return await read(found);
  } catch (error) {
    throw error instanceof SyntaxError ? error : unreachable(error);
  }
}

export const json = <T>(reply: Promise<Response>) =>
  whole(reply, async (found) => (found.status === 204 ? undefined : await found.json()) as T);

export const get = <T>(path: string, signal?: AbortSignal) => json<T>(request(path, signal ? { signal } : {}));
export const textOf = (path: string) => whole(request(path), (reply) => reply.text());
export const blobOf = (path: string) => whole(request(path), (reply) => reply.blob());
export const post = <T>(path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  json<T>(request(path, { method: "POST", json: body, headers }));
export const put = <T>(path: string, body: unknown) => json<T>(request(path, { method: "PUT", json: body }));
export const patch = <T>(path: string, body: unknown) => json<T>(request(path, { method: "PATCH", json: body }));
export const remove = <T = void>(path: string) => json<T>(request(path, { method: "DELETE" }));
