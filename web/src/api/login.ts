// Signing in: by the address's one-time code, this tab's login, or that of another tab.

import { json, LOGIN_KEY, request } from "./http";

const CHANNEL = "ambient-login";
const PATIENCE = 400;

interface TabMessage {
  ask?: boolean;
  login?: string;
}

const held = () => sessionStorage.getItem(LOGIN_KEY);

/** Give this tab's login to other tabs that ask, from now on. */
export function answerTabs(): void {
  const tabs = new BroadcastChannel(CHANNEL);
  tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    const login = held();
    if (data.ask && login) tabs.postMessage({ login });
  };
}

/** Whether there is a login to try. Throws Problem when a code does not count and nothing else does. */
export async function signIn(): Promise<boolean> {
  const code = takeCode();
  if (!code) return held() !== null || borrow();
  try {
    const reply = request("/auth/login", { method: "POST", json: { code }, open: true });
    const { login } = await json<{ login: string }>(reply);
    keep(login);
  } catch (error) {
    if (held() || (await borrow())) return true; // an old link, a good login
    throw error;
  }
  return true;
}

/** Forget a login that does not count, and take another tab's if that one differs. */
export async function signInAgain(): Promise<boolean> {
  const old = held();
  sessionStorage.removeItem(LOGIN_KEY);
  return (await borrow()) && held() !== old;
}

/** Told whenever another tab got a login. Returns what ends it. */
export function onOtherLogin(told: () => void): () => void {
  const tabs = new BroadcastChannel(CHANNEL);
  tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (!data.login || held() === data.login) return;
    keep(data.login);
    told();
  };
  return () => tabs.close();
}

export async function signOut(): Promise<void> {
  await request("/auth/logout", { method: "POST", json: {} });
  sessionStorage.removeItem(LOGIN_KEY);
}

function keep(login: string): void {
  sessionStorage.setItem(LOGIN_KEY, login);
  const tabs = new BroadcastChannel(CHANNEL);
  tabs.postMessage({ login });
  tabs.close();
}

/** The one-time code, which is taken out of the address bar and the history at once. */
function takeCode(): string | null {
  const code =
    new URLSearchParams(location.hash.slice(1)).get("code") ?? new URLSearchParams(location.search).get("code");
  if (code) {
    const rest = new URLSearchParams(location.search);
    rest.delete("code");
    const query = rest.toString();
    history.replaceState(null, "", location.pathname + (query && `?${query}`));
  }
  return code;
}

/** Ask the other tabs for their login. */
function borrow(): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = new BroadcastChannel(CHANNEL);
    const done = (found: boolean) => {
      clearTimeout(patience);
      asking.close();
      resolve(found);
    };
    const patience = setTimeout(() => done(false), PATIENCE);
    asking.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      if (!data.login) return;
      sessionStorage.setItem(LOGIN_KEY, data.login);
      done(true);
    };
    asking.postMessage({ ask: true });
  });
}
