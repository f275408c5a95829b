// The projects that a person sees, as what, and how their sessions stand; make, open, rename, delete one.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { post } from "../api/http";
import { projectsQuery, shownProjectsQuery } from "../api/queries";
import type { Project } from "../api/types";
import type { Tone, Word } from "../contract/status";
import { Needs } from "../ui/needs";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { StatusIcon } from "../ui/status";
import { Ago } from "../ui/time";
import { Waiting } from "../ui/waiting";
import { DeleteProject, RenameProject } from "./project-dialogs";
import { useRowKeys } from "./row-keys";

export function ProjectsRoute() {
  const projects = useQuery(shownProjectsQuery);
  const root = useRef<HTMLUListElement>(null);
  useRowKeys(root);
  return (
    <Page title="Projects" lead="A project has members, settings, keys and sessions.">
      {projects.error && <ProblemView error={projects.error} />}
      {projects.isPending && <Waiting>Reading the projects…</Waiting>}
      <ul ref={root} aria-label="Projects" className="panel mb-6 divide-y divide-line overflow-hidden empty:hidden">
        {projects.data?.items.map((one) => (
          <ProjectRow key={one.name} found={one} />
        ))}
      </ul>
      {projects.data?.items.length === 0 && <p className="mb-4">You have a role in no project yet.</p>}
      <Create />
    </Page>
  );
}

function ProjectRow({ found }: { found: Project }) {
  const { name, displayName, description, role, sessions } = found;
  const [asking, setAsking] = useState<"rename" | "delete" | "why">();
  const isAdmin = role === "admin";
  const close = () => setAsking(undefined);
  const title = displayName || name;
  const change = (what: "rename" | "delete", label: string) => (
    <button
      type="button"
      className="btn btn-small"
      aria-label={`${label} ${title}`}
      disabled={!isAdmin}
      onClick={() => setAsking(what)}
    >
      {label}…
    </button>
  );
  return (
    <li data-row={name} className="px-3 py-2 hover:bg-hover">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="flex min-w-0 flex-1 basis-60 flex-col max-sm:basis-full">
          <Link
            to="/projects/$project/sessions"
            params={{ project: name }}
            data-title
            className="truncate font-medium text-text no-underline hover:underline"
          >
            {title}
          </Link>
          <span className="truncate text-[0.9286rem] text-muted">
            {role && `You: ${role}`}
            {role && description && " · "}
            {description}
          </span>
        </span>
        {sessions && <Sessions counts={sessions} />}
        <Ago at={found.creationTimestamp} className="w-20 shrink-0 text-xs text-muted sm:text-right" />
        <span className="flex flex-wrap gap-2">
          {change("rename", "Rename")}
          {change("delete", "Delete")}
          {!isAdmin && (
            <button
              type="button"
              className="btn btn-quiet btn-small"
              aria-label={`Why not? Rename and delete ${title}`}
              aria-expanded={asking === "why"}
              onClick={() => setAsking(asking ? undefined : "why")}
            >
              Why not?
            </button>
          )}
        </span>
      </div>
      {asking === "why" && (
        <div className="mt-1">
          <Needs right="admin" project={name} />
        </div>
      )}
      {asking === "rename" && <RenameProject found={found} onClose={close} />}
      {asking === "delete" && <DeleteProject project={name} onClose={close} />}
    </li>
  );
}

type Counts = NonNullable<Project["sessions"]>;

const KINDS: [keyof Counts, Word, Tone][] = [
  ["needsYou", "Needs you", "amber"],
  ["failed", "Failed", "red"],
  ["working", "Working", "blue"],
  ["starting", "Starting", "neutral"],
];
const CAP = 1000; // where the server stops counting

const number = (count: number) => `${count.toLocaleString()}${count < CAP ? "" : "+"}`;

function Sessions({ counts }: { counts: Counts }) {
  const some = KINDS.filter(([kind]) => counts[kind] > 0);
  return (
    <span className="flex flex-wrap items-center gap-x-3 text-xs">
      {some.map(([kind, word, tone]) => (
        <span key={kind} className="inline-flex items-center gap-1">
          <StatusIcon word={word} tone={tone} size={13} />
          {number(counts[kind])} {word}
        </span>
      ))}
      {counts.rest > 0 && <span className="text-muted">{number(counts.rest)} at rest</span>}
      {!some.length && !counts.rest && <span className="text-muted">No sessions</span>}
    </span>
  );
}

function Create() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const make = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      const made = await post<Project>("/api/projects", { name: name.trim() });
      await client.invalidateQueries({ queryKey: projectsQuery.queryKey });
      await navigate({ to: "/projects/$project/sessions", params: { project: made.name } });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <form onSubmit={make} className="flex max-w-xl flex-col gap-2">
      <h2>Create a project</h2>
      <label htmlFor="project-name">Name: lower-case letters, digits and hyphens</label>
      <div className="flex gap-2">
        <input
          id="project-name"
          className="field"
          required
          pattern="[a-z0-9]([a-z0-9\-]*[a-z0-9])?"
          maxLength={63}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="btn">
          Create
        </button>
      </div>
      {error !== null && <ProblemView error={error} />}
    </form>
  );
}
