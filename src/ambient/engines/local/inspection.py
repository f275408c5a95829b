"""What a place says of its runner, for the doctor: read from its files, nothing repaired."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ambient.contract.doctor import BotFacts, DigestsFacts, JournalEnd, PlaceFacts, ProcessFacts
from ambient.contract.names import BOT_SUBJECT, BOT_TOKEN_KEY, DIGESTS_KEY
from ambient.contract.tokens import DigestsInvalid, kid, read_digests
from ambient.core.errors import TokenExpired, Unauthenticated
from ambient.core.ports import Clock
from ambient.engines.local.bot_tokens import BotTokens
from ambient.engines.local.ending import ending_of
from ambient.engines.local.leftover import SUFFIX
from ambient.engines.local.place import Place
from ambient.engines.local.process import process_of

_AHEAD: Final = "it was made after the present time, so the clock was set back"


def inspect(place: Place | None, bots: BotTokens, clock: Clock) -> PlaceFacts:
    """The facts. Blocks; call it in a thread."""
    if place is None:
        return PlaceFacts(process=ProcessFacts(recorded=False))
    return PlaceFacts(
        process=_process(place),
        digests=_digests(place.folder / DIGESTS_KEY),
        bot=_bot(place.folder / BOT_TOKEN_KEY, bots, clock),
        journal=_journal(place),
    )


def _process(place: Place) -> ProcessFacts:
    who = place.identity()
    if who is None:
        return ProcessFacts(recorded=False)
    claimed = place.claim()
    found, alive = process_of(who.process.pid), place.alive()
    return ProcessFacts(
        recorded=True,
        # Another program under the number counts as alive here; `same` tells it apart.
        alive=alive or (found is not None and found != who.process),
        same=alive,
        pid=who.process.pid,
        generation=claimed[1] if claimed else who.generation,
        ended="" if alive else _ended(place),
    )


def _ended(place: Place) -> str:
    ending = ending_of(place)
    if ending.signal is not None:
        how = f"ended by signal {ending.signal}"
    else:
        how = "" if ending.code is None else f"exit code {ending.code}"
    last = f"its last words: {ending.last_line}" if ending.last_line else ""
    return ", ".join(part for part in (how, last) if part)


def _digests(path: Path) -> DigestsFacts:
    try:
        found = read_digests(path.read_text())
    except OSError as exc:
        return DigestsFacts(error=exc.strerror or "unreadable")
    except (DigestsInvalid, UnicodeDecodeError) as exc:
        return DigestsFacts(error=str(exc))
    return DigestsFacts(kids=tuple(kid(one) for one in found))


def _bot(path: Path, bots: BotTokens, clock: Clock) -> BotFacts:
    try:
        token = path.read_text()
    except (OSError, UnicodeDecodeError):
        return BotFacts(present=False)
    try:
        bots.verify(token)
    except TokenExpired:
        # Ours, or it would have been refused before its time was looked at.
        said = _said(token, clock)
        ahead = said.seconds_left is not None and said.seconds_left > 0
        return said.model_copy(update={"error": _AHEAD}) if ahead else said
    except Unauthenticated as exc:
        return BotFacts(present=True, error=str(exc).rstrip("."))
    return _said(token, clock)


def _said(token: str, clock: Clock) -> BotFacts:
    """What a token with a good signature says of itself."""
    part = token.split(".")[1]
    claims = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    ends = datetime.fromtimestamp(claims["exp"], UTC)
    return BotFacts(
        present=True,
        session=str(claims["sub"]).removeprefix(BOT_SUBJECT),
        generation=claims["gen"],
        seconds_left=(ends - clock.now()).total_seconds(),
    )


def _journal(place: Place) -> JournalEnd | None:
    """The journal that was written to last; a line without its end does not count."""
    try:
        files = [(one.stat().st_mtime, one) for one in place.journal.glob(f"*{SUFFIX}")]
    except OSError:
        return None
    if not files:
        return None
    _, newest = max(files)
    with newest.open("rb") as file:
        written = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return JournalEnd(journal=newest.stem, written=written)
