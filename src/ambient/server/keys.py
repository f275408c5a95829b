"""Access keys as callers, before whoever else says who calls and who may."""

from collections.abc import Mapping

from ambient.core.model import Principal
from ambient.core.ports import Authenticator, Authorizer
from ambient.core.service.access_keys import PREFIX, AccessKeys
from ambient.server.auth import bearer_of


class WithKeys:
    """Authenticator that knows access keys, and leaves every other credential to `others`."""

    def __init__(self, keys: AccessKeys, others: Authenticator) -> None:
        self._keys = keys
        self._others = others

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """headers: lower-case names."""
        bearer = bearer_of(headers)
        if bearer is not None and bearer.startswith(PREFIX):
            return await self._keys.verify(bearer)
        return await self._others.authenticate(headers)


class KeysByGrant:
    """Authorizer: a key has its own role in its own project and none elsewhere."""

    def __init__(self, others: Authorizer) -> None:
        self._others = others

    async def role(self, caller: Principal, project: str) -> str | None:
        """The caller's role in a project; None: none."""
        if caller.grant is not None:
            return caller.grant.role if project == caller.grant.project else None
        return await self._others.role(caller, project)
