"""What `login`, `logout`, `whoami` and `context …` do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from ambient.cli.connect import perform, translated
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.form import Form
from ambient.cli.output import Column, Listing, show_list
from ambient.cli.screen import Screen, data
from ambient.client import AsyncAmbient
from ambient.client.contexts import (
    LOCAL,
    Context,
    Contexts,
    Kube,
    read_contexts,
    write_contexts,
)
from ambient.client.errors import ClientError
from ambient.client.kubeconfig import KubeUser, find_user, how_to_get_a_token
from ambient.client.model import Me
from ambient.client.platform import chosen, in_the_clear, platform_of
from ambient.client.settings import ClientSettings, kubeconfig_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `ambient login` was told."""

    url: str
    kube_context: str | None
    kubeconfig: Path | None
    name: str | None
    project: str | None
    plain_http: bool


def login(asked: Asked) -> None:
    """Try it, and keep it only when the platform knows who it is."""
    url = _address(asked)
    files = (asked.kubeconfig.expanduser().absolute(),) if asked.kubeconfig else kubeconfig_files()
    settings = _settings()
    try:
        user = find_user(files, asked.kube_context)
        kept = read_contexts(settings.contexts)
    except ClientError as exc:
        raise translated(exc) from exc
    name = asked.name or user.context
    if name == LOCAL:
        raise Misused(f"'{LOCAL}' is this machine's platform.", hint="Choose another --name.")
    context = Context(
        url=url,
        kube=Kube(files=tuple(map(str, files)), context=user.context),
        project=asked.project,
    )
    me, projects = _tried(name, context, user)
    _write(settings.contexts, kept.with_one(name, context))
    screen = Screen()
    screen.line(f"Signed in at {url} as {me.user_id}, by context '{user.context}'.")
    if not projects:
        screen.line("You have no role in any project yet; whoever administers one can give it.")
    _say_what_goes_before(settings, screen)
    data(name)


def logout(name: str | None) -> None:
    """Forget it."""
    settings = _settings()
    kept = _read(settings.contexts)
    name = name or kept.current
    if name is None or name == LOCAL:
        raise Misused(
            "The platform of this machine has no login to forget.", hint="ambient context list"
        )
    try:
        left = kept.without(name)
    except ClientError as exc:
        raise translated(exc) from exc
    _write(settings.contexts, left)
    Screen().line(
        f"Forgotten: {name}. Commands go to the platform of this machine."
        if left.current is None
        else f"Forgotten: {name}."
    )


def whoami() -> None:
    """The name; where, on stderr."""

    async def asked(ambient: AsyncAmbient) -> tuple[Me, str]:
        return await ambient.me(), ambient.transport.url

    me, url = perform(asked)
    settings = _settings()
    found = chosen(settings)
    Screen().line(f"At {url}" + (f" (context '{found[0]}')" if found else ""), "dim")
    data(me.user_id)


def use(name: str) -> None:
    """The current one."""
    settings = _settings()
    try:
        kept = read_contexts(settings.contexts).using(name)
    except ClientError as exc:
        raise translated(exc) from exc
    _write(settings.contexts, kept)
    _say_what_goes_before(settings, Screen())


class _Line(BaseModel):
    """A context as it is listed."""

    name: str
    current: bool
    url: str | None = None
    kube_context: str | None = None
    project: str | None = None


_LISTING: Final[Listing[_Line]] = Listing(
    name=lambda one: f"context/{one.name}",
    columns=(
        Column("", lambda one: "*" if one.current else ""),
        Column("NAME", lambda one: one.name),
        Column("URL", lambda one: one.url or "this machine"),
        Column("KUBE CONTEXT", lambda one: one.kube_context or ""),
        Column("PROJECT", lambda one: one.project or "", wide=True),
    ),
    empty="",
)


def list_contexts(form: Form) -> None:
    """This machine's platform first."""
    settings = _settings()
    kept = _read(settings.contexts)
    lines = [_Line(name=LOCAL, current=kept.current is None)]
    lines += [
        _Line(
            name=name,
            current=name == kept.current,
            url=one.url,
            kube_context=one.kube.context,
            project=one.project,
        )
        for name, one in sorted(kept.contexts.items())
    ]
    show_list(lines, _LISTING, form)
    _say_what_goes_before(settings, Screen())


def _address(asked: Asked) -> str:
    """Raises Misused for what is no address, and for one that would show the token to others."""
    url = asked.url.rstrip("/").removesuffix("/api")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misused(f"{asked.url} is no address.", hint="Such as https://ambient.example.org")
    if in_the_clear(url) and not asked.plain_http:
        raise Misused(
            f"Your token would go to {parts.hostname} in the clear.",
            hint="Use https, or a port-forward to 127.0.0.1; --plain-http sends it all the same.",
        )
    return url


def _tried(name: str, context: Context, user: KubeUser) -> tuple[Me, bool]:
    """Who that is there, and whether there is any project for them. Raises CliError."""

    async def asked(ambient: AsyncAmbient) -> tuple[Me, bool]:
        me = await ambient.me()
        async for _one in ambient.projects.list():
            return me, True
        return me, False

    try:
        return perform(asked, platform=platform_of(name, context))
    except CliError as exc:
        if exc.exit is not Exit.NOT_ALLOWED or exc.request is None:
            raise
        raise CliError(
            f"{exc} It is the one of user '{user.name}', context '{user.context}'.",
            hint=f"Is {context.url} on the cluster of that context? If so, its token is over.\n"
            + how_to_get_a_token(user),
            exit=exc.exit,
            request=exc.request,
        ) from exc


def _say_what_goes_before(settings: ClientSettings, screen: Screen) -> None:
    """A setting of the environment that a context does not change."""
    named = {
        "AMBIENT_API_URL": settings.url,
        "AMBIENT_CONTEXT": settings.context,
        "AMBIENT_DATA": settings.data_named or None,
    }
    if first := next((one for one, value in named.items() if value), None):
        screen.line(f"{first} is set here, and goes before the context in use.", "amber")


def _settings() -> ClientSettings:
    return ClientSettings.from_env()


def _read(path: Path) -> Contexts:
    try:
        return read_contexts(path)
    except ClientError as exc:
        raise translated(exc) from exc


def _write(path: Path, contexts: Contexts) -> None:
    try:
        write_contexts(path, contexts)
    except ClientError as exc:
        raise translated(exc) from exc
