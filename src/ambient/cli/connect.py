"""From a command to the platform: one event loop, one client, one project; its errors as ours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ambient.cli.exits import CliError, Exit
from ambient.client import AsyncAmbient, errors
from ambient.client.platform import Platform

Found = TypeVar("Found")

_EXITS: Final[tuple[tuple[type[errors.ClientError], Exit], ...]] = (
    (errors.Malformed, Exit.USAGE),
    (errors.Invalid, Exit.USAGE),
    (errors.TooLarge, Exit.USAGE),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Unauthenticated, Exit.NOT_ALLOWED),
    (errors.Forbidden, Exit.NOT_ALLOWED),
    (errors.Conflict, Exit.CONFLICT),
    (errors.CursorUnknown, Exit.CONFLICT),
    (errors.RunFailed, Exit.FAILED),
    (errors.SessionFailed, Exit.FAILED),
    (errors.WaitedTooLong, Exit.TIMEOUT),
    (errors.NoCredential, Exit.NOT_ALLOWED),
    (errors.NoPlatform, Exit.UNREACHABLE),
    (errors.Unreachable, Exit.UNREACHABLE),
    (errors.Unavailable, Exit.UNREACHABLE),
)


_SEVERAL: Final = 2


def perform(
    work: Callable[[AsyncAmbient], Awaitable[Found]],
    project: str | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
    platform: Platform | None = None,
) -> Found:
    """Do a piece of work with a client. Raises CliError for what the client raises."""

    async def connected() -> Found:
        async with AsyncAmbient(url, token, project, platform=platform) as ambient:
            return await work(ambient)

    try:
        return asyncio.run(connected())
    except errors.ClientError as exc:
        raise translated(exc) from exc


def translated(error: errors.ClientError) -> CliError:
    """The error with its exit code."""
    code = next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAULT)
    if not isinstance(error, errors.ApiError):
        return CliError(str(error), hint=error.hint, exit=code)
    return CliError(_all_fields(error), hint=error.hint, exit=code, request=error.request_id)


def _all_fields(error: errors.ApiError) -> str:
    """The sentence, and a line for every field where there is more than one to correct."""
    fields = error.details.get("fields") or ()
    if len(fields) < _SEVERAL:
        return str(error)
    return "\n".join([str(error), *(f"  {one['field']}: {one['message']}" for one in fields)])
