// Files for a session that is not made yet: on their way at once, kept by the server for a day, named in the draft.

import { useCallback, useEffect, useRef, useState } from "react";
import { get, LOGIN_KEY, Problem, problemOf, remove, Unreachable } from "../api/http";
import { projectApi } from "../api/paths";
import type { StagedFile, StagedFiles } from "../api/types";
import type { DraftFile } from "../session/draft";
import { bytes } from "../ui/time";

export const LARGEST = 10 << 20;
export const LIMITS = "Up to 10 MB each, 50 files; kept for 24 hours until the session starts";

export interface Staged {
  /** Of this row; `id` is the server's, once it has the file. */
  key: string;
  id: string;
  name: string;
  size: number;
  state: "uploading" | "there" | "failed";
  /** Of its bytes, 0 to 1. */
  sent: number;
  error: string;
  /** What is sent again; null: another device has it. */
  file: File | null;
}

export interface Staging {
  files: Staged[];
  add: (files: Iterable<File>) => void;
  retry: (one: Staged) => void;
  drop: (one: Staged) => void;
  /** They belong to a session now. */
  forget: () => void;
  ready: boolean;
}

const DROPPED = new Map<string, AbortController>();

/** Sends a file and tells how far it is; `fetch` cannot. Throws Problem. */
function send(url: string, file: File, signal: AbortSignal, onProgress: (sent: number) => void): Promise<StagedFile> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", url);
    call.setRequestHeader("X-Ambient-Login", sessionStorage.getItem(LOGIN_KEY) ?? "");
    call.responseType = "json";
    call.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    call.onload = () =>
      call.status === 201 ? resolve(call.response) : reject(new Problem(call.status, call.response ?? {}));
    call.onerror = () => reject(new Unreachable());
    call.onabort = () => reject(new DOMException("taken away", "AbortError"));
    signal.addEventListener("abort", () => call.abort());
    call.send(file);
  });
}

/** known: what the draft says was attached, here or elsewhere. */
export function useStaging(
  project: string,
  known: readonly DraftFile[],
  onChange: (files: DraftFile[]) => void,
): Staging {
  const [files, setFiles] = useState<Staged[]>([]);
  const told = useRef(onChange);
  told.current = onChange;
  const url = `${projectApi(project)}/uploads`;
  const now = useRef(files);
  const change = useCallback((next: (files: Staged[]) => Staged[], tell = true) => {
    const before = now.current;
    now.current = next(before);
    setFiles(now.current);
    const kept = (all: Staged[]) => all.filter((one) => one.id).map(({ id, name, size }) => ({ id, name, size }));
    if (tell && JSON.stringify(kept(before)) !== JSON.stringify(kept(now.current))) told.current(kept(now.current));
  }, []);
  const set = useCallback(
    (key: string, fields: Partial<Staged>) =>
      change((all) => all.map((one) => (one.key === key ? { ...one, ...fields } : one))),
    [change],
  );
  const upload = useCallback(
    async (key: string, file: File, name: string) => {
      const stop = new AbortController();
      DROPPED.set(key, stop);
      set(key, { state: "uploading", sent: 0, error: "" });
      try {
        if (file.size > LARGEST) throw new Error(`It has ${bytes(file.size)}; 10 MB are possible.`);
        const where = `${url}?name=${encodeURIComponent(name)}`;
        const kept = await send(where, file, stop.signal, (sent) => set(key, { sent }));
        set(key, { state: "there", id: kept.id, sent: 1 });
      } catch (error) {
        if (!stop.signal.aborted) set(key, { state: "failed", error: problemOf(error).message });
      }
      DROPPED.delete(key);
    },
    [set, url],
  );
  const discard = useCallback(
    (one: Staged) => {
      DROPPED.get(one.key)?.abort();
      if (one.id) void remove(`${url}/${encodeURIComponent(one.id)}`).catch(() => {}); // it goes by itself in a day
    },
    [url],
  );
  useRestored(url, known, now, change);
  return {
    files,
    add: (given) => {
      for (const file of given) {
        const name = file.name === "image.png" ? `pasted-${Date.now()}.png` : file.name;
        const key = crypto.randomUUID();
        const fresh: Staged = { key, id: "", name, size: file.size, state: "uploading", sent: 0, error: "", file };
        for (const old of now.current) if (old.name === name) discard(old);
        change((all) => [...all.filter((one) => one.name !== name), fresh]);
        void upload(key, file, name);
      }
    },
    retry: (one) => one.file && void upload(one.key, one.file, one.name),
    drop: (one) => {
      discard(one);
      change((all) => all.filter((other) => other.key !== one.key));
    },
    forget: () => change(() => []),
    ready: files.every((one) => one.state === "there"),
  };
}

/** Takes over what the draft names; a file that the server has no more says so. */
function useRestored(
  url: string,
  known: readonly DraftFile[],
  now: React.RefObject<Staged[]>,
  change: (next: (files: Staged[]) => Staged[], tell: boolean) => void,
) {
  useEffect(() => {
    const ids = new Set(known.map((one) => one.id));
    const fresh = known.filter((one) => !now.current.some((other) => other.id === one.id));
    const stays = (one: Staged) => !one.id || ids.has(one.id);
    if (!fresh.length && now.current.every(stays)) return;
    const rows = fresh.map((one): Staged => ({ ...one, key: one.id, state: "there", sent: 1, error: "", file: null }));
    change((all) => [...all.filter(stays), ...rows], false);
    if (!fresh.length) return;
    const look = async () => {
      const { items } = await get<StagedFiles>(url);
      const there = new Set(items.map((one) => one.id));
      const lost = (one: Staged) => one.id !== "" && one.file === null && !there.has(one.id);
      change(
        (all) =>
          all.map((one) =>
            lost(one) ? { ...one, state: "failed", error: "It was kept for 24 hours. Attach it again." } : one,
          ),
        false,
      );
    };
    void look().catch(() => {}); // the start says so, too
  }, [known, url, now, change]);
}
