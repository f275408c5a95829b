// Access keys: for programs that work in a project.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, post, remove } from "../api/http";
import { copy } from "../session/copy";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { Ago } from "../ui/time";
import { type List, useFormKey, useProjectPage } from "./project-parts";

interface Key {
  id: string;
  name: string;
  description?: string;
  role?: string;
  createdAt: string;
  lastUsedAt?: string;
  expiresAt?: string;
}
interface Made extends Key {
  key: string;
}
const DAY = 86_400;
const SOON = 14; // days: time enough to make another one
const LIVES: [string, string][] = [7, 30, 90, 365].map((days) => [String(days * DAY), `${days} days`]);

export function KeysRoute() {
  const { project, api, isAdmin, act } = useProjectPage("keys");
  const list = useQuery({
    queryKey: ["keys", project],
    queryFn: () => get<List<Key>>(`${api}/keys`),
    enabled: isAdmin,
  });
  const [name, setName] = useState("");
  const [role, setRole] = useState("edit");
  const [life, setLife] = useState(String(30 * DAY));
  const [made, setMade] = useState<Made | null>(null);
  useFormKey();
  if (!isAdmin) {
    return (
      <Page title="Access keys" narrow>
        <p className="mb-2">Only admins of this project see its keys.</p>
        <Needs right="admin" project={project} />
      </Page>
    );
  }
  const make = async () => {
    const body = { name: name.trim(), role, expirationSeconds: Number(life) };
    await act(async () => setMade(await post<Made>(`${api}/keys`, body)), "The key is made.");
    setName("");
  };
  return (
    <Page
      title="Access keys"
      lead="A key lets a program, a pipeline or an agent work in this project, with one role, until it expires."
      narrow
    >
      {made && <NewKey made={made} project={project} onDone={() => setMade(null)} />}
      <Offered
        query={list}
        what="Access keys"
        instead="On the machine where Ambient runs, the command line works without one."
      >
        {({ items }) => (
          <>
            {!items.length && !made && (
              <section aria-label="What a key is for" className="mb-4 flex flex-col gap-2">
                <p className="text-muted">No keys yet. With one, this works from anywhere:</p>
                <Snippets value="YOUR_KEY" project={project} />
              </section>
            )}
            <ul aria-label="Access keys" className="panel mb-6 divide-y divide-line empty:hidden">
              {items.map((one) => (
                <li key={one.id} className="flex flex-wrap items-center gap-x-3 px-3 py-2">
                  <span className="min-w-0 flex-1">
                    <strong>{one.name}</strong> <span className="text-muted">{one.role}</span>
                  </span>
                  <span className="text-xs text-muted">
                    {one.lastUsedAt ? (
                      <>
                        used <Ago at={one.lastUsedAt} />
                      </>
                    ) : (
                      "never used"
                    )}
                  </span>
                  {one.expiresAt && <Expiry at={one.expiresAt} />}
                  <ActButton
                    danger
                    onAct={() => act(() => remove(`${api}/keys/${encodeURIComponent(one.id)}`), "Revoked.")}
                  >
                    Revoke
                  </ActButton>
                </li>
              ))}
            </ul>
            <h2 className="mb-2">Create a key</h2>
            <ActForm submit="Create" onSubmit={make}>
              <TextField label="Name" required value={name} onChange={setName} placeholder="what uses it" />
              <SelectField
                label="Role"
                value={role}
                onChange={setRole}
                options={["view", "edit", "admin"].map((one) => [one, one])}
              />
              <SelectField label="Works for" value={life} onChange={setLife} options={LIVES} />
            </ActForm>
          </>
        )}
      </Offered>
    </Page>
  );
}

function Expiry({ at }: { at: string }) {
  const left = Math.floor((new Date(at).getTime() - Date.now()) / (DAY * 1000));
  return (
    <span className={`text-xs ${left < SOON ? "text-amber" : "text-muted"}`}>
      {left < 0 ? "expired" : `expires in ${left} days`}
      {left >= 0 && left < SOON && " ⚠"}
    </span>
  );
}

/** For a person at a terminal, a program, and a pipeline; all three work as they stand. */
function snippetsOf(key: string, project: string): [what: string, text: string][] {
  const { origin } = location;
  return [
    [
      "Command line",
      `export AMBIENT_API_URL=${origin} AMBIENT_PROJECT=${project}\nexport AMBIENT_TOKEN=${key}\nambient get sessions`,
    ],
    ["curl", `curl -H "Authorization: Bearer ${key}" ${origin}/api/projects/${project}/agentic-sessions`],
    [
      "GitHub Action",
      [
        "- uses: ambient-code/ambient-action@v2",
        "  with:",
        `    api-url: ${origin}/api`,
        "    api-token: $\u007b{ secrets.AMBIENT_TOKEN }}",
        `    project: ${project}`,
        "    prompt: Say what changed since yesterday",
      ].join("\n"),
    ],
  ];
}

function Snippets({ value, project }: { value: string; project: string }) {
  return (
    <>
      {snippetsOf(value, project).map(([what, text]) => (
        <section key={what} aria-label={what}>
          <div className="flex items-center justify-between gap-2">
            <h3 className="font-semibold">{what}</h3>
            <button type="button" className="btn btn-quiet btn-small" onClick={() => copy(text, "It is copied.")}>
              Copy
            </button>
          </div>
          <pre tabIndex={0} className="terminal overflow-x-auto">
            {text}
          </pre>
        </section>
      ))}
      <p className="text-muted">The Action reads the key from a secret of its repository: AMBIENT_TOKEN.</p>
    </>
  );
}

function NewKey({ made, project, onDone }: { made: Made; project: string; onDone: () => void }) {
  return (
    <section aria-label="The new key" className="panel mb-6 flex flex-col gap-2 border-green px-4 py-3">
      <p>
        <strong>{made.name}</strong>: copy the key now, it is not shown again.
      </p>
      <pre tabIndex={0} className="terminal overflow-x-auto">
        {made.key}
      </pre>
      <div className="flex gap-2">
        <button
          type="button"
          className="btn btn-primary btn-small"
          onClick={() => copy(made.key, "The key is copied.")}
        >
          Copy the key
        </button>
        <button type="button" className="btn btn-small" onClick={onDone}>
          I have it
        </button>
      </div>
      <Snippets value={made.key} project={project} />
    </section>
  );
}
