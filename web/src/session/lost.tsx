// What is lost with a session, as far as it can be told without starting anything.

import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { get } from "../api/http";
import { sessionApi } from "../api/paths";
import type { GitStatus, Row, Session } from "../api/types";

const count = (many: number, one: string, rest: string) => `${many} ${one}${many === 1 ? "" : "s"} ${rest}`;

/** queued: prompts that wait. */
export function lostWords(queued: number): string {
  const prompts = queued ? [`${queued} queued prompt${queued === 1 ? "" : "s"}`] : [];
  return new Intl.ListFormat("en").format(["its history", ...prompts, "the files of its workspace"]);
}

type Held = Pick<GitStatus, "initialized" | "uncommittedFiles" | "unpushedCommits">;

/** What a repository holds that is nowhere else. */
export function heldWords({ initialized, uncommittedFiles, unpushedCommits }: Held): string {
  if (!initialized) return "it was not cloned";
  const commits = unpushedCommits == null ? ["commits not pushed are not known"] : [];
  if (unpushedCommits) commits.push(count(unpushedCommits, "commit", "not pushed"));
  if (uncommittedFiles) commits.push(count(uncommittedFiles, "file", "not committed"));
  return commits.join(", ") || "all of it is pushed";
}

/** What is lost besides the work in repositories. */
export function Lost({ of }: { of: Row | Session }) {
  return <>{lostWords(of.status?.queued ?? 0)}</>;
}

interface Props {
  of: Row | Session;
  /** Whether its repositories are asked; only those of a session that runs can answer. */
  ask?: boolean;
}

/** One line for each of its repositories: what of it is nowhere else, or why nobody knows. */
export function LostWork({ of, ask = true }: Props) {
  const { name: session, namespace: project } = of.metadata;
  const [opened] = useState(Date.now); // what was so before may not be now
  const repos = of.status?.reconciledRepos ?? [];
  const phase = of.status?.phase;
  const runs = phase === "Running";
  const found = useQueries({
    queries: repos.map(({ name }) => ({
      queryKey: ["changes", project, session, name, "status"],
      queryFn: () =>
        get<GitStatus>(`${sessionApi(project, session)}/git/status?path=${encodeURIComponent(`repos/${name}`)}`),
      enabled: ask && runs,
      retry: false,
      staleTime: 0,
    })),
  });
  if (!repos.length) return null;
  const words = (at: number): string => {
    if (!runs) return `not known while ${phase === "Stopped" ? "stopped" : "it does not run"}`;
    if (!ask) return "not known: too many sessions to ask each";
    const { data, error, dataUpdatedAt = 0, errorUpdatedAt = 0 } = found[at] ?? {};
    if (error && errorUpdatedAt >= opened) return `not known: ${error.message}`;
    return data && dataUpdatedAt >= opened ? heldWords(data) : "asking…";
  };
  return (
    <ul aria-label="Not pushed" className="list-disc pl-5">
      {repos.map(({ name }, at) => (
        <li key={name}>
          <strong>{name}</strong>: {words(at)}
        </li>
      ))}
    </ul>
  );
}
