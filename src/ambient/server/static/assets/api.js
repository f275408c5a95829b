// The API with this page's login: a cookie, and a value that only this origin's pages hold.

const KEY = "ambient-login";
const tabs = new BroadcastChannel("ambient-login");

tabs.onmessage = ({ data }) => {
  const held = sessionStorage.getItem(KEY);
  if (data?.ask && held) tabs.postMessage({ login: held });
};

/** An error reply, or no reply: `message` and `hint` are for a person. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.error ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body.code ?? "";
    this.hint = body.hint ?? "";
    this.requestId = body.requestId ?? "";
    this.fields = body.details?.fields ?? [];
  }
}

/** The server did not answer at all. */
export class Unreachable extends Problem {
  constructor() {
    super(0, {
      error: "The server does not answer.",
      hint: "Is `ambient up` still running? Your text is kept; try again.",
    });
  }
}

/** Called when the login does not count (any more). */
export const login = { onLost: () => {} };

/** Send a request; the reply if it is a good one. open: no login is needed. Throws Problem. */
export async function request(path, { method = "GET", body, headers = {}, signal, open } = {}) {
  const sent = { ...headers, "X-Ambient-Login": sessionStorage.getItem(KEY) ?? "" };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let reply;
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    reply = await fetch(path, { method, headers: sent, body: text, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
  if (reply.ok) return reply;
  const found = new Problem(reply.status, await reply.json().catch(() => ({})));
  if (found.status === 401 && !open) login.onLost(found);
  throw found;
}

export const get = async (path) => (await request(path)).json();
export const post = async (path, body = {}, headers = {}) =>
  (await request(path, { method: "POST", body, headers })).json();

/** Whether there is a login to try: by the address's one-time code, this tab's or another tab's. */
export async function signIn() {
  const code = takeCode();
  if (!code) return Boolean(sessionStorage.getItem(KEY)) || borrow();
  try {
    const reply = await request("/auth/login", { method: "POST", body: { code }, open: true });
    sessionStorage.setItem(KEY, (await reply.json()).login);
  } catch (error) {
    if (sessionStorage.getItem(KEY) || (await borrow())) return true; // an old link, a good login
    throw error;
  }
  return true;
}

/** Forget a login that does not count, and take another tab's if that one differs. */
export async function signInAgain() {
  const old = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return (await borrow()) && sessionStorage.getItem(KEY) !== old;
}

/** The one-time code, which is taken out of the address bar and the history at once. */
function takeCode() {
  const inQuery = new URLSearchParams(location.search);
  const inHash = new URLSearchParams(location.hash.slice(1));
  const code = inHash.get("code") ?? inQuery.get("code");
  if (code) history.replaceState(null, "", location.pathname);
  return code;
}

/** Ask the other tabs of this page for their login. */
function borrow() {
  return new Promise((resolve) => {
    const asking = new BroadcastChannel("ambient-login");
    const done = (found) => {
      clearTimeout(patience);
      asking.close();
      resolve(found);
    };
    const patience = setTimeout(() => done(false), 300);
    asking.onmessage = ({ data }) => {
      if (!data?.login) return;
      sessionStorage.setItem(KEY, data.login);
      done(true);
    };
    asking.postMessage({ ask: true });
  });
}
