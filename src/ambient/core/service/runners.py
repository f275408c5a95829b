"""Which runner a session gets, and what that runner is given to reach its models (api.md 3.9).

Values come from the project's own secrets, else from the platform's surroundings; they leave here
only in the orders of a runner. The two are never mixed: a project's key goes to no other address
than the project says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ambient.contract.registry import CLAUDE, DEMO, RunnerType, model, runner_type
from ambient.core.errors import ModelUnavailable, RunnerDisabled, RunnerSecretMissing
from ambient.core.service.flags import model_flag, runner_flag
from ambient.core.service.secrets import SecretSet

VERTEX: Final = "CLAUDE_CODE_USE_VERTEX"


def _everything(kind: str) -> bool:
    return bool(kind)


class ProjectSecrets(Protocol):
    """Where a project's secrets are read: `Secrets`, or elsewhere."""

    async def values(self, project: str, which: SecretSet) -> dict[str, str]:
        """Name → value."""
        ...


class Switches(Protocol):
    """Where it is switched what a project may use: `Flags`."""

    async def is_on(self, project: str, name: str) -> bool:
        """Whether the flag is on there."""
        ...


class AllOn:
    """Where nothing can be switched off."""

    async def is_on(self, project: str, name: str) -> bool:
        """It is."""
        return bool(project or name)


class Elsewhere:
    """For who hands on references, not values: a cluster mounts secrets into the place itself."""

    async def values(self, project: str, which: SecretSet) -> dict[str, str]:
        """None to be read here."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a runner is given. secrets: to be known by its redactor; settings: no secrets."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runners:
    """host: what the platform's own surroundings hold for runners of a provider, by name.

    is_installed: whether this machine can run that type at all. switches: what projects may use.
    """

    secrets: ProjectSecrets = field(default_factory=Elsewhere)
    host: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_installed: Callable[[str], bool] = _everything
    switches: Switches = field(default_factory=AllOn)

    async def default(self, project: str) -> str:
        """For a session that names none: Claude where it can work, else the demo agent."""
        entry = runner_type(CLAUDE)
        if entry is None or not self.is_installed(CLAUDE):
            return DEMO
        if not await self.switches.is_on(project, runner_flag(CLAUDE)):
            return DEMO
        return CLAUDE if await self._has_key(project, entry) else DEMO

    async def require_model(self, project: str, name: str | None) -> None:
        """Raises ModelUnavailable: the project may not use it. None: none was chosen."""
        entry = model(name) if name else None
        if entry is None or await self.switches.is_on(project, model_flag(entry.id)):
            return
        raise ModelUnavailable(
            f"The model {entry.label} is switched off in {project}.",
            hint=f"Choose another one, or have an admin switch on {model_flag(entry.id)}.",
        )

    async def require(self, project: str, kind: str) -> None:
        """Raises RunnerDisabled, RunnerSecretMissing: a session of that type cannot work here."""
        problem = await self.problem(kind, project)
        if problem is not None:
            raise problem

    async def problem(
        self, kind: str, project: str | None = None
    ) -> RunnerDisabled | RunnerSecretMissing | None:
        """Why a session of that type cannot work in the project, or, without one, anywhere here;
        None: it can, as far as is known before one is tried."""
        entry = runner_type(kind)
        if entry is None:
            return None  # the spec's own checks say so
        if project is not None and not await self.switches.is_on(project, runner_flag(entry.id)):
            return RunnerDisabled(
                f"The {entry.display_name} agent is switched off in {project}.",
                hint=f"Choose another one, or have an admin switch on {runner_flag(entry.id)}.",
            )
        if not self.is_installed(kind):
            return RunnerDisabled(
                f"The {entry.display_name} agent is not installed here.",
                hint=f"Install it: pip install 'ambient[{entry.extra}]', then start Ambient again.",
            )
        if project is not None and not await self._has_key(project, entry):
            names = " or ".join(entry.auth.required_secret_keys)
            return RunnerSecretMissing(
                f"{entry.display_name} needs {names}, which this project does not have.",
                hint=f"Set {entry.auth.required_secret_keys[0]} where Ambient is started, "
                "or among the project's runner secrets.",
            )
        return None

    async def given(self, project: str, kind: str) -> Given:
        """What a runner of that type is given."""
        entry = runner_type(kind)
        tools = await self.secrets.values(project, SecretSet.INTEGRATION)
        if entry is None:
            return Given(secrets=tools)
        found = await self._for_models(project, entry)
        plain = {name: value for name, value in found.items() if name in entry.auth.settings}
        hidden = {name: value for name, value in found.items() if name not in plain}
        return Given(secrets={**hidden, **tools}, settings=plain)

    async def reach(self, project: str, entry: RunnerType) -> Mapping[str, str]:
        """What a runner of that type reaches its models with: for a test of it, for no reply."""
        return await self._for_models(project, entry)

    async def _for_models(self, project: str, entry: RunnerType) -> dict[str, str]:
        own = await self.secrets.values(project, SecretSet.RUNNER)
        source = own if set(own) & entry.auth.names else self.host
        found = {name: value for name, value in source.items() if name in entry.auth.names}
        if _uses_vertex(entry, found):
            return {name: found[name] for name in found if name in entry.auth.settings}
        return found

    async def _has_key(self, project: str, entry: RunnerType) -> bool:
        wanted = entry.auth.required_secret_keys
        if not wanted:
            return True
        found = await self._for_models(project, entry)
        if _uses_vertex(entry, found):
            return True
        needed = {"any": any, "all": all}[entry.auth.secret_key_logic]
        return needed(name in found for name in wanted)


def _uses_vertex(entry: RunnerType, found: Mapping[str, str]) -> bool:
    return entry.auth.vertex_supported and found.get(VERTEX, "0") not in ("", "0")
