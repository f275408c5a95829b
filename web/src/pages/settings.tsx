// A project's settings, a tab for each concern.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { get, post, put, remove } from "../api/http";
import { runnersQuery } from "../api/queries";
import type { Project, ProjectSettings } from "../api/types";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { NotHere } from "../ui/problem";
import { Ago } from "../ui/time";
import { McpServers } from "./mcp";
import { Models } from "./models";
import { DeleteProject } from "./project-dialogs";
import { type List, useProjectPage, useSaveKey } from "./project-parts";

const TABS: [string, string][] = [
  ["general", "General"],
  ["models", "Models"],
  ["secrets", "Secrets"],
  ["mcp", "MCP servers"],
  ["workflows", "Workflows"],
  ["limits", "Limits"],
  ["notifications", "Notifications"],
  ["flags", "Flags"],
];
const BODIES: Record<string, () => ReactNode> = {
  general: General,
  models: Models,
  secrets: Secrets,
  mcp: McpServers,
  workflows: Workflows,
  limits: () => (
    <NotHere
      what="Limits of a project"
      instead="A run can be given a limit of time where its session is made, under More. How long a session may be idle is set under General."
    />
  ),
  notifications: Notifications,
  flags: Flags,
};

export function SettingsRoute() {
  const { project = "", tab = "general" } = useParams({ strict: false });
  useSaveKey();
  const Body = BODIES[tab] ?? General;
  const title = TABS.find(([name]) => name === tab)?.[1] ?? "General";
  return (
    <Page title={`Settings: ${title}`} heading="Settings" narrow>
      <nav aria-label="Settings" className="mb-5 flex flex-wrap gap-1 border-b border-line pb-2">
        {TABS.map(([name, label]) => (
          <Link
            key={name}
            to="/projects/$project/settings/$tab"
            params={{ project, tab: name }}
            className="btn btn-quiet btn-small aria-[current=page]:bg-accent-soft aria-[current=page]:text-accent"
          >
            {label}
          </Link>
        ))}
      </nav>
      <Body />
    </Page>
  );
}

const needsAdmin = (isAdmin: boolean, project: string) =>
  isAdmin ? undefined : <Needs right="admin" project={project} />;

function General() {
  const { project, api } = useProjectPage("settings");
  const about = useQuery({ queryKey: ["settings", project, "project"], queryFn: () => get<Project>(api) });
  const settings = useQuery({
    queryKey: ["settings", project],
    queryFn: () => get<ProjectSettings>(`${api}/settings`),
  });
  return (
    <div className="flex flex-col gap-8">
      <Offered query={about} what="The project">
        {(found) => <About key={project} found={found} />}
      </Offered>
      <Offered query={settings} what="Settings">
        {(found) => <Defaults key={project} found={found} />}
      </Offered>
      <Deletion />
    </div>
  );
}

function About({ found }: { found: Project }) {
  const { project, api, isAdmin, act } = useProjectPage("settings");
  const client = useQueryClient();
  const [name, setName] = useState(found.displayName ?? "");
  const [description, setDescription] = useState(found.description ?? "");
  const save = async () => {
    await act(() => put(api, { displayName: name.trim(), description: description.trim() }), "Saved.");
    await client.invalidateQueries({ queryKey: ["projects"] });
  };
  return (
    <ActForm submit="Save" onSubmit={save} disabled={needsAdmin(isAdmin, project)}>
      <h2>The project</h2>
      <TextField label="Shown name" value={name} onChange={setName} disabled={!isAdmin} />
      <TextField label="Description" rows={2} value={description} onChange={setDescription} disabled={!isAdmin} />
    </ActForm>
  );
}

function Deletion() {
  const { project, isAdmin } = useProjectPage("settings");
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <section aria-label="Delete the project">
      <h2 className="mb-1">Delete the project</h2>
      <div className="flex items-center gap-3">
        <button type="button" className="btn btn-danger" disabled={!isAdmin} onClick={() => setAsking(true)}>
          Delete…
        </button>
        {needsAdmin(isAdmin, project)}
      </div>
      {asking && (
        <DeleteProject
          project={project}
          onClose={() => setAsking(false)}
          onDeleted={() => navigate({ to: "/projects" })}
        />
      )}
    </section>
  );
}

const STRATEGIES: [string, string][] = [
  ["enqueue", "wait in the queue"],
  ["interrupt", "stop the run, then go on with the prompt"],
  ["reject", "be refused"],
  ["rollback", "stop the run and forget it"],
];

function Defaults({ found }: { found: ProjectSettings }) {
  const { project, api, isAdmin, act } = useProjectPage("settings");
  const runners = useQuery(runnersQuery(project));
  const [runner, setRunner] = useState(found.defaultRunnerType ?? "");
  const [idle, setIdle] = useState(String(Math.round(found.inactivityTimeoutSeconds / 3600)));
  const [strategy, setStrategy] = useState<string>(found.multitaskStrategy);
  const save = () =>
    act(
      () =>
        put(`${api}/settings`, {
          defaultRunnerType: runner || null,
          inactivityTimeoutSeconds: Math.round(Number(idle) * 3600),
          multitaskStrategy: strategy,
        }),
      "Saved.",
    );
  const options: [string, string][] = [
    ["", "chosen by what is set up"],
    ...(runners.data ?? []).map((one): [string, string] => [one.id, one.displayName]),
  ];
  return (
    <ActForm submit="Save the defaults" onSubmit={save} disabled={needsAdmin(isAdmin, project)}>
      <h2>Defaults of sessions</h2>
      <SelectField label="Agent" value={runner} onChange={setRunner} options={options} disabled={!isAdmin} />
      <TextField
        label="Stop a session that nobody used for … hours"
        type="number"
        value={idle}
        onChange={setIdle}
        hint="0: never. Its files and history are kept, and a message starts it again."
        disabled={!isAdmin}
      />
      <SelectField
        label="A prompt that comes during a run shall"
        value={strategy}
        onChange={setStrategy}
        options={STRATEGIES}
        disabled={!isAdmin}
      />
    </ActForm>
  );
}

interface SecretList {
  items: { name: string; updatedAt?: string }[];
  data: Record<string, string>;
}
const KINDS: [path: string, title: string, lead: string, example: string][] = [
  [
    "runner-secrets",
    "Keys of agents",
    "What an agent needs to reach its model, for example ANTHROPIC_API_KEY.",
    "ANTHROPIC_API_KEY",
  ],
  [
    "integration-secrets",
    "Keys of integrations",
    "Shared by the sessions of this project, for example GITHUB_TOKEN.",
    "GITHUB_TOKEN",
  ],
];

function Secrets() {
  return (
    <div className="flex flex-col gap-8">
      {KINDS.map(([path, title, lead, example]) => (
        <SecretSet key={path} path={path} title={title} lead={lead} example={example} />
      ))}
    </div>
  );
}

interface SecretSetProps {
  path: string;
  title: string;
  lead: string;
  example: string;
}

function SecretSet({ path, title, lead, example }: SecretSetProps) {
  const { project, api, isAdmin, act } = useProjectPage("secrets");
  const list = useQuery({ queryKey: ["secrets", project, path], queryFn: () => get<SecretList>(`${api}/${path}`) });
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const write = (data: Record<string, string>, said: string) => act(() => put(`${api}/${path}`, { data }), said);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <p className="mb-2 text-muted">{lead} Values are written, never read.</p>
      <Offered query={list} what={title} instead="On one machine, keys are taken from the environment of ambient up.">
        {({ items, data }) => (
          <>
            {!items.length && <p className="mb-2 text-muted">None is set.</p>}
            <ul className="panel mb-3 divide-y divide-line empty:hidden">
              {items.map((one) => (
                <li key={one.name} className="flex flex-wrap items-center gap-3 px-3 py-1.5">
                  <code className="min-w-0 flex-1 font-mono">{one.name}</code>
                  <span className="text-xs text-muted">
                    set <Ago at={one.updatedAt} />
                  </span>
                  {isAdmin && (
                    <ActButton
                      danger
                      onAct={() => {
                        const { [one.name]: _, ...rest } = data;
                        return write(rest, "Deleted.");
                      }}
                    >
                      Delete
                    </ActButton>
                  )}
                </li>
              ))}
            </ul>
            <ActForm
              submit="Set"
              disabled={needsAdmin(isAdmin, project)}
              onSubmit={async () => {
                await write({ ...data, [name.trim()]: value }, `${name.trim()} is set.`);
                setName("");
                setValue("");
              }}
            >
              <TextField label="Name" required value={name} onChange={setName} placeholder={example} />
              <TextField label="Value" required type="password" value={value} onChange={setValue} />
            </ActForm>
          </>
        )}
      </Offered>
    </section>
  );
}

interface Workflow {
  name?: string;
  id?: string;
  description?: string;
  gitUrl: string;
  branch?: string;
}

function Workflows() {
  const { project, api, isAdmin, act } = useProjectPage("workflows");
  const list = useQuery({ queryKey: ["workflows", project], queryFn: () => get<List<Workflow>>(`${api}/workflows`) });
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  return (
    <Offered
      query={list}
      what="Saved workflows of a project"
      instead="A session can use any workflow: its page, Explorer, Context."
    >
      {({ items }) => (
        <>
          {!items.length && <p className="mb-3 text-muted">No saved workflows.</p>}
          <ul className="panel mb-5 divide-y divide-line empty:hidden">
            {items.map((one) => (
              <li key={one.name ?? one.gitUrl} className="flex flex-wrap items-center gap-2 px-3 py-2">
                <strong>{one.name}</strong>
                <span className="min-w-0 flex-1 truncate text-muted">{one.gitUrl}</span>
                {isAdmin && (
                  <ActButton
                    danger
                    onAct={() =>
                      act(() => remove(`${api}/workflows/${encodeURIComponent(one.name ?? "")}`), "Removed.")
                    }
                  >
                    Remove
                  </ActButton>
                )}
              </li>
            ))}
          </ul>
          <ActForm
            submit="Save"
            disabled={needsAdmin(isAdmin, project)}
            onSubmit={() => act(() => post(`${api}/workflows`, { name: name.trim(), gitUrl: url.trim() }), "Saved.")}
          >
            <TextField label="Name" required value={name} onChange={setName} />
            <TextField label="Git address" required value={url} onChange={setUrl} />
          </ActForm>
        </>
      )}
    </Offered>
  );
}

function Notifications() {
  const { project, api } = useProjectPage("notifications");
  const list = useQuery({
    queryKey: ["notifications", project],
    queryFn: () => get<List<{ name: string; url?: string }>>(`${api}/notifications`),
  });
  return (
    <Offered
      query={list}
      what="Webhooks of a project"
      instead="Notifications of this browser are switched on under Me."
    >
      {({ items }) => (
        <ul className="panel divide-y divide-line empty:hidden">
          {items.map((one) => (
            <li key={one.name} className="px-3 py-2">
              {one.name} <span className="text-muted">{one.url}</span>
            </li>
          ))}
        </ul>
      )}
    </Offered>
  );
}

interface Flag {
  name: string;
  description?: string;
  enabled: boolean;
  source: string;
  overrideEnabled?: boolean | null;
}

function Flags() {
  const { project, api, isAdmin, act } = useProjectPage("flags");
  const list = useQuery({
    queryKey: ["flags", project],
    queryFn: () => get<{ features: Flag[] }>(`${api}/feature-flags`),
  });
  return (
    <Offered query={list} what="Feature flags">
      {({ features }) => (
        <>
          {!features.length && <p className="text-muted">There are no flags.</p>}
          <ul className="panel divide-y divide-line empty:hidden">
            {features.map((one) => {
              const flag = `${api}/feature-flags/${encodeURIComponent(one.name)}/override`;
              return (
                <li key={one.name} className="flex flex-wrap items-center gap-2 px-3 py-2">
                  <span className="min-w-0 flex-1">
                    <code className="font-mono">{one.name}</code> <span className="text-muted">{one.description}</span>
                  </span>
                  <span>{one.enabled ? "on" : "off"}</span>
                  <span className="text-xs text-muted">{one.source === "default" ? "by default" : "set here"}</span>
                  {isAdmin && (
                    <>
                      <ActButton onAct={() => act(() => put(flag, { enabled: !one.enabled }), "Changed.")}>
                        {one.enabled ? "Switch off" : "Switch on"}
                      </ActButton>
                      {one.source !== "default" && (
                        <ActButton onAct={() => act(() => remove(flag), "As by default.")}>Default</ActButton>
                      )}
                    </>
                  )}
                </li>
              );
            })}
          </ul>
        </>
      )}
    </Offered>
  );
}
