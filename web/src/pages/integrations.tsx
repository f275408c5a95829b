// One's own accounts at other services; they belong to the person, in every project.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { get, post, remove } from "../api/http";
import { ActButton } from "../ui/act-button";
import { confirmDone } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { ActForm, TextField } from "../ui/form";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { Ago } from "../ui/time";

interface State {
  connected?: boolean;
  /** false: this server cannot connect it. */
  available?: boolean;
  installed?: boolean;
  valid?: boolean | null;
  checkedAt?: string;
  updatedAt?: string | null;
  pat?: { configured?: boolean; updatedAt?: string };
  userId?: string;
  email?: string;
  url?: string;
  host?: string;
  instanceUrl?: string | null;
}
interface Provider {
  id: string;
  name: string;
  use: string;
  path: string;
  /** How the account is forgotten. */
  forget: () => Promise<unknown>;
  fields: [name: string, label: string, secret: boolean][];
}
const PROVIDERS: Provider[] = [
  {
    id: "github",
    name: "GitHub",
    use: "clone, push, pull requests",
    path: "github/pat",
    forget: () => remove("/api/auth/github/pat"),
    fields: [
      ["token", "Personal access token", true],
      ["host", "Host, if it is not github.com", false],
    ],
  },
  {
    id: "gitlab",
    name: "GitLab",
    use: "clone, push, merge requests",
    path: "gitlab/connect",
    forget: () => remove("/api/auth/gitlab/disconnect"),
    fields: [
      ["personalAccessToken", "Personal access token", true],
      ["instanceUrl", "Address, if it is not gitlab.com", false],
    ],
  },
];
/** What a server may not offer, by the names that it has for it. */
const OTHERS: Record<string, string> = { jira: "Jira", google: "Google", coderabbit: "CodeRabbit", gerrit: "Gerrit" };

const isConnected = (state: State | undefined) =>
  Boolean(state?.connected || state?.installed || state?.pat?.configured);

/** As whom, and where, if it is told. */
const whoOf = (state: State) =>
  [state.userId ?? state.email, state.host ?? state.instanceUrl?.replace(/^https:\/\//, "")]
    .filter(Boolean)
    .join(" at ");

export function IntegrationsRoute() {
  const client = useQueryClient();
  const status = useQuery({
    queryKey: ["integrations"],
    queryFn: () => get<Record<string, State>>("/api/auth/integrations/status"),
  });
  const [chosen, setChosen] = useState<Provider | null>(null);
  const changed = () => client.invalidateQueries({ queryKey: ["integrations"] });
  return (
    <Page
      title="Integrations"
      lead="Your accounts at other services. Sessions that you start work with them, as you."
      narrow
    >
      <Offered query={status} what="Integrations" instead="Public repositories can be cloned without an account.">
        {(found) => (
          <>
            <ul aria-label="Integrations" className="panel divide-y divide-line">
              {PROVIDERS.filter((one) => found[one.id]?.available !== false).map((one) => (
                <Account
                  key={one.id}
                  provider={one}
                  state={found[one.id] ?? {}}
                  onConnect={() => setChosen(one)}
                  onChanged={changed}
                />
              ))}
            </ul>
            <Missing found={found} />
          </>
        )}
      </Offered>
      {chosen && (
        <Connect
          provider={chosen}
          onClose={() => setChosen(null)}
          onDone={async () => {
            setChosen(null);
            confirmDone(`${chosen.name} is connected.`);
            await changed();
          }}
        />
      )}
    </Page>
  );
}

function Missing({ found }: { found: Record<string, State> }) {
  const names = Object.entries(OTHERS).flatMap(([id, name]) => (found[id]?.available ? [] : [name]));
  if (!names.length) return null;
  return (
    <p className="mt-3 text-muted">
      Not offered by this server yet: {names.join(", ")}. A project's secrets can hold a key for them, which its
      sessions get in their environment.
    </p>
  );
}

interface AccountProps {
  provider: Provider;
  state: State;
  onConnect: () => void;
  onChanged: () => Promise<void>;
}

function Account({ provider, state, onConnect, onChanged }: AccountProps) {
  const connected = isConnected(state);
  const since = state.checkedAt ?? state.updatedAt ?? state.pat?.updatedAt;
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
      <span className="min-w-0 flex-1 basis-48">
        <strong>{provider.name}</strong> <span className="text-muted">{provider.use}</span>
      </span>
      <span className={connected ? (state.valid === false ? "text-red" : "text-green") : "text-muted"}>
        {connected ? `${state.valid === false ? "refused" : "connected"} ${whoOf(state)}` : "not connected"}
      </span>
      {connected && since && <Ago at={since} className="text-xs text-muted" />}
      <button type="button" className="btn btn-small" onClick={onConnect}>
        {connected ? "Replace…" : "Connect…"}
      </button>
      {connected && (
        <ActButton
          danger
          onAct={async () => {
            await provider.forget();
            confirmDone(`${provider.name} is no longer connected.`);
            await onChanged();
          }}
        >
          Disconnect
        </ActButton>
      )}
    </li>
  );
}

function Connect({
  provider,
  onClose,
  onDone,
}: {
  provider: Provider;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const [values, setValues] = useState<Record<string, string>>({});
  const send = async () => {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim() !== ""));
    await post(`/api/auth/${provider.path}`, given);
    await onDone();
  };
  return (
    <Dialog open onClose={onClose} title={`Connect ${provider.name}`}>
      <ActForm submit="Connect" onSubmit={send}>
        {provider.fields.map(([name, label, secret]) => (
          <TextField
            key={name}
            label={label}
            required={secret}
            type={secret ? "password" : "text"}
            value={values[name] ?? ""}
            onChange={(value) => setValues({ ...values, [name]: value })}
          />
        ))}
        <p className="text-xs text-muted">It is checked at once, kept on the server, and never shown again.</p>
      </ActForm>
    </Dialog>
  );
}
