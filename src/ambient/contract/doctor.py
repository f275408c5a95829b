"""`ambient doctor`: from facts about a session's chain to links, each OK or with cause and next
step. Pure; the server gathers the facts and answers with the links.

A link that cannot be judged because an earlier one is broken says so instead of being counted as
another fault: one cause is one bad link. Kids only, never a token or a whole digest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Fact(BaseModel):
    """Base: camelCase on the wire, immutable."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class TokenFacts(Fact):
    """The token record. current and accepted are kids. leaked: not yet confirmed by the runner."""

    state: str
    generation: int
    current: str
    accepted: tuple[str, ...]
    leaked: bool = False
    undone: bool = False


class DigestsFacts(Fact):
    """The runner's digests file. kids: of what it holds. error: why it cannot be read; "": it
    can."""

    kids: tuple[str, ...] = ()
    error: str = ""


class ProcessFacts(Fact):
    """The runner's process. recorded: there is a record of one. same: the process of that pid is
    the recorded one, not a later one. ended: how it ended, in words."""

    recorded: bool
    alive: bool = False
    same: bool = False
    pid: int | None = None
    generation: int | None = None
    ended: str = ""


class AnswerFacts(Fact):
    """The runner's own word (GET /version). error: why there is none; "": there is."""

    error: str = ""
    contract_min: int = 0
    contract_max: int = 0
    accepts: tuple[str, ...] = ()


class CallFacts(Fact):
    """An authenticated call. cause: mismatch, missing, duplicate or unknown, of a refusal."""

    ok: bool
    error: str = ""
    cause: str = ""


class BotFacts(Fact):
    """The runner's bot token file. error: why it cannot be read or does not verify."""

    present: bool
    error: str = ""
    session: str = ""
    generation: int | None = None
    seconds_left: float | None = None


class JournalFacts(Fact):
    """How far the runner's journal is stored. stalled_seconds: how long it was watched without
    coming any nearer."""

    written: int = 0
    stored: int = 0
    stalled_seconds: float = 0.0


class JournalEnd(Fact):
    """Where the journal that a runner writes ends. written: how many events it has."""

    journal: str
    written: int


class WhereFacts(Fact):
    """What the links are called here, for somebody who goes and looks: `Pod s-runner`. Empty: a
    process, and files of the data folder."""

    record: str = ""
    runner: str = ""


class PlaceFacts(Fact):
    """What an engine can say of a runner's place. None: it cannot, or there is nothing yet."""

    where: WhereFacts = WhereFacts()
    process: ProcessFacts | None = None
    digests: DigestsFacts | None = None
    bot: BotFacts | None = None
    journal: JournalEnd | None = None


class DoctorFacts(Fact):
    """All that is known of one session's chain. None: nothing of the kind could be asked, as when
    no runner is wanted."""

    project: str
    session: str
    phase: str
    generation: int
    contract_min: int
    contract_max: int
    where: WhereFacts = WhereFacts()
    endpoint: str = ""
    token: TokenFacts | None = None
    digests: DigestsFacts | None = None
    process: ProcessFacts | None = None
    answer: AnswerFacts | None = None
    call: CallFacts | None = None
    bot: BotFacts | None = None
    journal: JournalFacts | None = None


class Link(Fact):
    """A link of the chain. ok: None: it was not judged, the sentence says why. next: what to do."""

    name: str
    ok: bool | None
    sentence: str
    next: str | None = None


class DoctorReply(Fact):
    """GET S/doctor. ok: no link is bad."""

    ok: bool
    links: tuple[Link, ...]


def judge(facts: DoctorFacts) -> DoctorReply:
    """The links in the order of the chain."""
    links: list[Link] = []
    for check in CHECKS:
        broken = next((one for one in links if one.name in check.needs and not one.ok), None)
        links.append(check.links(facts) if broken is None else _skipped(check.name, broken))
    return DoctorReply(ok=all(link.ok is not False for link in links), links=tuple(links))


Verdict = tuple[bool | None, str, str | None]
"""ok, sentence, next."""


@dataclass(frozen=True, slots=True)
class Check:
    """One link's judgement. needs: links without which it cannot be judged."""

    name: str
    judge: Callable[[DoctorFacts], Verdict]
    needs: Sequence[str] = ()

    def links(self, facts: DoctorFacts) -> Link:
        """The link."""
        ok, sentence, step = self.judge(facts)
        return Link(name=self.name, ok=ok, sentence=sentence, next=step)


_RUNNER_WANTED: Final = frozenset({"Creating", "Running"})
_FILE: Final = "The runner's digests file"
_SELF: Final = "Nothing to do for half a minute: the platform repairs it by itself. Else: "


def _replace(facts: DoctorFacts) -> str:
    name = f"{facts.session} -p {facts.project}"
    return f"ambient stop {name} --wait; ambient resume {name}"


def _log(facts: DoctorFacts) -> str:
    return f"ambient logs {facts.session} -p {facts.project}"


def _skipped(name: str, broken: Link) -> Link:
    why = f"Not judged: '{broken.name}' comes first."
    return Link(name=name, ok=None, sentence=why)


def _wanted(facts: DoctorFacts) -> Verdict:
    if facts.phase in _RUNNER_WANTED:
        return True, f"The session is {facts.phase}; it has incarnation {facts.generation}.", None
    return None, f"The session is {facts.phase or 'Pending'}: it has no runner, as it should.", None


def _token(facts: DoctorFacts) -> Verdict:
    token = facts.token
    within = f" in {facts.where.record}" if facts.where.record else ""
    if token is None:
        return False, f"There is no token record{within}.", _SELF + _replace(facts)
    if token.generation != facts.generation:
        said = f"The record is of incarnation {token.generation}, the runner {facts.generation}."
        return False, said, _SELF + _replace(facts)
    if token.leaked:
        said = f"A leaked token was replaced by {token.current}; the runner has not confirmed it."
        return False, said, "Wait: after 30 s the runner is replaced."
    undone = " The last rotation was undone." if token.undone else ""
    said = f"State {token.state}{within}, callers send {token.current}.{undone}"
    return True, said, None


def _digests(facts: DoctorFacts) -> Verdict:
    token, digests = facts.token, facts.digests
    if digests is None or token is None:
        return None, "The engine does not say.", None
    if digests.error:
        named = f"The digests in {facts.where.record}" if facts.where.record else _FILE
        said = f"{named} cannot be read: {digests.error}."
        return False, said, _SELF + _replace(facts)
    if set(digests.kids) != set(token.accepted):
        held, due = _kids(digests.kids), _kids(token.accepted)
        said = f"The digests file holds {held}, the record says {due}."
        return False, said, _SELF + _replace(facts)
    return True, f"It holds {_kids(digests.kids)}, as the record says.", None


def _process(facts: DoctorFacts) -> Verdict:
    process = facts.process
    if process is None:
        return None, "The engine does not say.", None
    pod = facts.where.runner
    if not process.recorded:
        said = f"There is no {pod}." if pod else "There is no record of a runner process."
        return False, said, f"{_SELF}{_replace(facts)}"
    if not process.alive:
        how = f": {process.ended}" if process.ended else ", and left no word"
        named = pod or f"process {process.pid}"
        return False, f"The runner ({named}) is gone{how}.", _log(facts)
    if not process.same:
        return _stranger(facts, process)
    if process.generation != facts.generation:
        said = f"The runner that lives is incarnation {process.generation}, not {facts.generation}."
        return False, said, _replace(facts)
    return True, f"{pod or f'Process {process.pid}'} is the recorded one.", None


def _stranger(facts: DoctorFacts, process: ProcessFacts) -> Verdict:
    if facts.where.runner:
        said = f"{facts.where.runner} was not made for this incarnation."
        return False, said, _SELF + _replace(facts)
    said = f"Process {process.pid} is another program: the runner is gone and its number reused."
    return False, said, _log(facts)


def _answer(facts: DoctorFacts) -> Verdict:
    answer = facts.answer
    if answer is None:
        return None, "The runner was not asked.", None
    at = f" at {facts.endpoint}" if facts.endpoint else ""
    if answer.error:
        said = f"The runner does not answer{at}: {answer.error}"
        return False, said, f"{_log(facts)}; if it stays so: {_replace(facts)}"
    return True, f"The runner answers{at}.", None


def _contract(facts: DoctorFacts) -> Verdict:
    answer = facts.answer
    if answer is None:
        return None, "The runner was not asked.", None
    ours = f"{facts.contract_min} to {facts.contract_max}"
    theirs = f"{answer.contract_min} to {answer.contract_max}"
    if answer.contract_min > facts.contract_max or facts.contract_min > answer.contract_max:
        said = f"The runner speaks contract {theirs}, the platform {ours}."
        return False, said, "Start the session with a runner of this release, or update Ambient."
    return True, f"Contract {theirs} and {ours} overlap.", None


def _accepts(facts: DoctorFacts) -> Verdict:
    answer, token = facts.answer, facts.token
    if answer is None or token is None:
        return None, "The runner was not asked.", None
    if token.current not in answer.accepts:
        said = f"Callers send {token.current}, the runner accepts {_kids(answer.accepts)}."
        return False, said, _SELF + _replace(facts)
    return True, f"The runner accepts {token.current}.", None


def _call(facts: DoctorFacts) -> Verdict:
    call = facts.call
    if call is None:
        return None, "No call was made.", None
    if call.ok:
        return True, "A call with the token was answered.", None
    if call.cause == "missing":
        said = "The token did not arrive at the runner although it was sent."
        return False, said, "Look for a proxy on the way that strips X-Ambient-Session-Token."
    return False, f"A call with the token was refused: {call.error}", _SELF + _replace(facts)


def _bot(facts: DoctorFacts) -> Verdict:
    bot = facts.bot
    if bot is None:
        return None, "The engine does not say.", None
    if not bot.present:
        return False, "The runner has no bot token.", _SELF + _replace(facts)
    if bot.error:
        return False, f"The runner's bot token is not valid: {bot.error}.", _SELF + _replace(facts)
    if bot.session != f"{facts.project}/{facts.session}" or bot.generation != facts.generation:
        said = f"The bot token is of {bot.session}, incarnation {bot.generation}."
        return False, said, _SELF + _replace(facts)
    if bot.seconds_left is not None and bot.seconds_left <= 0:
        said = f"The bot token ended {-bot.seconds_left:.0f} s ago and was not renewed."
        return False, said, "Is the clock right? " + _SELF + "ambient down; ambient up"
    left = "" if bot.seconds_left is None else f", {bot.seconds_left:.0f} s left"
    return True, f"The bot token is valid{left}.", None


def _journal(facts: DoctorFacts) -> Verdict:
    journal = facts.journal
    if journal is None:
        return None, "Nothing is written yet, or the engine does not say.", None
    lag = journal.written - journal.stored
    if lag > 0 and journal.stalled_seconds > 0:
        said = f"{lag} events of the runner are not stored, and nobody reads them."
        return False, said, "ambient down; ambient up (the events are kept in the runner's journal)"
    return True, f"Stored through event {journal.stored} of {journal.written}.", None


def _kids(kids: Sequence[str]) -> str:
    return ", ".join(sorted(kids)) or "nothing"


CHECKS: Final[tuple[Check, ...]] = (
    Check("session", _wanted),
    Check("token record", _token, ("session",)),
    Check("process", _process, ("session",)),
    Check("digests file", _digests, ("session", "token record")),
    Check("runner answers", _answer, ("session", "process")),
    Check("contract", _contract, ("session", "runner answers")),
    Check("token accepted", _accepts, ("session", "token record", "digests file", "contract")),
    Check("call", _call, ("session", "token accepted")),
    Check("bot token", _bot, ("session", "process")),
    Check("journal", _journal, ("session", "call")),
)
"""The chain, each link after those it hangs on."""
