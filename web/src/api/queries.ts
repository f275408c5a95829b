// What pages ask the server for, each with the key under which it is kept.

import { queryOptions } from "@tanstack/react-query";
import { get } from "./http";
import { projectApi, sessionApi, sessionsApi } from "./paths";
import type { Access, FileList, Me, Models, ProjectList, RowList, RunList, RunnerType, Session } from "./types";

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => get<Me>("/api/me"), staleTime: 300_000 });

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: () => get<ProjectList>("/api/projects?limit=100"),
});

/** With how their sessions stand: for the page that shows it. */
export const shownProjectsQuery = queryOptions({
  queryKey: ["projects", "shown"],
  queryFn: () => get<ProjectList>("/api/projects?limit=100&shown=true"),
});

export const accessQuery = (project: string) =>
  queryOptions({
    queryKey: ["access", project],
    queryFn: () => get<Access>(`${projectApi(project)}/access`),
    staleTime: 60_000,
  });

export const modelsQuery = (project: string) =>
  queryOptions({
    queryKey: ["models", project],
    queryFn: () => get<Models>(`${projectApi(project)}/models`),
    staleTime: 300_000,
  });

export const runnersQuery = (project: string) =>
  queryOptions({
    queryKey: ["runners", project],
    queryFn: () => get<RunnerType[]>(`${projectApi(project)}/runner-types`),
    staleTime: 300_000,
  });

export interface SavedView {
  name: string;
  query: string;
  shared: boolean;
}

export const viewsQuery = (project: string) =>
  queryOptions({
    queryKey: ["views", project],
    queryFn: () => get<{ items: SavedView[] }>(`${projectApi(project)}/views`),
    staleTime: 60_000,
  });

/** project: null for every project that the person sees. Kept fresh by the watch, not by asking again. */
export const sessionsQuery = (project: string | null, query: string) =>
  queryOptions({
    queryKey: ["sessions", project, query],
    queryFn: () =>
      get<RowList>(`${project === null ? "/api/agentic-sessions" : sessionsApi(project)}?shown=true&${query}`),
    staleTime: 30_000,
  });

export const attentionQuery = sessionsQuery(null, "limit=100&sort=attention");

export const sessionQuery = (project: string, session: string) =>
  queryOptions({
    queryKey: ["session", project, session],
    queryFn: () => get<Session>(sessionApi(project, session)),
  });

export const runsQuery = (project: string, session: string) =>
  queryOptions({
    queryKey: ["runs", project, session],
    queryFn: () => get<RunList>(`${sessionApi(project, session)}/agui/runs?limit=100`),
  });

export const filesQuery = (project: string, session: string, path: string) =>
  queryOptions({
    queryKey: ["files", project, session, path],
    queryFn: () => get<FileList>(`${sessionApi(project, session)}/workspace?path=${encodeURIComponent(path)}`),
  });

export interface Doctor {
  ok: boolean;
  links: { name: string; ok: boolean | null; sentence: string; next?: string | null }[];
}

export const doctorQuery = (project: string, session: string) =>
  queryOptions({
    queryKey: ["doctor", project, session],
    queryFn: () => get<Doctor>(`${sessionApi(project, session)}/doctor`),
  });
