"""Whether a repository can be read and a model's key counts, asked before a session needs them."""

import base64
from collections.abc import Mapping
from typing import Final, TypeVar

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.git import host_of, url_problem
from ambient.contract.registry import RunnerType, runner_type
from ambient.contract.resources import Resource
from ambient.core.errors import CredentialMissing, Invalid, ProviderError
from ambient.core.model import UserId
from ambient.core.service.accounts import Account, Kind
from ambient.server import wire
from ambient.server.access import Declared, Guard, Person, ProjectName, caller_of
from ambient.server.outbound import AddressRefused
from ambient.server.refs import SERVICE, Refs, read_refs
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

ANTHROPIC: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"
_BASIC: Final = {Kind.GITHUB: "x-access-token", Kind.GITLAB: "oauth2"}
_OK, _LIMITED, _REFUSED = 200, 429, frozenset({401, 403})


class CheckRepo(Resource):
    """Its address; https only."""

    url: str = Field(min_length=1, max_length=2000)


class TestModels(Resource):
    """Which agent's key. keys: by name, in place of those that the project has; not kept."""

    __test__ = False

    runner_type: str = Field(min_length=1, max_length=100)
    keys: dict[str, str] = Field(default_factory=dict, max_length=10)


class CheckStep(Resource):
    """One step, and what came of it."""

    name: str
    ok: bool
    message: str


class CheckReply(Resource):
    """ok: absent, it cannot be told from here. error, hint: of the step that failed."""

    ok: bool | None = None
    steps: tuple[CheckStep, ...] = ()
    error: str | None = None
    hint: str | None = None


class RepoCheckReply(CheckReply):
    """With the branches that its host tells, and the one that it begins on."""

    branches: tuple[str, ...] = ()
    default_branch: str = ""


Reply = TypeVar("Reply", bound=CheckReply)


class CheckRoutes:
    """The routes of checks. A test of a key counts as a create to the limits."""

    def __init__(self, services: Services, guard: Guard) -> None:
        self._accounts = services.accounts
        self._outbound = services.outbound
        self._projects = services.projects
        self._runners = services.runners
        self._guard = guard

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        edit = Person.EDIT
        repo, models = PROJECT + "/repo/check", PROJECT + "/models/test"
        return [
            Declared("POST", repo, self.repo, edit, body=16 << 10, reply=RepoCheckReply),
            Declared("POST", models, self.models, edit, body=16 << 10, reply=CheckReply),
        ]

    async def repo(self, request: Request, project: ProjectName, body: CheckRepo) -> Response:
        """Whether it can be read, in the caller's name where they have an account there."""
        await self._projects.get(project)
        url = body.url.strip()
        problem = url_problem(url)
        if problem is not None or not url.startswith("https://"):
            raise Invalid.field("url", problem or "must begin with https://")
        account = await self._account(caller_of(request).user_id, host_of(url))
        return wire.reply(await self._read(url, account))

    async def _account(self, user: UserId, host: str) -> Account | None:
        try:
            return await self._accounts.at(user, host)
        except CredentialMissing:
            return None

    async def _read(self, url: str, account: Account | None) -> RepoCheckReply:
        whom = f"with your account at {account.host}" if account else "without an account"
        try:
            status, refs = await self._refs(url, account)
        except (AddressRefused, ProviderError) as exc:
            return _failed(RepoCheckReply, "host", str(exc), exc.next_step or "")
        if refs is not None:
            step = CheckStep(name="read", ok=True, message=f"It can be read {whom}.")
            return RepoCheckReply(
                ok=True, steps=(step,), branches=refs.branches, default_branch=refs.default
            )
        if status in _REFUSED or status == 404:  # hosts hide what is private
            said = f"It cannot be read {whom}: there is none, or it is not open to you."
            hint = "Is the address right? " + (
                "Does the account's token reach it?" if account else "Else connect your account."
            )
            return _failed(RepoCheckReply, "read", said, hint)
        said = f"{host_of(url)} answers {status}, and not with a Git repository."
        return _failed(RepoCheckReply, "host", said, "Is that the address that git clones from?")

    async def _refs(self, url: str, account: Account | None) -> tuple[int, Refs | None]:
        """As it is written, then with `.git`, which some hosts want."""
        headers = {} if account is None else {"Authorization": _basic(account)}
        plain = url.rstrip("/")
        tried = [plain] if plain.endswith(".git") else [plain, f"{plain}.git"]
        status = 0
        for one in tried:
            status, data = await self._outbound.fetch(f"{one}/{SERVICE}", headers=headers)
            refs = read_refs(data) if status == _OK else None
            if refs is not None:
                return status, refs
        return status, None

    async def models(self, request: Request, project: ProjectName, body: TestModels) -> Response:
        """Whether the provider takes the key, by its list of models: nothing is spent."""
        await self._projects.get(project)
        entry = runner_type(body.runner_type)
        if entry is None:
            raise Invalid.field("runnerType", "is no runner type of this release")
        unknown = sorted(set(body.keys) - entry.auth.names)
        if unknown:
            raise Invalid.field("keys", f"{', '.join(unknown)}: not taken by this agent")
        self._guard.slow_creates(caller_of(request))
        found = await self._runners.reach(project, entry)
        if body.keys:  # the project's own key goes to no address that a caller names
            found = {name: found[name] for name in found if name in entry.auth.settings}
        given = {**found, **body.keys}
        return wire.reply(await self._test(entry, given))

    async def _test(self, entry: RunnerType, given: Mapping[str, str]) -> CheckReply:
        headers = _key_headers(given)
        if entry.provider != "anthropic" or given.get("CLAUDE_CODE_USE_VERTEX", "0") not in (
            "",
            "0",
        ):
            said = "Whether it counts is seen at the first answer: it cannot be asked from here."
            return CheckReply(steps=(CheckStep(name="key", ok=True, message=said),))
        if headers is None:
            names = " or ".join(entry.auth.required_secret_keys)
            return _failed(CheckReply, "key", f"There is no {names}.", "Set it, then test again.")
        base = given.get("ANTHROPIC_BASE_URL", ANTHROPIC).rstrip("/")
        try:
            status, _ = await self._outbound.fetch(f"{base}/v1/models?limit=1", headers=headers)
        except AddressRefused as exc:
            step = CheckStep(name="provider", ok=True, message=f"Not asked: {exc}")
            return CheckReply(steps=(step,))
        except ProviderError as exc:
            return _failed(CheckReply, "provider", str(exc), exc.next_step or "")
        return _judged(host_of(base), status)


def _judged(host: str, status: int) -> CheckReply:
    if status in (_OK, _LIMITED):
        more = ", and says that its limit is reached now" if status == _LIMITED else ""
        step = CheckStep(name="key", ok=True, message=f"{host} takes the key{more}.")
        return CheckReply(ok=True, steps=(step,))
    if status in _REFUSED:
        said = f"{host} refuses the key."
        return _failed(CheckReply, "key", said, "Was all of it copied? Is it of this provider?")
    said = f"{host} answers {status} when it is asked for its models."
    return CheckReply(steps=(CheckStep(name="key", ok=True, message=f"Not told: {said}"),))


def _failed(kind: type[Reply], step: str, error: str, hint: str) -> Reply:
    found = CheckStep(name=step, ok=False, message=error)
    return kind(ok=False, steps=(found,), error=error, hint=hint)


def _key_headers(given: Mapping[str, str]) -> dict[str, str] | None:
    """None: there is no key."""
    version = {"anthropic-version": VERSION}
    if key := given.get("ANTHROPIC_API_KEY"):
        return {**version, "x-api-key": key}
    if token := given.get("ANTHROPIC_AUTH_TOKEN"):
        return {**version, "Authorization": f"Bearer {token}"}
    return None


def _basic(account: Account) -> str:
    pair = f"{_BASIC[account.kind]}:{account.token}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
