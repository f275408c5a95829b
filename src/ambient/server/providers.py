"""What we ask of GitHub and GitLab: who a token is, trees, files, branches, forks, pull requests.

One class per kind of host, the same methods on both. The word is GitHub's: a pull request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from ambient.core.errors import (
    AlreadyExists,
    CredentialRejected,
    NotFound,
    ProviderError,
)
from ambient.core.service.accounts import Account, Kind
from ambient.server.outbound import Answer, Outbound

_PAGED: Final = {"per_page": "100"}
_OK: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What is asked for. head: the branch with the work; base: where it is to go."""

    head: str
    base: str
    title: str
    body: str = ""
    draft: bool = False


class Provider(Protocol):
    """A Git host's API with one account.

    repo: `owner/name`. Raise CredentialRejected, NotFound (also: not visible to the account),
    ProviderError, AddressRefused.
    """

    async def who(self) -> tuple[str, str]:
        """User name and mail address of the account."""
        ...

    async def tree(self, repo: str, ref: str, path: str) -> Sequence[Mapping[str, Any]]:
        """A folder's entries: name, path, type (blob or tree), sha, size."""
        ...

    async def blob(self, repo: str, ref: str, path: str) -> Mapping[str, Any] | None:
        """A file: content, encoding. None: it is a folder."""
        ...

    async def branches(self, repo: str) -> Sequence[Mapping[str, Any]]:
        """The first hundred: name, protected, default, commit."""
        ...

    async def forks(self, repo: str) -> Sequence[Mapping[str, Any]]:
        """The first hundred: name, fullName, url."""
        ...

    async def fork(self, repo: str) -> None:
        """Ask for a fork under the account."""
        ...

    async def open_pull_request(self, repo: str, wanted: PullRequest) -> tuple[str, int]:
        """Its address and number. Raises AlreadyExists: there is one for this branch."""
        ...


def provider_of(account: Account, outbound: Outbound) -> Provider:
    """The API of an account's host."""
    if account.kind is Kind.GITHUB:
        return GitHub(account, outbound)
    return GitLab(account, outbound)


class _Api:
    """Requests to one host, and what its refusals mean."""

    def __init__(self, account: Account, outbound: Outbound, base: str, **headers: str) -> None:
        self._account = account
        self._outbound = outbound
        self._base = base
        login = {"Authorization": f"Bearer {account.token}"} if account.token else {}
        self._headers = {**login, **headers}

    async def ask(
        self, method: str, at: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        """The JSON of a 2xx."""
        found = {name: value for name, value in (query or {}).items() if value}
        tail = f"?{urlencode(found)}" if found else ""
        answer = await self._outbound.ask(
            method, f"{self._base}{at}{tail}", headers=self._headers, body=body
        )
        if answer.status >= _OK:
            raise self._error(answer)
        return answer.data

    def _error(self, answer: Answer) -> Exception:
        host, said = self._account.host, _message(answer.data)
        if answer.status == 401:
            return CredentialRejected(f"{host} does not accept this account's token.")
        if answer.status == 403:
            return CredentialRejected(f"{host} does not let this account do that: {said}")
        if answer.status == 404:
            return NotFound(f"{host} has no such thing, or the account may not see it.")
        if answer.status in (409, 422):
            kind = AlreadyExists if "already exists" in said.lower() else ProviderError
            return kind(f"{host} refuses: {said}")
        return ProviderError(f"{host} answers {answer.status}: {said}")


class GitHub:
    """GitHub, also GitHub Enterprise under its own name."""

    def __init__(self, account: Account, outbound: Outbound) -> None:
        own = account.host != "github.com"
        base = f"{account.url}/api/v3" if own else "https://api.github.com"
        self._api = _Api(
            account,
            outbound,
            base,
            Accept="application/vnd.github+json",
            **{"User-Agent": "ambient", "X-GitHub-Api-Version": "2022-11-28"},
        )

    async def who(self) -> tuple[str, str]:
        found = await self._api.ask("GET", "/user")
        return str(found.get("login") or ""), str(found.get("email") or "")

    async def tree(self, repo: str, ref: str, path: str) -> Sequence[Mapping[str, Any]]:
        found = await self._contents(repo, ref, path)
        if not isinstance(found, list):
            raise NotFound(f"{path} is a file.")
        return [
            {
                "name": one["name"],
                "path": one["path"],
                "type": "tree" if one["type"] == "dir" else "blob",
                "sha": one.get("sha"),
                "size": one.get("size"),
            }
            for one in found
        ]

    async def blob(self, repo: str, ref: str, path: str) -> Mapping[str, Any] | None:
        found = await self._contents(repo, ref, path)
        if isinstance(found, list):
            return None
        content = str(found.get("content") or "").replace("\n", "")
        return {"content": content, "encoding": found.get("encoding") or "base64"}

    async def branches(self, repo: str) -> Sequence[Mapping[str, Any]]:
        about = await self._api.ask("GET", f"/repos/{_two(repo)}")
        found = await self._api.ask("GET", f"/repos/{_two(repo)}/branches", _PAGED)
        return [
            {
                "name": one["name"],
                "protected": bool(one.get("protected")),
                "default": one["name"] == about.get("default_branch"),
                "commit": (one.get("commit") or {}).get("sha"),
            }
            for one in found
        ]

    async def forks(self, repo: str) -> Sequence[Mapping[str, Any]]:
        found = await self._api.ask("GET", f"/repos/{_two(repo)}/forks", _PAGED)
        return [
            {"name": one["name"], "fullName": one["full_name"], "url": one["html_url"]}
            for one in found
        ]

    async def fork(self, repo: str) -> None:
        await self._api.ask("POST", f"/repos/{_two(repo)}/forks", body={})

    async def open_pull_request(self, repo: str, wanted: PullRequest) -> tuple[str, int]:
        body = {
            "title": wanted.title,
            "head": wanted.head,
            "base": wanted.base,
            "body": wanted.body,
            "draft": wanted.draft,
        }
        found = await self._api.ask("POST", f"/repos/{_two(repo)}/pulls", body=body)
        return str(found["html_url"]), int(found["number"])

    async def _contents(self, repo: str, ref: str, path: str) -> Any:
        return await self._api.ask(
            "GET", f"/repos/{_two(repo)}/contents/{quote(path)}", {"ref": ref}
        )


class GitLab:
    """GitLab, also one's own."""

    def __init__(self, account: Account, outbound: Outbound) -> None:
        self._api = _Api(account, outbound, f"{account.url}/api/v4")

    async def who(self) -> tuple[str, str]:
        found = await self._api.ask("GET", "/user")
        return str(found.get("username") or ""), str(found.get("email") or "")

    async def tree(self, repo: str, ref: str, path: str) -> Sequence[Mapping[str, Any]]:
        at = f"/projects/{_one(repo)}/repository/tree"
        found = await self._api.ask("GET", at, {"ref": ref, "path": path, **_PAGED})
        return [
            {
                "name": one["name"],
                "path": one["path"],
                "type": one["type"],
                "mode": one.get("mode"),
                "sha": one.get("id"),
            }
            for one in found
        ]

    async def blob(self, repo: str, ref: str, path: str) -> Mapping[str, Any] | None:
        at = f"/projects/{_one(repo)}/repository/files/{quote(path, safe='')}"
        try:
            found = await self._api.ask("GET", at, {"ref": ref or "HEAD"})
        except NotFound:
            if await self.tree(repo, ref, path):
                return None
            raise
        return {"content": found["content"], "encoding": found["encoding"]}

    async def branches(self, repo: str) -> Sequence[Mapping[str, Any]]:
        at = f"/projects/{_one(repo)}/repository/branches"
        found = await self._api.ask("GET", at, _PAGED)
        return [
            {
                "name": one["name"],
                "protected": bool(one.get("protected")),
                "default": bool(one.get("default")),
                "commit": (one.get("commit") or {}).get("id"),
            }
            for one in found
        ]

    async def forks(self, repo: str) -> Sequence[Mapping[str, Any]]:
        found = await self._api.ask("GET", f"/projects/{_one(repo)}/forks", _PAGED)
        return [
            {"name": one["path"], "fullName": one["path_with_namespace"], "url": one["web_url"]}
            for one in found
        ]

    async def fork(self, repo: str) -> None:
        await self._api.ask("POST", f"/projects/{_one(repo)}/fork", body={})

    async def open_pull_request(self, repo: str, wanted: PullRequest) -> tuple[str, int]:
        body = {
            "source_branch": wanted.head,
            "target_branch": wanted.base,
            "title": f"Draft: {wanted.title}" if wanted.draft else wanted.title,
            "description": wanted.body,
        }
        at = f"/projects/{_one(repo)}/merge_requests"
        found = await self._api.ask("POST", at, body=body)
        return str(found["web_url"]), int(found["iid"])


def _two(repo: str) -> str:
    return quote(repo, safe="/")


def _one(repo: str) -> str:
    return quote(repo, safe="")


def _message(data: Any) -> str:
    """What the host said, in at most a line."""
    if not isinstance(data, dict):
        return "no reason given"
    said = data.get("message") or data.get("error") or "no reason given"
    errors = [one.get("message") for one in data.get("errors") or () if isinstance(one, dict)]
    return " ".join(str(one) for one in [said, *errors] if one)[:300]
