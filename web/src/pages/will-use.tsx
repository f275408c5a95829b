// What a new session will work with: the key of its agent, the person's accounts, the project's tools. What is not
// known is not said.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { get } from "../api/http";
import { projectApi } from "../api/paths";
import type { ProjectSettings, RunnerType } from "../api/types";
import { CLAUDE } from "../session/limits";
import { unknownSecrets } from "./project-parts";

interface Secrets {
  items: { name: string }[];
}
interface Servers {
  custom?: Record<string, unknown>;
  disabled?: string[];
}
interface Account {
  connected?: boolean;
  installed?: boolean;
  pat?: { configured?: boolean };
}

const GIT = [
  ["github", "GitHub"],
  ["gitlab", "GitLab"],
] as const;
const MCP = "mcp-diagnostics";
const isConnected = (one: Account | undefined) => Boolean(one?.connected || one?.installed || one?.pat?.configured);

/** Which agent a session without a choice gets: the project's, else the first real one that can work here. */
export function agentOf(
  chosen: string,
  runners: RunnerType[] | undefined,
  settings: Partial<ProjectSettings> | undefined,
): RunnerType | undefined {
  const wanted = chosen || settings?.defaultRunnerType;
  if (wanted) return runners?.find((one) => one.id === wanted);
  const usual = runners?.find((one) => one.id === CLAUDE && one.usable);
  return usual ?? runners?.find((one) => one.id === "demo");
}

const ASK = { retry: false, staleTime: 60_000 } as const;

/** The same, once what decides it is known. */
export function useAgent(project: string, chosen: string, runners: RunnerType[] | undefined): RunnerType | undefined {
  const settings = useQuery({
    queryKey: ["settings", project],
    queryFn: () => get<ProjectSettings>(`${projectApi(project)}/settings`),
    ...ASK,
  });
  return chosen || settings.data || settings.isError ? agentOf(chosen, runners, settings.data) : undefined;
}

/** The key that this agent works with, in words; empty: that is not known. */
export function keyOf(agent: RunnerType | undefined, ours: string[] | undefined): string {
  const wanted = agent?.auth?.requiredSecretKeys ?? [];
  if (!agent || !ours) return "";
  if (!wanted.length) return `${agent.displayName}, which needs no key`;
  const own = wanted.filter((one) => ours.includes(one));
  if (own.length) return `project key ${own.join(", ")}`;
  return agent.usable ? "the platform's own key" : "";
}

export interface ToolServer {
  name: string;
  /** Empty: it can be used, as far as that is known here. */
  why: string;
}

/** The project's MCP servers: off, or naming a `${NAME}` that no key and no variable has, or neither. */
export function serversOf({ custom = {}, disabled = [] }: Servers, known: string[]): ToolServer[] {
  return Object.entries(custom).map(([name, config]) => {
    const lacks = unknownSecrets(config, known).join(", ");
    const why = disabled.includes(name) ? "switched off" : lacks && `no key ${lacks}`;
    return { name, why };
  });
}

interface Props {
  project: string;
  agent: RunnerType | undefined;
  /** Names of variables that the session itself brings. */
  variables: string[];
}

export function WillUse({ project, agent, variables }: Props) {
  const api = projectApi(project);
  const secrets = useQuery({
    queryKey: ["secrets", project, "runner-secrets"],
    queryFn: () => get<Secrets>(`${api}/runner-secrets`),
    ...ASK,
  });
  const keys = useQuery({
    queryKey: ["secrets", project, "integration-secrets"],
    queryFn: () => get<Secrets>(`${api}/integration-secrets`),
    ...ASK,
  });
  const accounts = useQuery({
    queryKey: ["integrations"],
    queryFn: () => get<Record<string, Account>>("/api/auth/integrations/status"),
    ...ASK,
  });
  const servers = useQuery({
    queryKey: ["mcp", project],
    queryFn: () => get<Servers>(`${api}/mcp-servers`),
    ...ASK,
  });
  const parts: ReactNode[] = [];
  const key = keyOf(
    agent,
    secrets.data?.items.map((one) => one.name),
  );
  if (key) parts.push(key);
  if (accounts.data) {
    const known = accounts.data;
    const mine = GIT.filter(([id]) => isConnected(known[id])).map(([, name]) => `${name} as you`);
    parts.push(mine.join(", ") || <Link to="/integrations">no account at GitHub or GitLab</Link>);
  }
  if (servers.data && secrets.data && keys.data) {
    const known = [...secrets.data.items, ...keys.data.items].map((one) => one.name);
    const found = serversOf(servers.data, [...known, ...variables]);
    const isFor = !agent || agent.features.includes(MCP);
    if (found.length && isFor) parts.push(<Tools project={project} servers={found} />);
    else if (found.length) parts.push("no MCP servers: this agent has no client for them");
  }
  if (!parts.length) return null;
  return (
    <p className="text-muted">
      <span className="font-medium text-text">Will use</span>{" "}
      {parts.map((one, at) => (
        <span key={at}>
          {at > 0 && " · "}
          {one}
        </span>
      ))}
    </p>
  );
}

function Tools({ project, servers }: { project: string; servers: ToolServer[] }) {
  return (
    <>
      MCP{" "}
      {servers.map(({ name, why }, at) => (
        <span key={name}>
          {at > 0 && ", "}
          {name} <span className={why ? "text-amber" : "text-green"}>{why ? `✕ ${why}` : "✓"}</span>
        </span>
      ))}
      {servers.some((one) => one.why) && (
        <>
          {" · "}
          <Link to="/projects/$project/settings/$tab" params={{ project, tab: "mcp" }}>
            MCP servers
          </Link>
        </>
      )}
    </>
  );
}
