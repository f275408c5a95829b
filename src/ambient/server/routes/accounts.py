"""People's accounts at Git hosts (api.md 3.16), and what a session's runner is given (3.17).

A person's routes never show a token; the runner's routes are for the runner of that very session.
"""

from typing import Any, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.git import host_of, url_problem
from ambient.contract.names import RUNNER_USER_HEADER
from ambient.contract.resources import Resource
from ambient.core.errors import AmbientError, Invalid
from ambient.core.model import session_id
from ambient.core.service.accounts import HOSTS, Account, Kind
from ambient.core.service.secrets import SecretSet
from ambient.server import wire
from ambient.server.access import Bot, Declared, Person, ProjectName, SessionName, caller_of
from ambient.server.providers import provider_of
from ambient.server.routes.session import ONE
from ambient.server.services import Services

MAX_BODY: Final = 16 << 10
_PAT: Final = "/api/auth/github/pat"
OF_PROJECT: Final = "GITHUB_TOKEN"
"""Among the integration secrets: for sessions whose people have no account."""


class GitHubToken(Resource):
    """A personal access token. host: of a GitHub of one's own."""

    token: str = Field(min_length=1, max_length=1000)
    host: str | None = Field(default=None, max_length=253)


class GitLabToken(Resource):
    """A personal access token. instance_url: of a GitLab of one's own."""

    personal_access_token: str = Field(min_length=1, max_length=1000)
    instance_url: str | None = Field(default=None, max_length=500)


class AccountRoutes:
    """The routes of accounts and of what runners are given of them."""

    def __init__(self, services: Services) -> None:
        self._accounts = services.accounts
        self._outbound = services.outbound
        self._projects = services.projects
        self._secrets = services.secrets

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [*self._all(), *self._github(), *self._gitlab(), *self._for_runners()]

    def _all(self) -> list[Declared]:
        project = "/api/projects/{project}/integration-status"
        return [
            Declared("GET", "/api/auth/integrations/status", self.integrations, Person.USER),
            Declared("GET", project, self.of_project, Person.VIEW),
        ]

    def _github(self) -> list[Declared]:
        user = Person.USER
        return [
            Declared("POST", _PAT, self.connect_github, user, body=MAX_BODY),
            Declared("GET", _PAT + "/status", self.github_pat, user),
            Declared("DELETE", _PAT, self.disconnect_github, user),
            Declared("GET", "/api/auth/github/status", self.github, user),
            Declared("POST", "/api/auth/github/disconnect", self.disconnect_github, user),
        ]

    def _gitlab(self) -> list[Declared]:
        user, at = Person.USER, "/api/auth/gitlab"
        return [
            Declared("POST", at + "/connect", self.connect_gitlab, user, body=MAX_BODY),
            Declared("GET", at + "/status", self.gitlab, user),
            Declared("DELETE", at + "/disconnect", self.disconnect_gitlab, user),
            Declared("POST", at + "/test", self.test_gitlab, user, body=MAX_BODY),
        ]

    def _for_runners(self) -> list[Declared]:
        nobody, own = Person.NOBODY, Bot.OWN_SESSION
        at = ONE + "/credentials"
        return [
            Declared("GET", at + "/github", self.github_of_runner, nobody, bot=own),
            Declared("GET", at + "/gitlab", self.gitlab_of_runner, nobody, bot=own),
            Declared("POST", ONE + "/github/token", self.github_token, nobody, bot=own),
        ]

    async def integrations(self, request: Request) -> Response:
        """All of the caller's accounts at once, and what cannot be connected here."""
        who = caller_of(request).user_id
        github = await self._accounts.of(who, Kind.GITHUB)
        gitlab = await self._accounts.of(who, Kind.GITLAB)
        missing = {"connected": False, "available": False}
        return wire.plain(
            {
                "github": {"installed": False, "pat": _pat(github), **_state(github)},
                "gitlab": {"instanceUrl": gitlab.url if gitlab else None, **_state(gitlab)},
                **dict.fromkeys(("google", "jira", "coderabbit"), missing),
                "gerrit": {"instances": [], "available": False},
                "mcpServers": {},
            }
        )

    async def of_project(self, project: ProjectName) -> Response:
        """Whether the project has a GitHub token of its own."""
        await self._projects.get(project)
        names = await self._secrets.names(project, SecretSet.INTEGRATION)
        return wire.plain({"github": OF_PROJECT in names})

    async def connect_github(self, request: Request, body: GitHubToken) -> Response:
        """Keep a GitHub token, once GitHub has said whose it is."""
        host = _host("host", f"https://{body.host}" if body.host else None, Kind.GITHUB)
        kept = await self._connect(request, Kind.GITHUB, host, body.token)
        return wire.plain({"message": f"GitHub is connected as {kept.user_name}."})

    async def github_pat(self, request: Request) -> Response:
        """Whether a token is kept."""
        found = await self._accounts.of(caller_of(request).user_id, Kind.GITHUB)
        return wire.plain(_pat(found))

    async def github(self, request: Request) -> Response:
        """How GitHub is connected."""
        found = await self._accounts.of(caller_of(request).user_id, Kind.GITHUB)
        more: dict[str, Any] = {}
        if found is not None:
            more = {"host": found.host, "userId": found.user_name, "active": "pat"}
        return wire.plain({"installed": False, "pat": _pat(found), **more})

    async def disconnect_github(self, request: Request) -> Response:
        """Forget the token."""
        await self._accounts.disconnect(caller_of(request).user_id, Kind.GITHUB)
        return wire.plain({"message": "GitHub is no longer connected."})

    async def connect_gitlab(self, request: Request, body: GitLabToken) -> Response:
        """Keep a GitLab token, once GitLab has said whose it is."""
        host = _host("instanceUrl", body.instance_url, Kind.GITLAB)
        kept = await self._connect(request, Kind.GITLAB, host, body.personal_access_token)
        message = f"GitLab is connected as {kept.user_name}."
        return wire.plain({"message": message, "instanceUrl": kept.url})

    async def gitlab(self, request: Request) -> Response:
        """How GitLab is connected."""
        found = await self._accounts.of(caller_of(request).user_id, Kind.GITLAB)
        if found is None:
            return wire.plain({"connected": False, "instanceUrl": None, "updatedAt": None})
        return wire.plain({"connected": True, "instanceUrl": found.url, "updatedAt": _stamp(found)})

    async def disconnect_gitlab(self, request: Request) -> Response:
        """Forget the token."""
        await self._accounts.disconnect(caller_of(request).user_id, Kind.GITLAB)
        return wire.plain({"message": "GitLab is no longer connected."})

    async def test_gitlab(self, body: GitLabToken) -> Response:
        """Try a token, and keep nothing."""
        host = _host("instanceUrl", body.instance_url, Kind.GITLAB)
        tried = Account(kind=Kind.GITLAB, host=host, token=body.personal_access_token)
        try:
            name, _ = await provider_of(tried, self._outbound).who()
        except AmbientError as exc:
            return wire.plain({"valid": False, "error": str(exc)})
        return wire.plain({"valid": True, "message": f"It is the token of {name}."})

    async def github_of_runner(
        self, request: Request, project: ProjectName, session: SessionName
    ) -> Response:
        """The GitHub account that this session's runner may use now."""
        found = await self._of_runner(request, project, session, Kind.GITHUB)
        return wire.plain({**_given(found), "host": found.host})

    async def gitlab_of_runner(
        self, request: Request, project: ProjectName, session: SessionName
    ) -> Response:
        """The GitLab account that this session's runner may use now."""
        found = await self._of_runner(request, project, session, Kind.GITLAB)
        return wire.plain({**_given(found), "instanceUrl": found.url})

    async def github_token(
        self, request: Request, project: ProjectName, session: SessionName
    ) -> Response:
        """The GitHub token alone."""
        found = await self._of_runner(request, project, session, Kind.GITHUB)
        return wire.plain({"token": found.token})

    async def _connect(self, request: Request, kind: Kind, host: str, token: str) -> Account:
        tried = Account(kind=kind, host=host, token=token.strip())
        name, email = await provider_of(tried, self._outbound).who()
        account = Account(kind=kind, host=host, token=token.strip(), user_name=name, email=email)
        return await self._accounts.connect(caller_of(request).user_id, account)

    async def _of_runner(self, request: Request, project: str, session: str, kind: Kind) -> Account:
        claimed = request.headers.get(RUNNER_USER_HEADER)
        run = request.query_params.get("run")
        return await self._accounts.for_runner(session_id(project, session), kind, claimed, run)


def _host(field: str, url: str | None, kind: Kind) -> str:
    """The host of an instance, as accounts name it. Raises Invalid."""
    if not url:
        return HOSTS[kind]
    host = host_of(url)
    if url_problem(url) is not None or not host or not url.startswith("https://"):
        raise Invalid.field(field, "must be the https:// address of a host")
    return host


def _given(account: Account) -> dict[str, Any]:
    return {
        "token": account.token,
        "userName": account.user_name,
        "email": account.email,
        "provider": account.kind,
    }


def _state(found: Account | None) -> dict[str, Any]:
    """Whether it is connected and good, as its host said when it was connected."""
    if found is None:
        return {"connected": False, "available": True, "valid": None}
    return {
        "connected": True,
        "available": True,
        "valid": True,
        "checkedAt": _stamp(found),
        "email": found.email,
        "host": found.host,
    }


def _pat(found: Account | None) -> dict[str, Any]:
    return {"configured": found is not None, "updatedAt": _stamp(found) if found else None}


def _stamp(account: Account) -> str | None:
    return wire.stamp(account.connected_at) if account.connected_at else None
