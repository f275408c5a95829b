// Keys for the whole page. Single letters never act in a field, and can be switched off.

import { useEffect, useRef } from "react";

const OFF = "ambient-keys-off";

export const keysOn = () => localStorage.getItem(OFF) === null;
export function setKeysOn(on: boolean): void {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

/** key → what it does. `g x` is two keys after each other; `Mod+k` is Ctrl or ⌘ with k. */
export type Keys = Record<string, (event: KeyboardEvent) => void>;

const inField = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
  !(target instanceof HTMLInputElement && /^(checkbox|radio|button)$/.test(target.type));

let prefix = "";
let next = "";

export function useKeys(keys: Keys, active = true): void {
  const known = useRef(keys);
  known.current = keys;
  useEffect(() => {
    if (!active) return;
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || event.altKey) return;
      const mod = event.ctrlKey || event.metaKey;
      if (mod) {
        known.current[`Mod+${event.key.toLowerCase()}`]?.(event);
        return;
      }
      if (inField(event.target) || !keysOn()) return;
      if (document.querySelector("[role=dialog],[role=menu]")) return;
      run(known.current[prefix + event.key], event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [active]);
}

function run(act: ((event: KeyboardEvent) => void) | undefined, event: KeyboardEvent): void {
  if (!act) return;
  event.preventDefault();
  act(event);
}

/** Remembers a first key (`g`) until the next one. Called once, by the shell. */
export function watchPrefix(): void {
  const pressed = (event: KeyboardEvent) => {
    if (inField(event.target) || event.ctrlKey || event.metaKey) return;
    prefix = next;
    next = event.key === "g" && prefix === "" ? "g " : "";
  };
  addEventListener("keydown", pressed, { capture: true }); // before those that act, and however fast keys follow
}
