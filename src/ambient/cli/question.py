"""An open question in the terminal: how it is shown, and what a typed answer means."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambient.cli.clean import clean
from ambient.cli.exits import Misused
from ambient.contract.status import question_of

_YES: Final = frozenset({"y", "yes", "allow", "true"})
_NO: Final = frozenset({"n", "no", "deny", "false"})


def options_of(interrupt: Mapping[str, Any]) -> list[Any]:
    """The answers that are offered; none: any text."""
    schema = interrupt.get("responseSchema") or {}
    return list(schema.get("enum") or ())


def shown(interrupt: Mapping[str, Any]) -> list[str]:
    """The question as lines."""
    lines = [f"⏸ {clean(question_of(interrupt))}"]
    lines += [
        f"  {number}. {clean(str(one))}" for number, one in enumerate(options_of(interrupt), 1)
    ]
    if _wants_yes_or_no(interrupt):
        lines.append("  y or n")
    return lines


def payload_of(interrupt: Mapping[str, Any], typed: str) -> Any:
    """What a typed line answers. Raises Misused when the question does not take it."""
    said = typed.strip()
    options = options_of(interrupt)
    if not said:
        raise Misused("Nothing was typed.", hint="Type an answer, or a number where there are any.")
    if _wants_yes_or_no(interrupt):
        if said.lower() in _YES | _NO:
            return said.lower() in _YES
        raise Misused(f"'{said}' is neither yes nor no.", hint="Type y or n.")
    if said.isdigit() and options:
        return choice_of(interrupt, int(said))
    return said


def choice_of(interrupt: Mapping[str, Any], number: int) -> Any:
    """The option of a number, counted from 1. Raises Misused."""
    options = options_of(interrupt)
    if not 1 <= number <= len(options):
        raise Misused(
            f"There is no option {number}.",
            hint=f"Choose 1 to {len(options)}." if options else "It takes any text.",
        )
    return options[number - 1]


def answers_of(
    questions: Sequence[Mapping[str, Any]], text: str | None, choices: Sequence[int]
) -> dict[str, Any]:
    """One answer for each open question, in their order. Raises Misused when they do not match."""
    given = [text] if text is not None else []
    if len(given) + len(choices) != len(questions):
        asked = " · ".join(clean(question_of(one)) for one in questions)
        raise Misused(
            f"{len(questions)} answers are needed, {len(given) + len(choices)} given.",
            hint=f"Open: {asked}. Answer with a text, or --choose N for each in this order.",
        )
    if text is not None:
        return {questions[0]["id"]: payload_of(questions[0], text)}
    return {
        one["id"]: choice_of(one, number) for one, number in zip(questions, choices, strict=True)
    }


def _wants_yes_or_no(interrupt: Mapping[str, Any]) -> bool:
    return bool((interrupt.get("responseSchema") or {}).get("type") == "boolean")
