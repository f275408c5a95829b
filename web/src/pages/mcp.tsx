// MCP servers of a project: tools that every session of it gets.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { get, Problem, post, put } from "../api/http";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { ProblemView } from "../ui/problem";
import { variablesOf } from "./new";
import { unknownSecrets, useProjectPage } from "./project-parts";

interface Servers {
  custom?: Record<string, Record<string, unknown>>;
  disabled?: string[];
}

type Transport = "stdio" | "http" | "sse";
const TRANSPORTS: [Transport, string][] = [
  ["stdio", "a command, started beside the agent"],
  ["http", "an address (streamable HTTP)"],
  ["sse", "an address (SSE)"],
];

/** The words of a command line; quotes keep spaces. */
export function wordsOf(line: string): string[] {
  const found = line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g);
  return [...found].map(([, double, single, plain]) => double ?? single ?? plain ?? "");
}

/** What is kept of a server. extras: lines of NAME=value, its environment or its headers. */
export function serverOf(transport: Transport, where: string, extras: string): Record<string, unknown> {
  const more = extras
    .split("\n")
    .map((line) => /^\s*([\w-]+)\s*[=:]\s*(.*)$/.exec(line))
    .flatMap((found) => (found ? [[found[1] ?? "", (found[2] ?? "").trim()]] : []));
  const pairs = Object.fromEntries(more) as Record<string, string>;
  if (transport !== "stdio") return { type: transport, url: where.trim(), ...(more.length && { headers: pairs }) };
  const [command = "", ...args] = wordsOf(where);
  return { command, ...(args.length && { args }), ...(more.length && { env: variablesOf(extras) }) };
}

/** Those that a server may name: the sessions of the project have them in their environment. */
function useSecretNames(api: string, project: string): string[] {
  const secrets = useQuery({
    queryKey: ["secrets", project, "integration-secrets"],
    queryFn: () => get<{ items: { name: string }[] }>(`${api}/integration-secrets`),
  });
  return (secrets.data?.items ?? []).map((one) => one.name);
}

export function McpServers() {
  const { project, api, isAdmin, act } = useProjectPage("mcp");
  const path = `${api}/mcp-servers`;
  const list = useQuery({ queryKey: ["mcp", project], queryFn: () => get<Servers>(path) });
  const save = (servers: Servers, said: string) => act(() => put(path, servers), said);
  return (
    <Offered query={list} what="MCP servers of a project">
      {(found) => (
        <>
          <p className="mb-3 text-muted">
            Tools that every session of this project gets, from its next start on. A session's Context tab shows which
            of them are ready, and why one is not.
          </p>
          {!Object.keys(found.custom ?? {}).length && <p className="mb-3 text-muted">None yet.</p>}
          <ul aria-label="MCP servers" className="panel mb-5 divide-y divide-line empty:hidden">
            {Object.entries(found.custom ?? {}).map(([name, server]) => (
              <Server key={name} name={name} server={server} servers={found} mayChange={isAdmin} onSave={save} />
            ))}
          </ul>
          <AddServer
            disabled={isAdmin ? undefined : <Needs right="admin" project={project} />}
            onAdd={async (name, server) => {
              if (found.custom?.[name]) throw new Problem(0, { error: `There is a server called ${name} already.` });
              await save({ ...found, custom: { ...found.custom, [name]: server } }, "Added.");
            }}
          />
        </>
      )}
    </Offered>
  );
}

interface ServerProps {
  name: string;
  server: Record<string, unknown>;
  servers: Servers;
  mayChange: boolean;
  onSave: (servers: Servers, said: string) => Promise<unknown>;
}

function Server({ name, server, servers, mayChange, onSave }: ServerProps) {
  const { project, api, mayEdit } = useProjectPage("mcp");
  const [trying, setTrying] = useState(0);
  const missing = unknownSecrets(server, useSecretNames(api, project));
  const off = servers.disabled?.includes(name) ?? false;
  const others = (servers.disabled ?? []).filter((one) => one !== name);
  const { [name]: _, ...rest } = servers.custom ?? {};
  const shown = [server.url ?? server.command, ...(Array.isArray(server.args) ? server.args : [])].join(" ");
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
      <strong>{name}</strong>
      <code className="min-w-0 flex-1 basis-40 truncate font-mono text-xs text-muted">{shown}</code>
      <span className={off ? "text-muted" : "text-green"}>{off ? "off" : "on"}</span>
      <button
        type="button"
        className="btn btn-small"
        disabled={!mayEdit}
        title={
          mayEdit ? "Starts it as a session would, in one of its own that is removed again" : "Needs the role edit"
        }
        onClick={() => setTrying(trying + 1)}
      >
        Test
      </button>
      {mayChange && (
        <>
          <ActButton
            onAct={() =>
              onSave({ ...servers, disabled: off ? others : [...others, name] }, off ? "Switched on." : "Switched off.")
            }
          >
            {off ? "Switch on" : "Switch off"}
          </ActButton>
          <ActButton danger onAct={() => onSave({ custom: rest, disabled: others }, "Removed.")}>
            Remove
          </ActButton>
        </>
      )}
      {trying > 0 && <Trial key={trying} path={`${api}/mcp-servers/${encodeURIComponent(name)}/test`} />}
      {missing.length > 0 && (
        <p className="w-full text-xs text-amber">
          No integration key of this project is called {missing.join(", ")}: set it under Secrets.
        </p>
      )}
    </li>
  );
}

interface Tried {
  ok: boolean;
  steps: { name: string; ok: boolean; message: string }[];
  tools: { name: string }[];
  error?: string;
  hint?: string;
}
const STEPS: Record<string, string> = { start: "A session starts", connect: "It connects", tools: "It has tools" };

/** What comes of trying a server: each step with what was seen, and what to do about the one that failed. */
function Trial({ path }: { path: string }) {
  const [tried, setTried] = useState<Tried | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let gone = false;
    post<Tried>(path)
      .then((found) => gone || setTried(found))
      .catch((problem: unknown) => gone || setError(problem));
    return () => {
      gone = true;
    };
  }, [path]);
  if (error !== null) return <ProblemView error={error} />;
  if (!tried) return <p className="w-full text-xs text-muted">Trying it, for a minute at most…</p>;
  return (
    <section aria-label="What came of the test" className="w-full text-xs">
      <ol>
        {tried.steps.map((one) => (
          <li key={one.name}>
            <span className={one.ok ? "text-green" : "text-red"}>
              {one.ok ? "✓" : "✕"} {STEPS[one.name] ?? one.name}
            </span>{" "}
            <span className="whitespace-pre-wrap break-words text-muted">{one.message}</span>
          </li>
        ))}
      </ol>
      {tried.ok && <p>Tools: {tried.tools.map((one) => one.name).join(", ") || "none"}</p>}
      {tried.hint && <p>{tried.hint}</p>}
    </section>
  );
}

interface AddProps {
  disabled: ReactNode;
  onAdd: (name: string, server: Record<string, unknown>) => Promise<unknown>;
}

function AddServer({ disabled, onAdd }: AddProps) {
  const [name, setName] = useState("");
  const [transport, setTransport] = useState<Transport>("stdio");
  const [where, setWhere] = useState("");
  const [extras, setExtras] = useState("");
  const local = transport === "stdio";
  const add = async () => {
    await onAdd(name.trim(), serverOf(transport, where, extras));
    setName("");
    setWhere("");
    setExtras("");
  };
  return (
    <ActForm submit="Add" disabled={disabled} onSubmit={add}>
      <h2>Add a server</h2>
      <TextField label="Name" required value={name} onChange={setName} placeholder="jira" />
      <SelectField
        label="It is"
        value={transport}
        onChange={(value) => setTransport(value as Transport)}
        options={TRANSPORTS}
      />
      <TextField
        label={local ? "Command" : "Address"}
        required
        value={where}
        onChange={setWhere}
        placeholder={local ? "npx -y some-server" : "https://…"}
      />
      <TextField
        label={local ? "Environment" : "Headers"}
        rows={2}
        value={extras}
        onChange={setExtras}
        hint={`One a line: NAME=value. A secret of the project is written \${NAME}.`}
      />
    </ActForm>
  );
}
