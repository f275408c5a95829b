// The project of this page, else the one that was looked at last.

import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { projectsQuery } from "./api/queries";

const LAST = "ambient-project";

/** Its name; `isGuess` until the first reply says which projects there are. */
export function useProjectOrGuess(): { project: string; isGuess: boolean } {
  const { project } = useParams({ strict: false });
  const projects = useQuery(projectsQuery);
  useEffect(() => {
    if (project) localStorage.setItem(LAST, project);
  }, [project]);
  const names = projects.data?.items.map((one) => one.name);
  const last = localStorage.getItem(LAST);
  if (project) return { project, isGuess: false };
  if (last && (!names || names.includes(last))) return { project: last, isGuess: false };
  const first = names?.includes("default") ? "default" : names?.[0];
  return { project: first ?? "default", isGuess: !names && !projects.isError };
}

export const useProject = (): string => useProjectOrGuess().project;
