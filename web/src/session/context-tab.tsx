// What the agent works with: repositories, workflow, MCP servers, permission rules, uploads.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { get, Problem, post, remove } from "../api/http";
import { sessionQuery } from "../api/queries";
import type { PermissionRules, RuleRevoked } from "../api/types";
import { confirmDone } from "../ui/announce";
import { ProblemView } from "../ui/problem";
import { bytes, Clock } from "../ui/time";
import { useSession } from "./context";

export function ContextTab() {
  return (
    <div className="flex flex-col gap-5">
      <Repositories />
      <WorkflowPart />
      <McpServers />
      <Rules />
      <Uploads />
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h2 className="mb-1">{title}</h2>
      {children}
    </section>
  );
}

function useAct() {
  const { project, name } = useSession();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const act = async <T,>(doing: () => Promise<T>, said: string | ((found: T) => string)) => {
    setError(null);
    try {
      const found = await doing();
      confirmDone(typeof said === "string" ? said : said(found));
      await client.invalidateQueries({ queryKey: sessionQuery(project, name).queryKey });
      return true;
    } catch (problem) {
      setError(problem);
      return false;
    }
  };
  return { act, error };
}

function Repositories() {
  const { api, session, mayEdit } = useSession();
  const { act, error } = useAct();
  const known = session.status?.reconciledRepos ?? [];
  const wanted = session.spec.repos ?? [];
  const rows = wanted.map((one) => {
    const name =
      one.name ??
      one.url
        .split("/")
        .at(-1)
        ?.replace(/\.git$/, "") ??
      one.url;
    return { name, url: one.url, found: known.find((other) => other.url === one.url || other.name === name) };
  });
  return (
    <Part title="Repositories">
      {!rows.length && <p className="text-muted">None.</p>}
      <ul>
        {rows.map(({ name, url: address, found }) => (
          <li key={address} className="flex flex-wrap items-center gap-2 py-0.5">
            <span className="min-w-0 flex-1 truncate" title={address}>
              <strong>{name}</strong>{" "}
              {found?.currentActiveBranch && <span className="text-muted">{found.currentActiveBranch}</span>}
            </span>
            <span className={found?.status === "Failed" ? "text-red" : "text-muted"}>
              {found?.status ?? "waits for a runner"}
            </span>
            <button
              type="button"
              className="btn btn-quiet btn-icon btn-small"
              aria-label={`Remove ${name}`}
              disabled={!mayEdit}
              onClick={() =>
                act(() => remove(`${api}/repos/${encodeURIComponent(name)}`), "The repository is being removed.")
              }
            >
              <Trash2 size={14} aria-hidden />
            </button>
            {found?.message && <p className="w-full text-red">{found.message}</p>}
          </li>
        ))}
      </ul>
      {mayEdit && (
        <AddressForm
          label="Address of a repository"
          hint="https://… to add"
          submit="Add"
          onSubmit={(url) => act(() => post(`${api}/repos`, { url }), "The repository is being added.")}
        />
      )}
      {error !== null && <ProblemView error={error} />}
    </Part>
  );
}

interface AddressProps {
  label: string;
  hint: string;
  submit: string;
  /** Whether it was done: what is written goes then, and stays where it was not. */
  onSubmit: (url: string) => Promise<boolean>;
}

function AddressForm({ label, hint, submit, onSubmit }: AddressProps) {
  const [url, setUrl] = useState("");
  const sent = async (event: FormEvent) => {
    event.preventDefault();
    if (await onSubmit(url.trim())) setUrl("");
  };
  return (
    <form onSubmit={sent} className="mt-1 flex gap-2">
      <input
        aria-label={label}
        className="field"
        required
        placeholder={hint}
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <button type="submit" className="btn">
        {submit}
      </button>
    </form>
  );
}

function WorkflowPart() {
  const { api, session, mayEdit } = useSession();
  const { act, error } = useAct();
  const wanted = session.spec.activeWorkflow;
  const found = session.status?.reconciledWorkflow;
  return (
    <Part title="Workflow">
      {wanted ? (
        <p className="flex flex-wrap items-center gap-2">
          <span className="min-w-0 flex-1 truncate">
            {wanted.gitUrl} {wanted.path}
          </span>
          <span className={found?.status === "Failed" ? "text-red" : "text-muted"}>
            {found?.status ?? "waits for a runner"}
          </span>
          <button
            type="button"
            className="btn btn-small"
            disabled={!mayEdit}
            onClick={() => act(() => remove(`${api}/workflow`), "No workflow any more.")}
          >
            Work without
          </button>
        </p>
      ) : (
        <p className="text-muted">None. A workflow brings instructions, commands and agents.</p>
      )}
      {found?.message && <p className="text-red">{found.message}</p>}
      {mayEdit && (
        <AddressForm
          label="Git address of a workflow"
          hint="https://… of a workflow"
          submit="Use"
          onSubmit={(gitUrl) => act(() => post(`${api}/workflow`, { gitUrl }), "The workflow is being fetched.")}
        />
      )}
      {error !== null && <ProblemView error={error} />}
    </Part>
  );
}

interface McpStatus {
  servers: { name: string; displayName?: string; status: string; tools?: { name: string }[]; error?: string }[];
}

function McpServers() {
  const { api, project, name, over } = useSession();
  const list = useQuery({
    queryKey: ["mcp", project, name],
    queryFn: () => get<McpStatus>(`${api}/mcp/status`),
    enabled: !over,
    retry: false,
  });
  return (
    <Part title="MCP servers">
      {over && <p className="text-muted">Known when the session runs.</p>}
      {list.error &&
        (list.error instanceof Problem && list.error.status === 409 ? (
          <p className="text-muted">{list.error.message}</p>
        ) : (
          <ProblemView error={list.error} />
        ))}
      {list.data && !list.data.servers.length && <p className="text-muted">None.</p>}
      <ul>
        {list.data?.servers.map((one) => (
          <li key={one.name} className="flex flex-wrap gap-2">
            <strong>{one.displayName || one.name}</strong>
            <span className={/ready|connected/i.test(one.status) ? "text-green" : "text-amber"}>{one.status}</span>
            <span className="text-muted">{one.tools?.length ? `${one.tools.length} tools` : ""}</span>
            {one.error && <span className="text-red">{one.error}</span>}
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** What was allowed for the session; the log tells when it changes. */
function Rules() {
  const { api, project, name, session, mayEdit } = useSession();
  const { act, error } = useAct();
  const seen = session.status?.lastActivityTime;
  const list = useQuery({
    queryKey: ["rules", project, name, seen],
    queryFn: () => get<PermissionRules>(`${api}/permission-rules`),
    placeholderData: (before) => before,
    retry: false,
  });
  const revoke = async (id: string) => {
    const path = `${api}/permission-rules/${encodeURIComponent(id)}`;
    if (
      await act(
        () => remove<RuleRevoked>(path),
        (found) => found.message,
      )
    )
      await list.refetch();
  };
  return (
    <Part title="Permission rules">
      {list.error && <ProblemView error={list.error} />}
      {list.data && !list.data.items.length && (
        <p className="text-muted">None. “Allow for this session” makes one; it can be revoked here.</p>
      )}
      <ul>
        {list.data?.items.map((one) => (
          <li key={one.id} className="flex flex-wrap items-center gap-x-2 py-0.5">
            <strong className="min-w-0 break-all">{one.rule}</strong>
            <span className="min-w-0 flex-1 text-muted">
              allowed for this session{one.allowedBy.displayName && ` by ${one.allowedBy.displayName}`},{" "}
              <Clock at={Date.parse(one.allowedAt)} />
            </span>
            <button
              type="button"
              className="btn btn-small"
              aria-label={`Revoke ${one.rule}`}
              disabled={!mayEdit}
              onClick={() => void revoke(one.id)}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
      {!mayEdit && (list.data?.items.length ?? 0) > 0 && <p className="text-muted">Revoking needs the role edit.</p>}
      {error !== null && <ProblemView error={error} />}
    </Part>
  );
}

interface UploadList {
  files: { key: string; size: number }[];
}

function Uploads() {
  const { api, project, name } = useSession();
  const list = useQuery({
    queryKey: ["files", project, name, "#uploads"],
    queryFn: () => get<UploadList>(`${api}/file-uploads`),
    retry: false,
  });
  return (
    <Part title="Uploads">
      {list.error && <ProblemView error={list.error} />}
      {list.data && !list.data.files.length && <p className="text-muted">None.</p>}
      <ul>
        {list.data?.files.map((one) => (
          <li key={one.key}>
            {one.key} <span className="text-muted">{bytes(one.size)}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}
