"""Which projects a caller may see, and as what: asked of the authorizer, several at a time."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from ambient.core.model import Principal, Role
from ambient.core.ports import Authorizer

AT_ONCE: Final = 16
"""Questions under way together: on a cluster each is up to three calls of its API."""


async def visible(
    authorizer: Authorizer, caller: Principal, projects: Iterable[str]
) -> frozenset[str]:
    """Those in which the caller has a role. Raises as `roles` does."""
    return frozenset(await roles(authorizer, caller, projects))


async def roles(
    authorizer: Authorizer, caller: Principal, projects: Iterable[str]
) -> Mapping[str, Role]:
    """The caller's role in each of those in which there is one. Raises what the authorizer raises:
    a question that was not answered makes no list that looks complete."""
    left, seen = iter(projects), dict[str, Role]()

    async def ask() -> None:
        for one in left:
            if (role := await authorizer.role(caller, one)) is not None:
                seen[one] = Role(role)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(ask())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return seen
