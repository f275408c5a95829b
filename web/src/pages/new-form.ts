// What the form of a new session holds beside its prompt and files: kept in the draft, so that it is on every device.

import { useState } from "react";
import type { Draft, HalfAnswer } from "../session/draft";
import type { NewSearch } from "./new";
import type { RepoChoice } from "./new-parts";

export interface NewForm {
  repos: RepoChoice[];
  runner: string;
  model: string;
  workflow: string;
  name: string;
  minutes: string;
  /** US dollars. */
  cost: string;
  variables: string;
  stopWhenDone: boolean;
}

const FORM = "form"; // where the answers to questions are in the draft of a session
const TEXTS = ["runner", "model", "workflow", "name", "minutes", "cost", "variables"] as const;

const EMPTY: NewForm = {
  repos: [{ url: "", branch: "" }],
  runner: "",
  model: "",
  workflow: "",
  name: "",
  minutes: "",
  cost: "",
  variables: "",
  stopWhenDone: false,
};

/** As a draft holds it; null: there is nothing to keep. */
export function keptOf(form: NewForm): HalfAnswer | null {
  const kept: HalfAnswer = {};
  for (const name of TEXTS) if (form[name]) kept[name] = form[name];
  if (form.stopWhenDone) kept.stopWhenDone = "yes";
  if (form.repos.length > 1 || form.repos.some((one) => one.url || one.branch)) {
    kept.repos = form.repos.map((one) => one.url);
    kept.branches = form.repos.map((one) => one.branch);
  }
  return Object.keys(kept).length ? kept : null;
}

/** What a draft holds; whatever else is there says nothing. */
export function formOf(kept: HalfAnswer | undefined): NewForm {
  const form: NewForm = { ...EMPTY, stopWhenDone: kept?.stopWhenDone === "yes" };
  for (const name of TEXTS) {
    const text = kept?.[name];
    if (typeof text === "string") form[name] = text;
  }
  const { repos, branches } = kept ?? {};
  if (Array.isArray(repos) && repos.length) {
    form.repos = repos.map((url, at) => ({ url, branch: Array.isArray(branches) ? (branches[at] ?? "") : "" }));
  }
  return form;
}

const linkedOf = ({ repo, branch, model, workflow }: NewSearch): Partial<NewForm> => ({
  ...(repo && { repos: [{ url: repo, branch: branch ?? "" }] }),
  ...(model && { model }),
  ...(workflow && { workflow }),
});

/** A link's fields stand over the draft's until the form is changed or emptied; then they are of the draft. */
export function useNewForm(draft: Draft, search: NewSearch) {
  const [linked, setLinked] = useState(() => linkedOf(search));
  const form = { ...formOf(draft.answers[FORM]), ...linked };
  const change = (fields: Partial<NewForm>) => {
    setLinked({});
    draft.setAnswer(FORM, keptOf({ ...form, ...fields }));
  };
  const forget = () => {
    setLinked({});
    draft.setAnswer(FORM, null);
  };
  return { form, change, forget };
}
