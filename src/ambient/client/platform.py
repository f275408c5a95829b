"""Which platform is meant, and what is shown to it.

AMBIENT_API_URL with AMBIENT_TOKEN; else the context that AMBIENT_CONTEXT names; else the platform
of this machine, where AMBIENT_DATA names its folder; else the current context; else the platform of
this machine.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ambient.client.contexts import LOCAL, Context, read_contexts
from ambient.client.credential import Credential, Fixed
from ambient.client.errors import NoPlatform
from ambient.client.kubeconfig import KubeToken
from ambient.client.settings import (
    DEFAULT_PROJECT,
    ClientSettings,
    find_server,
    owner_token,
)

START: Final = "Start the platform: ambient up"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform and the credential for it. absent: what to do when nobody answers there. project:
    for who names none."""

    url: str
    credential: Credential
    absent: str = START
    project: str = DEFAULT_PROJECT


def find_platform(settings: ClientSettings) -> Platform:
    """The platform meant by the settings. Raises NoPlatform with the next step."""
    if settings.url is not None:
        if settings.token is None:
            raise NoPlatform(
                "AMBIENT_API_URL is set, but AMBIENT_TOKEN is not.",
                hint="Set AMBIENT_TOKEN to an access key, or unset AMBIENT_API_URL.",
            )
        return Platform(url=settings.url, credential=Fixed(settings.token))
    if (found := chosen(settings)) is not None:
        return platform_of(*found)
    server = find_server(settings.data)
    if server is None:
        raise NoPlatform(f"No platform runs on the data in {settings.data}.", hint=START)
    return Platform(url=server.url, credential=Fixed(settings.token or owner_token(settings.data)))


def chosen(settings: ClientSettings) -> tuple[str, Context] | None:
    """The context that is meant, with its name; None: none is. Raises NoPlatform."""
    if settings.url is not None or settings.context == LOCAL:
        return None
    if settings.context is None and settings.data_named:
        return None
    kept = read_contexts(settings.contexts)
    name = settings.context or kept.current
    return None if name is None else (name, kept.named(name))


def platform_of(name: str, context: Context) -> Platform:
    """A context's."""
    absent = f"Does it run, and is its port-forward open? Context '{name}': ambient context list"
    return Platform(
        url=context.url,
        credential=KubeToken(context.kube),
        absent=absent,
        project=context.project or DEFAULT_PROJECT,
    )


def in_the_clear(url: str) -> bool:
    """Whether a token sent there could be read on its way."""
    parts = urlsplit(url)
    return parts.scheme != "https" and parts.hostname not in _LOOPBACK
