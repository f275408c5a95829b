// Addresses of the API and of pages.

const part = encodeURIComponent;

export const projectApi = (project: string) => `/api/projects/${part(project)}`;
export const sessionsApi = (project: string) => `${projectApi(project)}/agentic-sessions`;
export const sessionApi = (project: string, session: string) => `${sessionsApi(project)}/${part(session)}`;
/** A file of a workspace. api: of its session. */
export const fileApi = (api: string, path: string) => `${api}/workspace/${path.split("/").map(part).join("/")}`;
