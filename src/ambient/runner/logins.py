"""Which login a repository's host gets: asked of the platform for every operation, kept nowhere.

A login goes to the host that it belongs to and to no other, and over TLS only, but for loopback.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from ambient.contract.git import host_of
from ambient.runner.backend import Backend
from ambient.runner.redactor import SecretValues

GITHUB: Final = "github.com"
GITLAB: Final = "gitlab.com"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_USERS: Final = {"github": "x-access-token", "gitlab": "oauth2"}
_VARIABLES: Final = {GITHUB: ("github", "GITHUB_TOKEN"), GITLAB: ("gitlab", "GITLAB_TOKEN")}
_RUN: Final[ContextVar[str]] = ContextVar("run", default="")


@contextmanager
def working_for(run: str) -> Iterator[None]:
    """What asks for a login in here does so for that run, which may have ended meanwhile: its
    sender's login counts. Empty: for whoever the platform says."""
    token = _RUN.set(run)
    try:
        yield
    finally:
        _RUN.reset(token)


class Login(NamedTuple):
    """What git is given for one host."""

    user: str
    password: str


class Logins:
    """values: every token that passes is made known to the redactor. secret_env: the session's own
    secrets, used where no account is connected."""

    def __init__(
        self, backend: Backend, values: SecretValues, secret_env: Mapping[str, str]
    ) -> None:
        self._backend = backend
        self._values = values
        self._secrets = secret_env
        self._people: dict[str, tuple[str, str]] = {}

    async def of(self, url: str) -> Login | None:
        """The login for a URL; None: there is none. Raises PlatformUnavailable."""
        host = host_of(url)
        if not host or not _is_safe(url):
            return None
        self._people.pop(host, None)
        kinds = {GITHUB: ("github",), GITLAB: ("gitlab",)}.get(host, ("gitlab", "github"))
        for kind in kinds if self._backend.is_known else ():
            asked = f"?run={quote(run, safe='')}" if (run := _RUN.get()) else ""
            found = await self._backend.of_session(f"credentials/{kind}{asked}")
            if found is None or not found.get("token"):
                continue
            self._values.add(str(found["token"]))
            instance = str(found.get("instanceUrl") or "")
            theirs = host_of(instance) if instance else str(found.get("host") or GITHUB)
            if theirs == host:
                self._people[host] = (str(found.get("userName")), str(found.get("email")))
                return Login(_USERS[kind], str(found["token"]))
        kind, variable = _VARIABLES.get(host, ("", ""))
        token = self._secrets.get(variable)
        return Login(_USERS[kind], token) if token else None

    def person_at(self, url: str) -> tuple[str, str] | None:
        """Name and mail address of the account that was last used there; None: not known."""
        name, email = self._people.get(host_of(url), ("", ""))
        return (name, email) if name and "@" in email else None


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK
