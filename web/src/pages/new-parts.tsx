// Parts of the form of a new session: its repositories, files, and what its agent needs.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Paperclip, Plus, X } from "lucide-react";
import { type ChangeEvent, useEffect, useId, useRef, useState } from "react";
import { post, problemOf } from "../api/http";
import { projectApi } from "../api/paths";
import type { RepoCheck, RunnerType } from "../api/types";
import { bytes } from "../ui/time";
import { LARGEST, LIMITS, type Staged, type Staging } from "./staging";

export interface RepoChoice {
  url: string;
  branch: string;
}

const HOSTED = /^https:\/\/[\w.-]+(:\d+)?\/[\w./~-]+$/;
const SETTLED = 500; // who still types is not asked about

/** What somebody has stopped typing. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** Whether it can be read, as the person who asks; a refusal is told before the session starts. */
function useRepoCheck(project: string, url: string, mayEdit: boolean) {
  const settled = useSettled(url);
  return useQuery({
    queryKey: ["repo-check", project, settled],
    queryFn: () => post<RepoCheck>(`${projectApi(project)}/repo/check`, { url: settled }),
    enabled: mayEdit && settled === url && HOSTED.test(settled),
    retry: false,
    staleTime: 300_000,
  });
}

export function Repositories({
  project,
  mayEdit,
  repos,
  onChange,
  problem,
}: {
  project: string;
  /** Known to: a check is theirs alone, as it is made with what they have. */
  mayEdit: boolean;
  repos: RepoChoice[];
  onChange: (repos: RepoChoice[]) => void;
  problem: (field: string) => string | undefined;
}) {
  return (
    <div className="flex flex-col gap-2">
      {repos.map((one, at) => (
        <RepoRow
          key={at}
          at={at}
          project={project}
          mayEdit={mayEdit}
          repo={one}
          problem={problem(`repos[${at}].`)}
          onChange={(fresh) => onChange(repos.with(at, fresh))}
          onRemove={at ? () => onChange(repos.filter((_, other) => other !== at)) : undefined}
        />
      ))}
      {repos[0]?.url.trim() && (
        <div>
          <button
            type="button"
            className="btn btn-quiet btn-small"
            onClick={() => onChange([...repos, { url: "", branch: "" }])}
          >
            <Plus size={14} aria-hidden /> Another repository
          </button>
        </div>
      )}
    </div>
  );
}

interface RepoRowProps {
  at: number;
  project: string;
  mayEdit: boolean;
  repo: RepoChoice;
  problem: string | undefined;
  onChange: (repo: RepoChoice) => void;
  onRemove: (() => void) | undefined;
}

function RepoRow({ at, project, mayEdit, repo, problem, onChange, onRemove }: RepoRowProps) {
  const id = useId();
  const url = repo.url.trim();
  const check = useRepoCheck(project, url, mayEdit);
  const names = check.data?.branches ?? [];
  const number = at ? ` ${at + 1}` : "";
  return (
    <div>
      <div className={`grid items-end gap-3 ${onRemove ? "sm:grid-cols-[2fr_1fr_auto]" : "sm:grid-cols-[2fr_1fr]"}`}>
        <div>
          <label htmlFor={`${id}-url`} className="mb-1 block font-medium">
            Git repository{number || " (optional)"}
          </label>
          <input
            id={`${id}-url`}
            className="field"
            inputMode="url"
            placeholder="https://…"
            aria-invalid={problem !== undefined}
            aria-describedby={problem ? `${id}-problem` : undefined}
            value={repo.url}
            onChange={(event) => onChange({ ...repo, url: event.target.value })}
          />
        </div>
        <div>
          <label htmlFor={`${id}-branch`} className="mb-1 block font-medium">
            Branch{number}
          </label>
          <input
            id={`${id}-branch`}
            className="field"
            list={names.length ? `${id}-branches` : undefined}
            placeholder={check.data?.defaultBranch || "the default"}
            value={repo.branch}
            onChange={(event) => onChange({ ...repo, branch: event.target.value })}
          />
          <datalist id={`${id}-branches`}>
            {names.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
        </div>
        {onRemove && (
          <button
            type="button"
            className="btn btn-quiet btn-icon"
            aria-label={`Take repository${number} away`}
            onClick={onRemove}
          >
            <X size={15} aria-hidden />
          </button>
        )}
      </div>
      <FieldProblem id={`${id}-problem`} text={problem} />
      {check.data?.ok && (
        <p role="status" className="mt-1 text-xs text-green">
          ✓ {check.data.steps?.[0]?.message}
        </p>
      )}
      {check.data?.ok === false && (
        <p role="status" className="mt-1 text-xs text-amber">
          {check.data.error} {check.data.hint} <a href="/integrations">Your accounts</a>
        </p>
      )}
      {check.error && (
        <p className="mt-1 text-xs text-muted">Not checked before the start: {problemOf(check.error).message}</p>
      )}
    </div>
  );
}

/** Files that go to the session when it starts; they are on their way at once. */
export function FilesToAttach({ staging, problem }: { staging: Staging; problem: string | undefined }) {
  const input = useRef<HTMLInputElement>(null);
  const chosen = (event: ChangeEvent<HTMLInputElement>) => {
    staging.add(event.target.files ?? []);
    event.target.value = "";
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <input ref={input} type="file" multiple hidden onChange={chosen} aria-label="Files to attach" />
      <button type="button" className="btn btn-small" onClick={() => input.current?.click()}>
        <Paperclip size={14} aria-hidden /> Attach files
      </button>
      <span className="text-xs text-muted">{LIMITS}</span>
      {staging.files.length > 0 && (
        <ul aria-label="Attachments" className="flex w-full flex-wrap gap-2">
          {staging.files.map((one) => (
            <FileChip key={one.key} file={one} staging={staging} />
          ))}
        </ul>
      )}
      <FieldProblem text={problem} />
    </div>
  );
}

function FileChip({ file, staging }: { file: Staged; staging: Staging }) {
  const failed = file.state === "failed";
  return (
    <li
      className={`flex flex-wrap items-center gap-1 rounded border px-2 text-xs ${failed ? "border-red" : "border-line"}`}
    >
      <span className="break-all">{file.name}</span> <span className="text-muted">{bytes(file.size)}</span>
      {file.state === "uploading" && (
        <progress aria-label={`Upload of ${file.name}`} className="h-1.5 w-16" value={file.sent} max={1} />
      )}
      {failed && <span className="text-red">{file.error}</span>}
      {failed && file.file && file.size <= LARGEST && (
        <button type="button" className="btn btn-quiet btn-small" onClick={() => staging.retry(file)}>
          Retry
        </button>
      )}
      <button
        type="button"
        className="btn btn-quiet btn-icon btn-small"
        aria-label={`Take ${file.name} away`}
        onClick={() => staging.drop(file)}
      >
        <X size={12} aria-hidden />
      </button>
    </li>
  );
}

/** What the server says of one field, beside it. */
export function FieldProblem({ id, text }: { id?: string; text: string | undefined }) {
  if (!text) return null;
  return (
    <p id={id} className="mt-1 w-full text-red">
      {text}
    </p>
  );
}

/** What the chosen agent is, why it cannot work here, and what would help. */
export function AgentNeeds({ project, runner }: { project: string; runner: RunnerType | undefined }) {
  if (!runner) return null;
  if (runner.usable) return <p className="mt-1 text-xs text-muted">{runner.description}</p>;
  const secrets = (runner.auth?.requiredSecretKeys ?? []).length > 0;
  return (
    <p role="status" className="mt-1 text-amber">
      {runner.problem} {runner.hint}{" "}
      {secrets && (
        <Link to="/projects/$project/settings/$tab" params={{ project, tab: "secrets" }}>
          Keys of this project
        </Link>
      )}
    </p>
  );
}
