// Which page an address shows. A page's code is loaded when it is opened.

import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  type NotFoundRouteProps,
  redirect,
} from "@tanstack/react-router";
import type { ComponentType, ReactNode } from "react";
import type { NewSearch } from "./pages/new";
import { FILTERS, type SessionsSearch } from "./pages/sessions-search";
import { Shell } from "./shell";
import { Page, PageProblem } from "./ui/page";
import { PageNotLoaded, part } from "./ui/part";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

/** The named parameters that are given, and no others. */
function only<Name extends string>(search: Record<string, unknown>, names: readonly Name[]): { [K in Name]?: string } {
  const found: { [K in Name]?: string } = {};
  for (const name of names) {
    const value = text(search[name]);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** A page by its code, which is loaded when it is opened. */
const whole = <P extends object>(load: () => Promise<ComponentType<P>>) => part(load, PageNotLoaded);

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const attention = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: whole(async () => (await import("./pages/attention")).AttentionRoute),
});
const projects = createRoute({
  getParentRoute: () => root,
  path: "/projects",
  component: whole(async () => (await import("./pages/projects")).ProjectsRoute),
});
const home = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/projects/$project/sessions", params, replace: true });
  },
});
const sessions = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/sessions",
  component: whole(async () => (await import("./pages/sessions")).SessionsRoute),
  validateSearch: (search): SessionsSearch => only(search, FILTERS),
});
const fresh = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/new",
  component: whole(async () => (await import("./pages/new")).NewRoute),
  validateSearch: (search): NewSearch => only(search, ["prompt", "repo", "branch", "model", "workflow"]),
});
const session = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/sessions/$session",
  component: whole(async () => (await import("./pages/session")).SessionRoute),
  validateSearch: (search): { panel?: string; file?: string; line?: string } => only(search, ["panel", "file", "line"]),
});

const paper = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/sessions/$session/print",
  component: whole(async () => (await import("./pages/print")).PrintRoute),
});

const page = <Path extends string>(path: Path, load: () => Promise<() => ReactNode>) =>
  createRoute({ getParentRoute: () => root, path, component: whole(load) });
const settingsPage = async () => (await import("./pages/settings")).SettingsRoute;
const rest = [
  page("/projects/$project/schedules", async () => (await import("./pages/schedules")).SchedulesRoute),
  page("/projects/$project/sharing", async () => (await import("./pages/sharing")).SharingRoute),
  page("/projects/$project/keys", async () => (await import("./pages/keys")).KeysRoute),
  page("/projects/$project/settings", settingsPage),
  page("/integrations", async () => (await import("./pages/integrations")).IntegrationsRoute),
  page("/welcome", async () => (await import("./pages/welcome")).WelcomeRoute),
  page("/me", async () => (await import("./pages/me")).MeRoute),
];
const adminSessions = createRoute({
  getParentRoute: () => root,
  path: "/admin/sessions",
  component: whole(async () => (await import("./pages/health")).AdminSessionsRoute),
  validateSearch: (search): { credential?: string } => only(search, ["credential"]),
});
const health = createRoute({
  getParentRoute: () => root,
  path: "/admin/health",
  component: whole(async () => (await import("./pages/health")).HealthRoute),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/projects/$project/settings/$tab",
  component: whole(settingsPage),
});
const moved = [
  ["/projects/$project/permissions", "sharing"],
  ["/projects/$project/scheduled-sessions", "schedules"],
].map(([path = "", to = ""]) =>
  createRoute({
    getParentRoute: () => root,
    path,
    beforeLoad: ({ params }) => {
      const { project } = params as { project: string };
      throw redirect({ href: `/projects/${encodeURIComponent(project)}/${to}`, replace: true });
    },
  }),
);

function NotFound(_: NotFoundRouteProps) {
  return (
    <Page title="There is no such page" narrow>
      <Link to="/">To the start</Link>
    </Page>
  );
}

export const router = createRouter({
  routeTree: root.addChildren([
    attention,
    projects,
    home,
    sessions,
    fresh,
    session,
    paper,
    health,
    adminSessions,
    settings,
    ...rest,
    ...moved,
  ]),
  defaultPreload: "intent",
  defaultPendingMs: 150,
  defaultErrorComponent: ({ error }) => <PageProblem error={error} />,
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const found = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) if (text(value)) found.set(name, String(value));
    const said = found.toString();
    return said ? `?${said}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
