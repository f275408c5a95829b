"""What an API server answers, in our words: one table, at the border.

NotFound     ObjectNotFound
Conflict     StaleWrite, AlreadyExists (core's own)
Unavailable  ClusterUnavailable (core's own) with Throttled, Silent, ClusterRefused, HistoryGone
Invalid      ObjectInvalid
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
import msgspec

from ambient.core.errors import (
    AlreadyExists,
    AmbientError,
    ClusterRefused,
    ClusterUnavailable,
    Invalid,
    NotFound,
    StaleWrite,
    Unavailable,
)


class ObjectNotFound(NotFound):
    """There is no such object in the cluster."""


class ObjectInvalid(Invalid):
    """The cluster does not accept the object as it is."""


class Throttled(ClusterUnavailable):
    """The cluster's API is busy: the call was not carried out, and may be made again after so many
    seconds."""

    seconds = 1.0


class Silent(ClusterUnavailable):
    """A watch that is open said nothing for long, not even that nothing has changed. An API server
    of 1.20 sends no bookmarks of a kind of which it has never seen an object."""


class HistoryGone(Unavailable):
    """The cluster no longer knows the changes since then; everything has to be read again."""


def error_of(status: int, body: bytes, retry_after: str = "") -> AmbientError:
    """Our error for a reply that is not 2xx; its sentence is the cluster's own. retry_after: the
    header, with which alone a call is put off and not refused."""
    said = _status(body)
    message = str(said.get("message") or f"The cluster answered with HTTP {status}.")
    reason = str(said.get("reason") or "")
    if status == 404:
        return ObjectNotFound(message)
    if status == 409:
        return AlreadyExists(message) if reason == "AlreadyExists" else StaleWrite(message)
    if status == 410:
        return HistoryGone(message)
    if status in (400, 415, 422):
        return ObjectInvalid(message)
    if status in (401, 403, 405):
        return ClusterRefused(message)
    return _unavailable(status, message, said, retry_after)


def event_error(said: Mapping[str, Any]) -> AmbientError:
    """The error that a watch says in an event of type ERROR."""
    return error_of(int(said.get("code") or 500), msgspec.json.encode(said))


@contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        what = str(exc) or type(exc).__name__
        raise ClusterUnavailable(f"The cluster's API does not answer: {what}.") from exc


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _unavailable(
    status: int, message: str, said: Mapping[str, Any], retry_after: str
) -> ClusterUnavailable:
    if status == 429 and retry_after.isdigit():
        busy = Throttled(message, retryAfter=int(retry_after))
        busy.seconds = float(retry_after)
        return busy
    return ClusterUnavailable(message, **_retry_after(said))


def _retry_after(said: Mapping[str, Any]) -> dict[str, Any]:
    details = said.get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    return {"retryAfter": seconds} if isinstance(seconds, int) else {}
