// Notifications of the browser, for who asked for them: once per person, from the tab that reads the stream.

import type { Row } from "../api/types";

const KEY = "ambient-notify";
const TELLING = new Set(["Needs you", "Failed", "Done"]);
const before = new Map<string, string>();

export const notifies = () => localStorage.getItem(KEY) !== null && Notification.permission === "granted";

/** Ask the browser for leave. Returns whether it was given. */
export async function askToNotify(): Promise<boolean> {
  const given = (await Notification.requestPermission()) === "granted";
  if (given) localStorage.setItem(KEY, "1");
  return given;
}

export function stopNotifying(): void {
  localStorage.removeItem(KEY);
}

/** Tell of a session that began to need somebody, failed or finished. */
export function notify(row: Row): void {
  const word = row.shown?.word ?? "";
  const { uid, name, namespace } = row.metadata;
  const was = before.get(uid);
  before.set(uid, word);
  const finished = was === "Working" && word === "Ready";
  if (was === undefined || was === word || !(TELLING.has(word) || finished)) return;
  if (!("Notification" in window) || !notifies()) return;
  const told = new Notification(`${word}: ${row.shown?.title ?? name}`, { body: row.shown?.sentence ?? "", tag: uid });
  told.onclick = () => {
    window.focus();
    location.assign(`/projects/${encodeURIComponent(namespace)}/sessions/${encodeURIComponent(name)}`);
  };
}
