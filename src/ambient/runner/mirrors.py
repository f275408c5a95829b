"""Everything that git does over a network: one bare mirror per repository and machine.

The agent can write to its clones, their configuration and their hooks, so nothing that holds a
login runs there. What comes is fetched into a mirror that the agent cannot reach, and copied; what
goes is handed over as a bundle, and pushed from a scratch repository beside the mirror. Before a
mirror is used, the repository's host has let this session in: a mirror gives nobody what the
host would not.

A login is in a file in memory that git's credential helper reads through its descriptor: it is in
no argument, no environment, no URL and on no disk.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ambient.contract.git import host_of, is_commit, key_of
from ambient.runner.clock import Clock
from ambient.runner.git import ENVIRONMENT, GitFailed, reason
from ambient.runner.logins import Login, Logins
from ambient.runner.process import Processes

DEPTH: Final = 50
"""Commits of each branch that are fetched; enough to look back, and quick for any repository."""
NETWORK_SECONDS: Final = 600.0
LOCAL_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.05
_HELPER: Final = '!f() { test "$1" = get && cat /proc/self/fd/%d; }; f'
_KEPT: Final = frozenset(
    {
        "PATH",
        "LANG",
        "TZ",
        "TMPDIR",
        "SSH_AUTH_SOCK",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    }
)
"""Of the runner's own environment; a session's variables decide nothing here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """folder: out of every agent's reach. limit_bytes: beyond it the mirrors that were not used for
    longest go. ca_bundle: certificates to trust, a file; None: the system's."""

    folder: Path
    limit_bytes: int
    ca_bundle: str | None = None


class Mirrors:
    """Port to the hosts of repositories. environ: the runner's own, without a session's variables.

    clean: takes known secrets out of what git says.
    """

    def __init__(
        self,
        settings: MirrorSettings,
        processes: Processes,
        logins: Logins,
        *,
        environ: Mapping[str, str],
        clean: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._logins = logins
        self._clean = clean
        self._clock = clock
        self._environment = {
            **{name: value for name, value in environ.items() if name in _KEPT},
            **ENVIRONMENT,
            "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **({"GIT_SSL_CAINFO": settings.ca_bundle} if settings.ca_bundle else {}),
        }

    async def clone(self, url: str, into: Path, commit: str = "") -> None:
        """Have a copy at `into`, which must not exist, with `origin`, nothing checked out.

        commit: one that it must hold. Raises GitFailed, also for a login that cannot be asked for.
        """
        async with self._locked(url) as mirror:
            await self._refresh(mirror, url, commit if is_commit(commit) else "")
            with self.scratch() as stage:
                await self._git(
                    "clone",
                    "-q",
                    "-n",
                    "--no-hardlinks",
                    "--no-tags",
                    "--",
                    str(mirror),
                    str(stage),
                )
                if is_commit(commit):
                    any_commit = ("-c", "uploadpack.allowAnySHA1InWant=true")
                    await self._git(*any_commit, "fetch", "-q", "origin", commit, at=stage)
                await self._git("remote", "set-url", "origin", url, at=stage)
                await asyncio.to_thread(shutil.move, stage, into)
        await asyncio.to_thread(self._make_room, mirror)

    async def log_in(self, url: str) -> None:
        """Ask whose account counts there now; nothing is fetched. Raises PlatformUnavailable."""
        await self._logins.of(url)

    def person_at(self, url: str) -> tuple[str, str] | None:
        """Name and mail address of the account that was last used there; None: not known."""
        return self._logins.person_at(url)

    async def push(self, url: str, bundle: Path | None, branch: str, commit: str) -> None:
        """Set a branch of the repository to a commit, never by force. bundle: what the host may
        lack; None: it has it all. Raises GitFailed with what the host said."""
        async with self._locked(url) as mirror:
            await self._refresh(mirror, url, "")
            if branch == await self._head(mirror):
                raise GitFailed(f"{branch} is the default branch and is not pushed to")
            with self.scratch() as scratch:
                await self._git("init", "-q", "--bare", str(scratch))
                borrowed = scratch / "objects/info/alternates"
                await asyncio.to_thread(borrowed.write_text, f"{mirror}/objects\n")
                with suppress(FileNotFoundError):
                    await asyncio.to_thread(shutil.copy, mirror / "shallow", scratch / "shallow")
                if bundle is not None:
                    refspec = f"refs/heads/{branch}:refs/heads/{branch}"
                    await self._git("fetch", "-q", str(bundle), refspec, at=scratch)
                await self._network(
                    url, "push", "-q", "--", url, f"{commit}:refs/heads/{branch}", at=scratch
                )

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A path that nobody else uses, and that is gone afterwards."""
        folder = self._settings.folder / "scratch"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / secrets.token_hex(12)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)

    async def _refresh(self, mirror: Path, url: str, commit: str) -> None:
        """Bring the mirror to what the host has now, which lets this session in, or raises."""
        listed = await self._network(
            url, "ls-remote", "--symref", "--", url, "HEAD", "refs/heads/*"
        )
        head, heads = _listed(listed)
        try:
            await self._fetch(mirror, url, heads)
        except GitFailed:
            if not (mirror / "objects").is_dir():
                raise
            # The host answers, so it is the mirror that is not whole: a fetch was cut off here.
            await asyncio.to_thread(shutil.rmtree, mirror)
            await self._fetch(mirror, url, heads)
        if head:
            await self._git("symbolic-ref", "HEAD", f"refs/heads/{head}", at=mirror)
        if commit and not await self._has(mirror, commit):
            await self._network(
                url, "fetch", "-q", f"--depth={DEPTH}", "--", url, commit, at=mirror
            )

    async def _fetch(self, mirror: Path, url: str, heads: Mapping[str, str]) -> None:
        if not (mirror / "HEAD").is_file():
            await asyncio.to_thread(shutil.rmtree, mirror, ignore_errors=True)
            await self._git("init", "-q", "--bare", str(mirror))
            await self._git("config", "gc.auto", "0", at=mirror)
        known = await self._git(
            "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads", at=mirror
        )
        pairs = (line.partition(" ") for line in known.splitlines())
        if {name: commit for commit, _, name in pairs} == heads:
            return
        await self._network(
            url, "fetch", "-q", "--prune", "--no-tags", "--force", f"--depth={DEPTH}",
            "--", url, "+refs/heads/*:refs/heads/*", at=mirror,
        )  # fmt: skip

    async def _has(self, mirror: Path, commit: str) -> bool:
        try:
            await self._git("cat-file", "-e", f"{commit}^{{commit}}", at=mirror)
        except GitFailed:
            return False
        return True

    async def _head(self, mirror: Path) -> str:
        return (await self._git("symbolic-ref", "--short", "HEAD", at=mirror)).strip()

    async def _network(self, url: str, *args: str, at: Path | None = None) -> str:
        """A command that may log in, at the one host that the URL names."""
        login = await self._logins.of(url)
        if login is None:
            return await self._git(*args, at=at, seconds=NETWORK_SECONDS)
        with _in_memory(login) as fd:
            scheme = url.partition("://")[0]
            key = f"credential.{scheme}://{host_of(url)}.helper"
            given = ("-c", "credential.helper=", "-c", f"{key}={_HELPER % fd}")
            return await self._git(*given, *args, at=at, seconds=NETWORK_SECONDS, fds=(fd,))

    async def _git(
        self,
        *args: str,
        at: Path | None = None,
        seconds: float = LOCAL_SECONDS,
        fds: tuple[int, ...] = (),
    ) -> str:
        name = next(one for one in args if not one.startswith("-") and "=" not in one)
        where = ("-C", str(at)) if at is not None else ()
        command = ["git", *where, *args]
        folder = self._settings.folder
        try:
            async with asyncio.timeout(seconds):
                ended = await self._processes.run_ours(
                    command, cwd=folder, environment=self._environment, fds=fds
                )
        except TimeoutError as exc:
            raise GitFailed(f"git {name} took longer than {seconds:g} seconds") from exc
        except OSError as exc:
            raise GitFailed(f"git cannot be started: {exc.strerror}") from exc
        output = ended.output.decode(errors="replace")
        if ended.exit_code:
            raise GitFailed(self._clean(reason(output)) or f"git {name} failed")
        return output

    @asynccontextmanager
    async def _locked(self, url: str) -> AsyncIterator[Path]:
        """The repository's mirror, for this user of it alone on this machine."""
        folder = self._settings.folder
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        mirror = folder / f"{key_of(url)}.git"
        fd = os.open(mirror.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await self._wait_for(fd)
            os.utime(fd)
            yield mirror
        finally:
            os.close(fd)

    async def _wait_for(self, fd: int) -> None:
        """Wait for the lock; a kernel has no event for it that we could wait for instead."""
        try:
            async with asyncio.timeout(NETWORK_SECONDS):
                while not _try_lock(fd):
                    await self._clock.sleep(LOOK_SECONDS)
        except TimeoutError as exc:
            raise GitFailed("another session holds this repository's mirror for long") from exc

    def _make_room(self, used: Path) -> None:
        """Remove mirrors, those first that were used least lately, until the rest fits."""
        found = []
        for mirror in self._settings.folder.glob("*.git"):
            with suppress(OSError):
                found.append((mirror.with_suffix(".lock").stat().st_mtime, mirror))
        sizes = {mirror: _size(mirror) for _, mirror in found}
        total = sum(sizes.values())
        for _, mirror in sorted(found):
            if total <= self._settings.limit_bytes:
                return
            if mirror == used:
                continue
            with suppress(OSError), mirror.with_suffix(".lock").open("r+") as lock:
                if _try_lock(lock.fileno()):
                    shutil.rmtree(mirror, ignore_errors=True)
                    total -= sizes[mirror]


def _listed(text: str) -> tuple[str, dict[str, str]]:
    """The default branch, and each branch's commit, of what `ls-remote --symref` says."""
    head, heads = "", {}
    for line in text.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: refs/heads/"):
            head = value.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/"):
            heads[name.removeprefix("refs/heads/")] = value
    return head, heads


@contextmanager
def _in_memory(login: Login) -> Iterator[int]:
    """A descriptor from which git's helper reads the login, as often as it is asked."""
    fd = os.memfd_create("login", os.MFD_CLOEXEC)
    try:
        os.write(fd, f"username={login.user}\npassword={login.password}\n".encode())
        yield fd
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(folder: Path) -> int:
    total = 0
    for above, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += (Path(above) / name).stat().st_size
    return total
