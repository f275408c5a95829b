"""Kubernetes label selectors, as text (api.md 2.3): `a=b, c!=d, e in (f,g), h notin (i), j, !k`."""

import re
from typing import Final

from ambient.core.errors import InvalidParameter

Term = tuple[str, str, tuple[str, ...]]

_TERM: Final = re.compile(
    r"\s*(?:(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|(?P<set_key>[\w./-]+)\s+(?P<set>in|notin)\s*\(\s*(?P<values>[\w.\s,-]*)\)"
    r"|(?P<no>!?)\s*(?P<bare>[\w./-]+))\s*(?:,|$)"
)


def parse(text: str) -> tuple[Term, ...]:
    """The terms (key, operator, values). Raises InvalidParameter."""
    found: list[Term] = []
    at = 0
    while at < len(text.rstrip()):
        term = _TERM.match(text, at)
        if term is None:
            raise InvalidParameter(
                f"labelSelector cannot be read from character {at + 1} on.",
                hint="For example: team=web, tier in (front,back), !done",
            )
        found.append(_term(term))
        at = term.end()
    return tuple(found)


def _term(term: re.Match[str]) -> Term:
    if term["op"]:
        return term["key"], "!=" if term["op"] == "!=" else "=", (term["value"],)
    if term["set"]:
        values = tuple(one.strip() for one in term["values"].split(","))
        return term["set_key"], term["set"], values
    return term["bare"], "!exists" if term["no"] else "exists", ()
