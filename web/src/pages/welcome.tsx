// From the demo to an agent that works on one's own code: a key, a repository, a first prompt. Each can be skipped.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { get, post, put } from "../api/http";
import { projectApi, sessionsApi } from "../api/paths";
import { accessQuery, runnersQuery } from "../api/queries";
import type { Check, Created, CreateSession, RepoCheck, RunnerType } from "../api/types";
import { useProject } from "../shell-project";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { CheckResult, testKey } from "./key-test";

const DEMO = "demo";
const TITLES = ["An agent", "A repository", "A first prompt"];

interface Chosen {
  runner: RunnerType | null;
  url: string;
  branch: string;
}

export function WelcomeRoute() {
  const project = useProject();
  const [step, setStep] = useState(0);
  const [chosen, setChosen] = useState<Chosen>({ runner: null, url: "", branch: "" });
  const next = (fresh: Partial<Chosen> = {}) => {
    setChosen({ ...chosen, ...fresh });
    setStep(step + 1);
  };
  const done = [chosen.runner?.displayName, chosen.url, ""];
  const bodies = [
    <AgentStep key="agent" project={project} onNext={(runner) => next({ runner })} onSkip={() => next()} />,
    <RepositoryStep key="repository" project={project} onNext={next} onSkip={() => next()} />,
    <PromptStep key="prompt" project={project} chosen={chosen} />,
  ];
  return (
    <Page
      title="Add a real agent"
      narrow
      lead={`Three steps, for the project ${project}. Each can be skipped, and is found again in its settings.`}
    >
      <ol className="flex flex-col gap-3">
        {bodies.map((body, at) => (
          <StepPart
            key={TITLES[at]}
            number={at + 1}
            open={at === step}
            past={at < step ? done[at] || "skipped" : ""}
            onOpen={() => setStep(at)}
          >
            {body}
          </StepPart>
        ))}
      </ol>
    </Page>
  );
}

interface StepProps {
  number: number;
  open: boolean;
  /** What came of it; empty: it lies ahead. */
  past: string;
  onOpen: () => void;
  children: ReactNode;
}

/** One is open; its heading takes the focus, so a reader of the page hears where they are. */
function StepPart({ number, open, past, onOpen, children }: StepProps) {
  const title = TITLES[number - 1] ?? "";
  const heading = useRef<HTMLHeadingElement>(null);
  const was = useRef(number === 1);
  useEffect(() => {
    if (open && !was.current) heading.current?.focus();
    was.current = open;
  }, [open]);
  return (
    <li className="panel px-4 py-3" aria-current={open ? "step" : undefined}>
      <div className="flex flex-wrap items-center gap-x-3">
        <h2 ref={heading} tabIndex={-1} className={open ? "" : "text-muted"}>
          {number}. {title}
        </h2>
        {past && (
          <>
            <span className="min-w-0 flex-1 truncate text-muted">{past}</span>
            <button
              type="button"
              className="btn btn-quiet btn-small"
              aria-label={`Change: ${title.toLowerCase()}`}
              onClick={onOpen}
            >
              Change
            </button>
          </>
        )}
      </div>
      {open && <div className="mt-2 flex flex-col gap-3">{children}</div>}
    </li>
  );
}

function Skip({ onSkip, children }: { onSkip: () => void; children: ReactNode }) {
  return (
    <p className="flex flex-wrap items-center gap-2 text-muted">
      <button type="button" className="btn btn-quiet btn-small" onClick={onSkip}>
        Skip
      </button>
      <span>{children}</span>
    </p>
  );
}

interface AgentProps {
  project: string;
  onNext: (runner: RunnerType) => void;
  onSkip: () => void;
}

/** Those that work on code; what one lacks here is told as the server tells it. */
function AgentStep({ project, onNext, onSkip }: AgentProps) {
  const runners = useQuery(runnersQuery(project));
  const real = runners.data?.filter((one) => one.id !== DEMO) ?? [];
  const [picked, setPicked] = useState("");
  const withKey = real.find((one) => one.usable && one.auth?.requiredSecretKeys?.length);
  const chosen = real.find((one) => one.id === picked) ?? withKey ?? real[0];
  return (
    <>
      <Offered query={runners} what="Agents">
        {() =>
          chosen ? (
            <>
              <SelectField
                label="Agent"
                value={chosen.id}
                onChange={setPicked}
                options={real.map((one) => [one.id, one.usable ? `${one.displayName} (ready)` : one.displayName])}
                hint={chosen.description}
              />
              <AgentReady key={chosen.id} project={project} runner={chosen} onNext={() => onNext(chosen)} />
            </>
          ) : (
            <p>No other agent is offered in this project: they are switched on under Settings, Flags.</p>
          )
        }
      </Offered>
      <Skip onSkip={onSkip}>
        Keys are under{" "}
        <Link to="/projects/$project/settings/$tab" params={{ project, tab: "secrets" }}>
          Settings, Secrets
        </Link>
        .
      </Skip>
    </>
  );
}

function AgentReady({ project, runner, onNext }: { project: string; runner: RunnerType; onNext: () => void }) {
  const keys = runner.auth?.requiredSecretKeys ?? [];
  const [another, setAnother] = useState(false);
  if (!runner.usable && !keys.length) {
    return (
      <p role="status" className="text-amber">
        {runner.problem} {runner.hint}
      </p>
    );
  }
  if (!runner.usable || another) {
    return (
      <>
        {!runner.usable && (
          <p role="status" className="text-amber">
            {runner.problem}
          </p>
        )}
        <KeyForm project={project} runner={runner} names={keys} onStored={() => setAnother(false)} />
      </>
    );
  }
  return (
    <>
      <p role="status" className="text-green">
        ✓ {runner.displayName} can work here
        {keys.length ? ": a key or a login for its model was found." : "."}
      </p>
      <div className="flex flex-wrap gap-2">
        <button type="button" className="btn btn-primary" onClick={onNext}>
          Go on with {runner.displayName}
        </button>
        {keys.length > 0 && (
          <button type="button" className="btn" onClick={() => setAnother(true)}>
            Use another key…
          </button>
        )}
      </div>
    </>
  );
}

interface KeyProps {
  project: string;
  runner: RunnerType;
  names: readonly string[];
  onStored: () => void;
}

/** A key goes to the server once and is never shown again, not even here. */
function KeyForm({ project, runner, names, onStored }: KeyProps) {
  const client = useQueryClient();
  const access = useQuery(accessQuery(project));
  const isAdmin = (access.data?.userRole ?? "admin") === "admin";
  const [name, setName] = useState(names[0] ?? "");
  const [value, setValue] = useState("");
  const [tested, setTested] = useState<Check | null>(null);
  const secrets = `${projectApi(project)}/runner-secrets`;
  const store = async () => {
    const { data } = await get<{ data: Record<string, string> }>(secrets);
    await put(secrets, { data: { ...data, [name]: value.trim() } });
    setValue("");
    await client.invalidateQueries({ queryKey: runnersQuery(project).queryKey });
    await client.invalidateQueries({ queryKey: ["secrets", project] });
    onStored();
  };
  /** What the provider refuses is kept only by another word for it. */
  const check = async () => {
    const found = await testKey(project, runner.id, { [name]: value.trim() });
    setTested(found);
    if (found.ok !== false) await store();
  };
  return (
    <ActForm
      submit="Test and store the key"
      onSubmit={check}
      disabled={isAdmin ? undefined : <Needs right="admin" project={project} />}
    >
      {names.length > 1 && (
        <SelectField
          label="Kind of key"
          value={name}
          onChange={setName}
          options={names.map((one): [string, string] => [one, one])}
          disabled={!isAdmin}
        />
      )}
      <TextField
        label={`${name} for ${runner.displayName}`}
        type="password"
        required
        value={value}
        onChange={(fresh) => {
          setValue(fresh);
          setTested(null);
        }}
        disabled={!isAdmin}
        hint="Kept by the server where only it can read it, given to the agents of this project, and never shown again."
      />
      {tested && <CheckResult found={tested} />}
      {tested?.ok === false && (
        <div>
          <ActButton onAct={store}>Store it all the same</ActButton>
        </div>
      )}
    </ActForm>
  );
}

interface RepositoryProps {
  project: string;
  onNext: (repository: { url: string; branch: string }) => void;
  onSkip: () => void;
}

/** Asked of its host in the person's name; a refusal does not keep anyone from going on. */
function RepositoryStep({ project, onNext, onSkip }: RepositoryProps) {
  const [url, setUrl] = useState("");
  const [branch, setBranch] = useState("");
  const [asked, setAsked] = useState("");
  const checked = useQuery({
    queryKey: ["repo-check", project, asked],
    queryFn: () => post<RepoCheck>(`${projectApi(project)}/repo/check`, { url: asked }),
    enabled: asked !== "",
    retry: false,
    staleTime: 0,
  });
  const found = checked.data;
  const now = url.trim();
  return (
    <>
      <form
        className="flex max-w-xl flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (found && asked === now) onNext({ url: now, branch });
          else if (asked === now) void checked.refetch();
          else setAsked(now);
        }}
      >
        <TextField
          label="Address of a Git repository"
          value={url}
          onChange={(fresh) => {
            setUrl(fresh);
            setBranch("");
          }}
          required
          placeholder="https://…"
        />
        {asked === now && checked.isFetching && <p role="status">Asking its host…</p>}
        {asked === now && found && <CheckResult found={found} />}
        {asked === now && found?.ok && (
          <SelectField
            label="Branch to begin on"
            value={branch}
            onChange={setBranch}
            options={[
              ["", found.defaultBranch || "the default"],
              ...(found.branches ?? [])
                .filter((one) => one !== found.defaultBranch)
                .map((one): [string, string] => [one, one]),
            ]}
          />
        )}
        {asked === now && checked.error && <ProblemView error={checked.error} />}
        {asked === now && found?.ok === false && (
          <p>
            <Link to="/integrations">Connect your account</Link>, or go on: a session starts also without it.
          </p>
        )}
        <div>
          <button type="submit" className="btn btn-primary" disabled={checked.isFetching}>
            {asked === now && found ? "Go on with it" : "Check"}
          </button>
        </div>
      </form>
      <Skip onSkip={onSkip}>A session can be given repositories when it is made, and later.</Skip>
    </>
  );
}

/** Starts at once, or fills the whole form. */
function PromptStep({ project, chosen }: { project: string; chosen: Chosen }) {
  const navigate = useNavigate();
  const [prompt, setPrompt] = useState("");
  const start = async () => {
    const body: CreateSession = { initialPrompt: prompt.trim() };
    if (chosen.runner) body.runnerType = chosen.runner.id;
    if (chosen.url)
      body.repos = [{ url: chosen.url, autoPush: false, ...(chosen.branch && { branch: chosen.branch }) }];
    const made = await post<Created>(sessionsApi(project), body);
    await navigate({ to: "/projects/$project/sessions/$session", params: { project, session: made.name } });
  };
  const search = {
    ...(prompt.trim() && { prompt: prompt.trim() }),
    ...(chosen.url && { repo: chosen.url }),
    ...(chosen.branch && { branch: chosen.branch }),
  };
  return (
    <>
      <ActForm submit="Start session" onSubmit={start}>
        <TextField
          label="What should the agent do?"
          rows={4}
          required
          value={prompt}
          onChange={setPrompt}
          placeholder={chosen.url ? "Explain how this repository is built and tested" : "What can you do here?"}
          hint={chosen.runner ? undefined : "No agent was chosen: the project's default does it."}
        />
      </ActForm>
      <p>
        <Link to="/projects/$project/new" params={{ project }} search={search}>
          To the whole form
        </Link>{" "}
        <span className="text-muted">with files, limits and more repositories.</span>
      </p>
    </>
  );
}
