// Keys of every list of sessions.

import type { RefObject } from "react";
import { useKeys } from "../ui/keys";

/** j and k move over rows, ⏎ opens, a answers, e dismisses. */
export function useRowKeys(root: RefObject<HTMLElement | null>, more: Record<string, (row: HTMLElement) => void> = {}) {
  const rows = () => [...(root.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const current = () => rows().find((one) => one.contains(document.activeElement));
  const move = (by: number) => {
    const all = rows();
    const at = all.findIndex((one) => one.contains(document.activeElement));
    const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    next?.querySelector<HTMLElement>("[data-title]")?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    a: () => current()?.querySelector<HTMLElement>("fieldset input, fieldset button")?.focus(),
    e: () => current()?.querySelector<HTMLElement>("[data-key=e]")?.click(),
    ...Object.fromEntries(
      Object.entries(more).map(([key, act]) => [
        key,
        () => {
          const row = current();
          if (row) act(row);
        },
      ]),
    ),
  });
}
