"""Feature flags: what a project may use, switched by its admins (api.md 3.8).

Every runner type and every model has one, on until somebody switches it off; the platform's file
may give them other defaults and add flags of its own. A project's override is a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ambient.contract.registry import MODELS, RUNNER_TYPES, from_packages
from ambient.core.errors import Invalid, NotFound
from ambient.core.ports import ObjectStore, SessionStore

OVERRIDES: Final = "flag"
MAX_NAME: Final = 100
_ON: Final = b"on"
_OFF: Final = b"off"


class FlagNotFound(NotFound):
    """There is no such flag."""

    hint = "List them: GET /api/projects/PROJECT/feature-flags"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """enabled: where no project says otherwise."""

    name: str
    description: str = ""
    enabled: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagState:
    """A flag as it is in one project. override: what the project says; None: nothing."""

    flag: Flag
    override: bool | None = None

    @property
    def enabled(self) -> bool:
        """What counts."""
        return self.flag.enabled if self.override is None else self.override

    @property
    def source(self) -> str:
        """Who says so: workspace-override or default."""
        return "default" if self.override is None else "workspace-override"


class Flags:
    """Use cases about a project's flags. Raise ProjectNotFound. given: the platform's file's."""

    def __init__(
        self, *, objects: ObjectStore, store: SessionStore, given: Sequence[Flag] = ()
    ) -> None:
        self._objects = objects
        self._store = store
        self._given = {one.name: one for one in given}

    async def list(self, project: str) -> Sequence[FlagState]:
        """Every flag, by name."""
        known, scope = self._known(), await self._scope(project)
        kept = {one.name: one.doc for one in await self._objects.list_objects(OVERRIDES, scope)}
        return [_state(known[name], kept.get(name)) for name in sorted(known)]

    async def get(self, project: str, name: str) -> FlagState:
        """One. Raises FlagNotFound."""
        flag = self._known().get(name)
        if flag is None:
            raise FlagNotFound(f"There is no flag '{name}'.")
        kept = await self._objects.get_object(OVERRIDES, await self._scope(project), name)
        return _state(flag, kept.doc if kept else None)

    async def is_on(self, project: str, name: str) -> bool:
        """Whether it is on there. An unknown flag is off."""
        try:
            return (await self.get(project, name)).enabled
        except FlagNotFound:
            return False

    async def override(self, project: str, name: str, *, enabled: bool | None) -> FlagState:
        """Let a project say otherwise; None: no longer. Returns what counts now.

        Raises FlagNotFound.
        """
        found, scope = await self.get(project, name), await self._scope(project)
        if enabled is None:
            await self._objects.delete_object(OVERRIDES, scope, name)
        else:
            doc = _ON if enabled else _OFF
            await self._objects.put_object(OVERRIDES, scope, name, doc)
        return FlagState(flag=found.flag, override=enabled)

    async def _scope(self, project: str) -> str:
        """This very project: one of the same name that is made later begins with the defaults."""
        made = (await self._store.get_project(project)).created_at
        return f"{project}/{made.timestamp()}"

    def _known(self) -> dict[str, Flag]:
        return {one.name: one for one in _of_registry()} | self._given


class FlagFileInvalid(Invalid):
    """The platform's file of flags cannot be used."""


def flags_of(text: str) -> tuple[Flag, ...]:
    """Those of a file: a JSON object of name → {enabled, description?, tags?}.

    Raises FlagFileInvalid, naming what is wrong and where.
    """
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
        return tuple(
            msgspec.convert({**_named(name), **_fields(name, one)}, Flag)
            for name, one in found.items()
        )
    except msgspec.MsgspecError as exc:
        raise FlagFileInvalid(f"The file of flags cannot be used: {exc}") from exc


def runner_flag(kind: str) -> str:
    """The flag of a runner type."""
    return f"runner.{kind}.enabled"


def model_flag(name: str) -> str:
    """The flag of a model."""
    return f"model.{name}.enabled"


def _of_registry() -> Sequence[Flag]:
    runners = [
        Flag(
            name=runner_flag(one.id),
            description=f"Sessions may be made with {one.display_name}.",
            enabled=True,
            tags=("runner",),
        )
        for one in (*RUNNER_TYPES, *from_packages())
    ]
    models = [
        Flag(
            name=model_flag(one.id),
            description=f"Sessions may use the model {one.label}.",
            enabled=True,
            tags=("model",),
        )
        for one in MODELS
    ]
    return [*runners, *models]


def _named(name: str) -> Mapping[str, Any]:
    known = {one.name: one for one in _of_registry()}.get(name)
    if not name or len(name) > MAX_NAME or any(not one.isprintable() for one in name):
        raise FlagFileInvalid(f"A flag's name has 1 to {MAX_NAME} printable characters: {name!r}.")
    given: dict[str, Any] = {"name": name}
    return (
        given if known is None else given | {"description": known.description, "tags": known.tags}
    )


def _fields(name: str, one: object) -> Mapping[str, Any]:
    if not isinstance(one, dict) or not isinstance(one.get("enabled"), bool):
        raise FlagFileInvalid(f"Flag '{name}' needs `enabled`: true or false.")
    if unknown := one.keys() - {"enabled", "description", "tags"}:
        raise FlagFileInvalid(f"Flag '{name}' has no field '{sorted(unknown)[0]}'.")
    return one


def _state(flag: Flag, kept: bytes | None) -> FlagState:
    return FlagState(flag=flag, override=None if kept is None else kept == _ON)
