"""`ambient doctor`: the chain, link by link, each OK or with cause and next step."""

from collections.abc import Sequence

from ambient.cli.clean import clean
from ambient.cli.connect import perform
from ambient.cli.exits import Exit
from ambient.cli.form import Form
from ambient.cli.screen import Screen, data
from ambient.client import AsyncAmbient
from ambient.client.model import Link


def doctor(name: str | None, project: str | None, *, every: bool, form: Form) -> Exit:
    """Print the links; Exit.FAULT if one is not OK."""

    async def work(ambient: AsyncAmbient) -> list[Link]:
        return list(await ambient.sessions[name or ""].doctor())

    links = perform(work, project)
    return _shown(links)


def _shown(links: Sequence[Link]) -> Exit:
    screen = Screen()
    for one in links:
        data(f"{'OK ' if one.ok else 'BAD'} {one.name}: {clean(one.sentence)}")
        if one.next:
            screen.line(f"    next: {clean(one.next)}")
    return Exit.DONE if all(one.ok for one in links) else Exit.FAULT
