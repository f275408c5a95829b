"""What a runner is told at birth: the LaunchSpec of a session's next incarnation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ambient.contract.launch import LaunchSpec
from ambient.contract.registry import runner_type
from ambient.core.model import Session
from ambient.core.service.runners import Runners


@dataclass(frozen=True, slots=True, kw_only=True)
class GitOrders:
    """ca_bundle: certificates to trust, a file. cache_mib: bound of a machine's mirrors."""

    ca_bundle: Path | None = None
    cache_mib: int = 10_240


def launch_orders(
    backend_url: str, runners: Runners, git: GitOrders
) -> Callable[[Session], Awaitable[LaunchSpec]]:
    """Makes LaunchSpecs; the engine adds its own paths."""

    async def orders(session: Session) -> LaunchSpec:
        spec = session.spec
        kind = spec.runner_type or ""
        entry = runner_type(kind)
        given = await runners.given(session.project, kind)
        return LaunchSpec(
            session=session.name,
            project=session.project,
            generation=session.generation,
            runner_type=kind,
            agent_state_dir=entry.agent_state_dir if entry else ".ambient-agent",
            backend_url=backend_url,
            ca_bundle=str(git.ca_bundle) if git.ca_bundle else None,
            git_cache_mib=git.cache_mib,
            is_resume=session.generation > 1,
            parent_session=session.parent,
            model=spec.llm_settings.model,
            temperature=spec.llm_settings.temperature,
            max_tokens=spec.llm_settings.max_tokens,
            sdk_options=spec.sdk_options,
            timeout_seconds=spec.run_seconds,
            user_id=session.owner,
            user_name=session.owner_name,
            env={**given.settings, **spec.environment_variables},
            secret_env=dict(given.secrets),
        )

    return orders
