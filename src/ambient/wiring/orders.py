"""What a runner is told at birth: the LaunchSpec of a session's next incarnation."""

from collections.abc import Callable

from ambient.contract.launch import LaunchSpec
from ambient.contract.registry import runner_type
from ambient.core.model import Session


def launch_orders(backend_url: str) -> Callable[[Session], LaunchSpec]:
    """Makes LaunchSpecs; the engine adds its own paths."""

    def orders(session: Session) -> LaunchSpec:
        spec = session.spec
        kind = spec.runner_type or ""
        entry = runner_type(kind)
        return LaunchSpec(
            session=session.name,
            project=session.project,
            generation=session.generation,
            runner_type=kind,
            agent_state_dir=entry.agent_state_dir if entry else ".ambient-agent",
            backend_url=backend_url,
            is_resume=session.generation > 1,
            parent_session=session.parent,
            model=spec.llm_settings.model,
            temperature=spec.llm_settings.temperature,
            max_tokens=spec.llm_settings.max_tokens,
            sdk_options=spec.sdk_options,
            timeout_seconds=None if spec.timeout in (None, 300) else spec.timeout,
            user_id=session.owner,
            user_name=session.owner_name,
            env=spec.environment_variables,
        )

    return orders
