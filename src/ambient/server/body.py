"""Reading what a caller sends: never more than the route allows, and strict JSON only."""

import re
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.types import Message, Receive

from ambient.core.errors import Malformed, TooLarge

MAX_DEPTH: Final = 100
"""How deep JSON may be nested. Enough for people; no encoder of ours runs out of stack."""
_DECODER: Final = msgspec.json.Decoder()
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPEN: Final = ord("[")
_CLOSE_TO_ONE: Final = bytes.maketrans(b"{}", b"[]")


def limited(receive: Receive, limit: int, error: type[TooLarge], declared: str | None) -> Receive:
    """`receive`, but raising `error` as soon as more than `limit` bytes are announced or came."""
    seen = 0

    async def guarded() -> Message:
        nonlocal seen
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise too_large(error, limit)
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise too_large(error, limit)
        return message

    return guarded


def too_large(error: type[TooLarge], limit: int) -> TooLarge:
    """The error, with the limit in words."""
    return error(
        f"The body is larger than {_words(limit)}.",
        hint="Send less, or put large content into a file of the workspace.",
        limitBytes=limit,
    )


class StrictRequest(Request):
    """A request whose JSON is decoded by msgspec: UTF-8 only, no NaN, no lone surrogates."""

    async def json(self) -> Any:
        """The body. null means absent; a change keeps it, where it may delete. Raises Malformed."""
        body = decode(await self.body())
        return without_nulls(body) if self.method == "POST" else body


def decode(raw: bytes) -> Any:
    """JSON to Python. Raises Malformed, also for what is nested too deep."""
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise Malformed(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise Malformed(f"The body is not valid JSON: {exc}.") from exc


def without_nulls(value: Any) -> Any:
    """The same without fields that are null; what stands in a list keeps its place."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def _depth(raw: bytes) -> int:
    """How deep it is nested, as far as it matters; brackets inside strings do not count."""
    deepest = depth = 0
    for bracket in _STRING.sub(b"", raw).translate(_CLOSE_TO_ONE, _NO_BRACKETS):
        depth += 1 if bracket == _OPEN else -1
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest


def _words(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
