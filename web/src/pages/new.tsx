// A new session: what is to be done, and on what. A link can fill the form, never start it.

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { get, Problem, post } from "../api/http";
import { projectApi, sessionsApi } from "../api/paths";
import { accessQuery, modelsQuery, runnersQuery } from "../api/queries";
import type { Created, CreateSession } from "../api/types";
import { commandOf, copy } from "../session/copy";
import { type Draft, useDraft } from "../session/draft";
import { CLAUDE, timeoutOf } from "../session/limits";
import { Needs } from "../ui/needs";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { BeforeStart } from "./before-start";
import { DEMO } from "./demo";
import { useNewForm } from "./new-form";
import { More } from "./new-more";
import { AgentNeeds, FieldProblem, FilesToAttach, Repositories } from "./new-parts";
import { useStaging } from "./staging";
import { useAgent, WillUse } from "./will-use";

export interface NewSearch {
  prompt?: string;
  repo?: string;
  branch?: string;
  model?: string;
  workflow?: string;
}

interface WorkflowChoice {
  name: string;
  gitUrl: string;
  branch?: string;
  path?: string | null;
  description?: string;
}

/** Lines of `NAME=value`; others say nothing. */
export function variablesOf(text: string): Record<string, string> {
  const pairs = text.split("\n").map((line) => /^\s*([A-Za-z_]\w*)\s*=(.*)$/.exec(line));
  return Object.fromEntries(pairs.flatMap((found) => (found ? [[found[1] ?? "", (found[2] ?? "").trim()]] : [])));
}

export function NewRoute() {
  const { project = "" } = useParams({ strict: false });
  const search = useSearch({ strict: false }) as NewSearch;
  const navigate = useNavigate();
  const access = useQuery(accessQuery(project));
  const mayEdit = access.data?.userRole !== "view";
  const knownToEdit = mayEdit && !access.isPending;
  const draft = useDraft(projectApi(project), knownToEdit);
  const { text: prompt, set: setPrompt } = draft;
  const staging = useStaging(project, draft.attachments, draft.setAttachments);
  const { form, change, forget } = useNewForm(draft, search);
  const { repos, workflow, minutes, cost, variables, runner, model, name, stopWhenDone } = form;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const key = useRef(crypto.randomUUID());
  const box = useRef<HTMLTextAreaElement>(null);
  const runners = useQuery(runnersQuery(project));
  const models = useQuery(modelsQuery(project));
  const agent = useAgent(project, runner, runners.data);
  const usual = useAgent(project, "", runners.data);
  const limitsCost = agent?.id === CLAUDE;
  const workflows = useQuery({
    queryKey: ["workflows", project],
    queryFn: () => get<{ items: WorkflowChoice[] }>(`${projectApi(project)}/workflows`),
  });
  useEffect(() => box.current?.focus(), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a link fills the form once
  useEffect(() => {
    if (search.prompt) setPrompt(search.prompt); // what is there already is offered beside it
  }, []);

  const start = async (event?: FormEvent) => {
    event?.preventDefault();
    if (busy || !mayEdit || !staging.ready) return;
    setBusy(true);
    setError(null);
    try {
      const made = await post<Created>(sessionsApi(project), bodyOf(), { "Idempotency-Key": key.current });
      setPrompt("");
      forget();
      staging.forget();
      void draft.save();
      await navigate({ to: "/projects/$project/sessions/$session", params: { project, session: made.name } });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const bodyOf = (): CreateSession => {
    const body: CreateSession = { initialPrompt: prompt };
    if (staging.files.length) body.attachments = staging.files.map(({ id }) => ({ id }));
    const given = repos
      .filter((one) => one.url.trim())
      .map(({ url, branch }) => ({
        url: url.trim(),
        autoPush: false,
        ...(branch.trim() && { branch: branch.trim() }),
      }));
    const chosen = workflows.data?.items.find((one) => one.name === workflow);
    if (given.length) body.repos = given;
    if (runner) body.runnerType = runner;
    if (model) body.llmSettings = { model };
    if (name.trim()) body.displayName = name.trim();
    if (stopWhenDone) body.stopOnRunFinished = true;
    if (chosen) body.activeWorkflow = { gitUrl: chosen.gitUrl, branch: chosen.branch ?? "main", path: chosen.path };
    if (Number(minutes) > 0) body.timeout = timeoutOf(Number(minutes));
    if (limitsCost && cost) body.sdkOptions = { maxBudgetUsd: Number(cost) };
    if (variables.trim()) body.environmentVariables = variablesOf(variables);
    return body;
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void start();
  };
  const fieldProblem = (field: string) =>
    error instanceof Problem ? error.fields.find((one) => one.field.startsWith(field))?.message : undefined;
  return (
    <Page title="New session" narrow lead={mayEdit ? undefined : <Needs right="edit" project={project} />}>
      <form
        onSubmit={start}
        onKeyDown={pressed}
        onChange={() => {
          key.current = crypto.randomUUID(); // what differs is another session; a second try is not
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          if (mayEdit) staging.add(event.dataTransfer.files);
        }}
        className="flex flex-col gap-4"
      >
        <fieldset disabled={!mayEdit} className="flex min-w-0 flex-col gap-4">
          <div>
            <label htmlFor="prompt" className="mb-1 block font-medium">
              What should the agent do?
            </label>
            <textarea
              id="prompt"
              ref={box}
              rows={6}
              required
              value={prompt}
              aria-invalid={fieldProblem("initialPrompt") !== undefined}
              aria-describedby={fieldProblem("initialPrompt") ? "prompt-problem" : undefined}
              onChange={(event) => setPrompt(event.target.value)}
              onPaste={(event) => {
                if (!event.clipboardData.files.length) return;
                event.preventDefault();
                staging.add(event.clipboardData.files);
              }}
              className="field max-h-[50vh] [field-sizing:content] min-h-36"
            />
            <FieldProblem id="prompt-problem" text={fieldProblem("initialPrompt")} />
            <p className="mt-1 flex flex-wrap items-center justify-between gap-2 text-xs text-muted">
              {draft.words || (mayEdit && "Ctrl+Enter starts.")}
              {(runner === "demo" || !runners.data?.some((one) => one.id !== "demo")) && (
                <button type="button" className="btn btn-quiet btn-small" onClick={() => setPrompt(DEMO)}>
                  Use the demo prompt
                </button>
              )}
            </p>
          </div>
          <Elsewhere draft={draft} />
          <FilesToAttach staging={staging} problem={fieldProblem("attachments")} />
          <Repositories
            project={project}
            mayEdit={knownToEdit}
            repos={repos}
            onChange={(fresh) => change({ repos: fresh })}
            problem={fieldProblem}
          />
          <div className="grid gap-3 sm:grid-cols-2">
            <div>
              <label htmlFor="agent" className="mb-1 block font-medium">
                Agent
              </label>
              <select
                id="agent"
                className="field"
                value={runner}
                onChange={(event) => change({ runner: event.target.value })}
              >
                <option value="">The project's default</option>
                {runners.data?.map((one) => (
                  <option key={one.id} value={one.id}>
                    {one.displayName}
                    {one.usable ? "" : " (not ready)"}
                  </option>
                ))}
              </select>
              <AgentNeeds project={project} runner={runners.data?.find((one) => one.id === runner)} />
            </div>
            <div>
              <label htmlFor="model" className="mb-1 block font-medium">
                Model
              </label>
              <select
                id="model"
                className="field"
                value={model}
                onChange={(event) => change({ model: event.target.value })}
              >
                <option value="">The agent's default</option>
                {models.data?.models.map((one) => (
                  <option key={one.id} value={one.id}>
                    {one.label}
                  </option>
                ))}
              </select>
            </div>
          </div>
          {(workflows.data?.items.length ?? 0) > 0 && (
            <div>
              <label htmlFor="workflow" className="mb-1 block font-medium">
                Workflow
              </label>
              <select
                id="workflow"
                className="field"
                value={workflow}
                onChange={(event) => change({ workflow: event.target.value })}
              >
                <option value="">none</option>
                {workflows.data?.items.map((one) => (
                  <option key={one.name} value={one.name}>
                    {one.description ? `${one.name}: ${one.description}` : one.name}
                  </option>
                ))}
              </select>
              <FieldProblem text={fieldProblem("activeWorkflow")} />
            </div>
          )}
          <More form={form} onChange={change} problem={fieldProblem} limitsCost={limitsCost} />
          <div className="flex flex-col gap-1">
            <WillUse project={project} agent={agent} variables={Object.keys(variablesOf(variables))} />
            <BeforeStart project={project} isUsual={agent !== undefined && agent.id === usual?.id} />
          </div>
        </fieldset>
        {error !== null && <ProblemView error={error} />}
        <div className="flex flex-wrap items-center gap-3">
          <button type="submit" className="btn btn-primary" disabled={busy || !mayEdit || !staging.ready}>
            {busy ? "Starting…" : "Start session"}
          </button>
          <button
            type="button"
            className="btn"
            onClick={() => copy(commandOf({ ...bodyOf(), initialPrompt: prompt }, project), "The command is copied.")}
          >
            Copy as command
          </button>
          <Link to="/projects/$project/sessions" params={{ project }}>
            Cancel
          </Link>
          {!mayEdit && <span className="text-muted">Starting a session needs the role edit.</span>}
          {!staging.ready && (
            <span className="text-muted">
              {staging.files.some((one) => one.state === "failed")
                ? "A file did not get there: try it again, or take it away."
                : "It can start when the files are there."}
            </span>
          )}
        </div>
      </form>
    </Page>
  );
}

/** Another device has written to the same draft: its text is offered, never put over this one. */
function Elsewhere({ draft }: { draft: Draft }) {
  if (draft.other === null) return null;
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 rounded bg-blue-soft px-2 py-1">
      There is another draft: <q className="min-w-0 max-w-full truncate">{draft.other || "(empty)"}</q>
      <button type="button" className="btn btn-small" onClick={draft.takeOther}>
        Use that one
      </button>
      <button type="button" className="btn btn-small" onClick={draft.keepMine}>
        Keep mine
      </button>
    </div>
  );
}
