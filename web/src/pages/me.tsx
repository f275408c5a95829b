// What is one's own: how the page looks, its keys, notifications, the sign-in.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { signOut } from "../api/login";
import { useEnterSends, usePreferences } from "../api/preferences";
import { meQuery } from "../api/queries";
import { askToNotify, notifies, stopNotifying } from "../stream/notify";
import { ActButton } from "../ui/act-button";
import { KeyList } from "../ui/key-list";
import { keysOn, setKeysOn } from "../ui/keys";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { setTheme, type Theme, theme } from "../ui/theme";

const THEMES: [Theme, string][] = [
  ["system", "As the system says"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function MeRoute() {
  const me = useQuery(meQuery);
  const [chosen, setChosen] = useState(theme());
  const [keys, setKeys] = useState(keysOn());
  return (
    <Page title="Me" narrow>
      {me.error && <ProblemView error={me.error} />}
      {me.data && (
        <p className="mb-5 flex flex-wrap items-center gap-3">
          <span>
            Signed in as <strong>{me.data.displayName || me.data.userId}</strong>
          </span>
          <ActButton
            onAct={async () => {
              await signOut();
              location.assign("/");
            }}
          >
            Sign out
          </ActButton>
        </p>
      )}
      <fieldset className="mb-5">
        <legend className="mb-1 font-semibold">Appearance</legend>
        {THEMES.map(([value, label]) => (
          <label key={value} className="mr-5 inline-flex min-h-8 items-center gap-2">
            <input
              type="radio"
              name="theme"
              checked={chosen === value}
              onChange={() => {
                setTheme(value);
                setChosen(value);
              }}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <Writing />
      <Notify />
      <h2 className="mb-1">Keys</h2>
      <label className="mb-2 flex min-h-8 items-center gap-2">
        <input
          type="checkbox"
          checked={keys}
          onChange={(event) => {
            setKeysOn(event.target.checked);
            setKeys(event.target.checked);
          }}
        />
        Single letters are keys
      </label>
      <KeyList />
    </Page>
  );
}

const ENTER: [sends: boolean, label: string][] = [
  [true, "⏎ sends, ⇧⏎ begins a new line"],
  [false, "Ctrl+⏎ sends, ⏎ begins a new line"],
];

/** Kept on the server: the same on every device. */
function Writing() {
  const { preferences, change } = usePreferences();
  const sends = useEnterSends();
  const [error, setError] = useState<unknown>(null);
  const choose = (enterSends: boolean) => {
    setError(null);
    change({ enterSends }).catch(setError);
  };
  return (
    <fieldset className="mb-5">
      <legend className="mb-1 font-semibold">Writing a message</legend>
      {ENTER.map(([value, label]) => (
        <label key={label} className="mr-5 inline-flex min-h-8 items-center gap-2">
          <input
            type="radio"
            name="enter"
            disabled={!preferences}
            checked={sends === value}
            onChange={() => choose(value)}
          />
          {label}
        </label>
      ))}
      {error !== null && <ProblemView error={error} />}
    </fieldset>
  );
}

function Notify() {
  const offered = "Notification" in window;
  const [on, setOn] = useState(offered && notifies());
  return (
    <section aria-label="Notifications" className="mb-5">
      <h2 className="mb-1">Notifications of this browser</h2>
      {offered ? (
        <label className="flex min-h-8 items-center gap-2">
          <input
            type="checkbox"
            checked={on}
            onChange={async (event) => {
              if (!event.target.checked) {
                stopNotifying();
                setOn(false);
              } else setOn(await askToNotify());
            }}
          />
          When a session needs me, fails or finishes
        </label>
      ) : (
        <p className="text-muted">This browser has none here; they need https or localhost.</p>
      )}
    </section>
  );
}
