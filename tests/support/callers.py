"""Who may call which route, written here once more, by hand, as api.md says it."""

from typing import Final

from starlette.routing import BaseRoute

from ambient.core.model import SessionId
from ambient.server.access import Declared, GuardedRoute
from support.api import ApiWorld
from support.asgi import Browser

S: Final = "/api/projects/{project}/agentic-sessions/{session}"
P: Final = "/api/projects/{project}"
# route → people, and how far a runner reaches: -, me, own, owner (its sessions), project
WHO: Final = {
    "GET /health": ("public", "-"),
    "GET /healthz": ("public", "-"),
    "GET /readyz": ("public", "-"),
    "GET /api/version": ("public", "-"),
    "GET /api/openapi.json": ("public", "-"),
    "GET /api/cluster-info": ("public", "-"),
    "GET /api/runner-types": ("public", "-"),
    "POST /auth/login": ("public", "-"),
    "POST /auth/code": ("platform", "-"),
    "POST /auth/me/code": ("user", "-"),
    "POST /auth/logout": ("user", "-"),
    "GET /api/me": ("user", "me"),
    "GET /api/admin/health": ("platform", "-"),
    "GET /api/admin/sessions": ("platform", "-"),
    "GET /api/agentic-sessions": ("user", "-"),
    "GET /api/watch": ("user", "-"),
    "GET /api/projects": ("user", "-"),
    "POST /api/projects": ("user", "-"),
    f"GET {P}": ("view", "-"),
    f"PUT {P}": ("admin", "-"),
    f"DELETE {P}": ("admin", "-"),
    "GET /api/me/preferences": ("user", "-"),
    "PATCH /api/me/preferences": ("user", "-"),
    f"GET {P}/views": ("view", "-"),
    f"PUT {P}/views/{{view}}": ("view", "-"),
    f"DELETE {P}/views/{{view}}": ("view", "-"),
    f"POST {P}/repo/check": ("edit", "-"),
    f"POST {P}/models/test": ("edit", "-"),
    f"GET {P}/uploads": ("edit", "-"),
    f"POST {P}/uploads": ("edit", "-"),
    f"DELETE {P}/uploads/{{upload}}": ("edit", "-"),
    f"GET {P}/draft": ("edit", "-"),
    f"PUT {P}/draft": ("edit", "-"),
    f"GET {S}/draft": ("edit", "-"),
    f"PUT {S}/draft": ("edit", "-"),
    f"GET {S}/messages": ("view", "-"),
    f"GET {S}/permission-rules": ("view", "-"),
    f"DELETE {S}/permission-rules/{{rule}}": ("edit", "-"),
    f"PATCH {S}/agui/runs/{{run}}": ("edit", "-"),
    "POST /api/links": ("user", "-"),
    f"GET {P}/permissions": ("view", "-"),
    f"POST {P}/permissions": ("admin", "-"),
    f"DELETE {P}/permissions/{{kind}}/{{name:path}}": ("admin", "-"),
    f"GET {P}/keys": ("admin", "-"),
    f"POST {P}/keys": ("admin", "-"),
    f"DELETE {P}/keys/{{key}}": ("admin", "-"),
    f"GET {P}/feature-flags": ("view", "-"),
    f"GET {P}/feature-flags/evaluate/{{flag}}": ("view", "-"),
    f"GET {P}/feature-flags/{{flag}}": ("view", "-"),
    f"PUT {P}/feature-flags/{{flag}}/override": ("admin", "-"),
    f"DELETE {P}/feature-flags/{{flag}}/override": ("admin", "-"),
    f"POST {P}/feature-flags/{{flag}}/enable": ("admin", "-"),
    f"POST {P}/feature-flags/{{flag}}/disable": ("admin", "-"),
    f"POST {S}/fork": ("view", "-"),
    f"GET {P}/access": ("user", "-"),
    f"GET {P}/settings": ("view", "-"),
    f"PUT {P}/settings": ("admin", "-"),
    f"GET {P}/models": ("view", "project"),
    f"GET {P}/runner-types": ("view", "project"),
    f"GET {P}/outlook": ("view", "-"),
    f"GET {P}/mcp-servers": ("view", "-"),
    f"PUT {P}/mcp-servers": ("admin", "-"),
    f"POST {P}/mcp-servers/{{name}}/test": ("edit", "-"),
    f"GET {P}/secrets": ("view", "-"),
    f"GET {P}/runner-secrets": ("view", "-"),
    f"PUT {P}/runner-secrets": ("admin", "-"),
    f"GET {P}/integration-secrets": ("view", "-"),
    f"PUT {P}/integration-secrets": ("admin", "-"),
    f"GET {P}/agentic-sessions": ("view", "project"),
    f"POST {P}/agentic-sessions": ("edit", "project"),
    f"GET {S}": ("view", "owner"),
    f"PUT {S}": ("edit", "-"),
    f"PATCH {S}": ("edit", "-"),
    f"DELETE {S}": ("creator", "-"),
    f"POST {S}/start": ("edit", "owner"),
    f"POST {S}/stop": ("edit", "owner"),
    f"PUT {S}/displayname": ("edit", "own"),
    f"POST {S}/model": ("edit", "-"),
    f"POST {S}/clone": ("view", "-"),
    f"GET {S}/export": ("view", "owner"),
    f"GET {S}/pod-events": ("view", "-"),
    f"GET {S}/logs": ("edit", "-"),
    f"POST {S}/agui/run": ("edit", "owner"),
    f"GET {S}/agui/events": ("view", "-"),
    f"POST {S}/agui/interrupt": ("edit", "-"),
    f"GET {S}/agui/runs": ("view", "-"),
    f"GET {S}/agui/runs/{{run}}": ("view", "-"),
    f"GET {S}/agui/blobs/{{ref}}": ("view", "-"),
    f"GET {S}/agui/capabilities": ("view", "-"),
    f"GET {S}/agui/tasks": ("view", "-"),
    f"POST {S}/agui/tasks/{{task}}/stop": ("edit", "-"),
    f"GET {S}/agui/tasks/{{task}}/output": ("view", "-"),
    f"POST {S}/agui/feedback": ("edit", "-"),
    f"POST {S}/runner/feedback": ("nobody", "own"),
    f"GET {S}/workspace": ("view", "owner"),
    f"GET {S}/workspace/{{path:path}}": ("view", "owner"),
    f"PUT {S}/workspace/{{path:path}}": ("edit", "-"),
    f"DELETE {S}/workspace/{{path:path}}": ("edit", "-"),
    f"GET {S}/archive": ("view", "owner"),
    f"GET {S}/file-uploads": ("view", "-"),
    f"PUT {S}/file-uploads/{{path:path}}": ("edit", "-"),
    f"DELETE {S}/file-uploads/{{path:path}}": ("edit", "-"),
    f"GET {S}/git/status": ("view", "-"),
    f"GET {S}/git/list-branches": ("view", "-"),
    f"GET {S}/repos/status": ("view", "-"),
    f"POST {S}/repos": ("edit", "-"),
    f"DELETE {S}/repos/{{name}}": ("edit", "-"),
    f"POST {S}/git/configure-remote": ("edit", "-"),
    "GET /api/auth/integrations/status": ("user", "-"),
    f"GET {P}/integration-status": ("view", "-"),
    "POST /api/auth/github/pat": ("user", "-"),
    "GET /api/auth/github/pat/status": ("user", "-"),
    "DELETE /api/auth/github/pat": ("user", "-"),
    "GET /api/auth/github/status": ("user", "-"),
    "POST /api/auth/github/disconnect": ("user", "-"),
    "POST /api/auth/gitlab/connect": ("user", "-"),
    "GET /api/auth/gitlab/status": ("user", "-"),
    "DELETE /api/auth/gitlab/disconnect": ("user", "-"),
    "POST /api/auth/gitlab/test": ("user", "-"),
    f"GET {S}/credentials/github": ("nobody", "own"),
    f"GET {S}/credentials/gitlab": ("nobody", "own"),
    f"POST {S}/github/token": ("nobody", "own"),
    "GET /api/workflows/ootb": ("public", "-"),
    f"GET {P}/workflows": ("view", "project"),
    f"POST {P}/workflows": ("edit", "-"),
    f"DELETE {P}/workflows/{{name}}": ("edit", "-"),
    f"GET {P}/repo/tree": ("view", "-"),
    f"GET {P}/repo/blob": ("view", "-"),
    f"GET {P}/repo/branches": ("view", "-"),
    f"GET {P}/users/forks": ("view", "-"),
    f"POST {P}/users/forks": ("edit", "-"),
    f"GET {S}/git/diff": ("view", "-"),
    f"POST {S}/git/pull-request": ("edit", "-"),
    f"POST {S}/git/push": ("edit", "-"),
    f"POST {S}/workflow": ("edit", "-"),
    f"DELETE {S}/workflow": ("edit", "-"),
    f"GET {S}/workflow/metadata": ("view", "-"),
    f"GET {S}/mcp/status": ("view", "-"),
    f"GET {S}/doctor": ("view", "-"),
    f"POST {S}/token/rotate": ("admin", "-"),
    f"POST {S}/runner/replace": ("admin", "-"),
}
RANK: Final = {"public": 0, "user": 0, "view": 1, "edit": 2, "creator": 3, "admin": 3}

REACH: Final = {
    "own": {"me", "own", "owner", "project"},
    "same owner": {"me", "owner", "project"},
    "other owner": {"me", "project"},
    "other project": {"me"},
}


def declared_in(routes: list[BaseRoute]) -> list[Declared]:
    """All routes, those that end something last."""
    found = [one.declared for one in routes if isinstance(one, GuardedRoute)]
    return sorted(found, key=lambda one: (one.method == "DELETE", -len(one.path)))


def address(route: Declared, session: str) -> str:
    project, _, name = session.partition("/")
    return (
        route.path.replace("{project}", project)
        .replace("{session}", name)
        .replace("{run}", "r1")
        .replace("{task}", "t1")
        .replace("{ref}", "b1")
        .replace("{name}", "r")
        .replace("{path:path}", "a.txt")
    )


async def removed(world: ApiWorld, route: Declared, session: str) -> None:
    """Let the session's removal be carried out before its project is to go."""
    if label(route) == "DELETE /api/projects/{project}":
        await world.settle(SessionId(session))


async def ask(browser: Browser, route: Declared, session: str) -> tuple[int, str]:
    """Status and code of a request without a body."""
    reply = await browser.send(route.method, address(route, session))
    problem_shown = reply.status >= 400
    return reply.status, reply.code if problem_shown else ""


def label(route: Declared) -> str:
    return f"{route.method} {route.path}"
