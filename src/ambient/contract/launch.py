"""LaunchSpec: all that a runner is told at birth, or with its claim (api.md 10).

The reconciler makes one, an engine writes it with `to_env`, the runner reads it with `from_env`;
`POST /claim` carries the same model as JSON. Secret values travel in `secret_env` and are never
written to disk.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ambient.contract.names import SECRETS_DIR

ENTRY_POINTS: Final = "ambient.agents"
"""The entry point group in which an installed package names agents of its own."""
ENV: Final[Mapping[str, str]] = {
    "session": "SESSION_ID",
    "project": "PROJECT_NAME",
    "generation": "AMBIENT_RUNNER_GENERATION",
    "contract": "AMBIENT_CONTRACT",
    "runner_type": "RUNNER_TYPE",
    "agent_state_dir": "RUNNER_STATE_DIR",
    "host": "AGUI_HOST",
    "port": "AGUI_PORT",
    "token": "AGUI_TOKEN",
    "digests_file": "AMBIENT_TOKEN_DIGESTS_FILE",
    "bot_token_file": "AMBIENT_BOT_TOKEN_FILE",
    "backend_url": "BACKEND_API_URL",
    "workspace": "WORKSPACE_PATH",
    "artifacts_dir": "ARTIFACTS_DIR",
    "state_dir": "AMBIENT_STATE_DIR",
    "git_cache": "AMBIENT_GIT_CACHE",
    "git_cache_mib": "AMBIENT_GIT_CACHE_MIB",
    "ca_bundle": "AMBIENT_CA_BUNDLE",
    "place": "AMBIENT_PLACE",
    "is_resume": "IS_RESUME",
    "parent_session": "PARENT_SESSION_ID",
    "model": "LLM_MODEL",
    "temperature": "LLM_TEMPERATURE",
    "max_tokens": "LLM_MAX_TOKENS",
    "sdk_options": "SDK_OPTIONS",
    "timeout_seconds": "TIMEOUT",
    "mcp_servers": "CUSTOM_MCP_SERVERS",
    "user_id": "USER_ID",
    "user_name": "USER_NAME",
}
"""Field → the environment variable that carries it. What has no row does not travel."""

ALIASES: Final[Mapping[str, str]] = {
    "AGENTIC_SESSION_NAME": "session",
    "AGENTIC_SESSION_NAMESPACE": "project",
}
"""Second names that existing runners read; written, never read back."""

RESERVED_ENV: Final = frozenset({*ENV.values(), *ALIASES, "BOT_TOKEN", "INITIAL_PROMPT"}) - {
    "RUNNER_STATE_DIR",
    "SDK_OPTIONS",
    "PARENT_SESSION_ID",
    "RUNNER_TYPE",
}
"""Names that a user's environment variables may not take (422 reserved_name)."""


class LaunchSpec(BaseModel):
    """One incarnation's orders. A warm place gets one with `place` set and no session."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    session: str = ""
    project: str = ""
    generation: int = 0
    contract: int = 1
    runner_type: str = "demo"
    agent_state_dir: str = ".ambient-agent"
    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one; the runner writes the one it got to `ready.json`."""
    token: str | None = Field(default=None, repr=False)
    """Only for runners without feature `token-file`."""
    digests_file: str = f"{SECRETS_DIR}/agui-token-digests"
    bot_token_file: str = f"{SECRETS_DIR}/bot-token"
    backend_url: str = ""
    """Ends in `/api`."""
    workspace: str = "/workspace"
    artifacts_dir: str = "artifacts"
    state_dir: str = "/var/lib/ambient"
    """Journal, blobs, log, `ready.json`, `exit.json`; the agent cannot read it."""
    git_cache: str | None = None
    """Mirrors of repositories, shared by all runners of a machine; None: in `state_dir`."""
    git_cache_mib: int = 10_240
    """Mirrors beyond this size go, those first that were used least lately."""
    ca_bundle: str | None = None
    """A file of certificates to trust instead of the system's; also told to the agent's tools."""
    place: str | None = None
    """The warm place's id: the runner waits for `POST /claim` before it accepts runs."""
    is_resume: bool = False
    parent_session: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    sdk_options: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: int | None = None
    """Limit of one run; None: the platform's six hours."""
    mcp_servers: dict[str, Any] = Field(default_factory=dict)
    user_id: str | None = None
    user_name: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    """The session's own variables, for the agent and its tools."""
    secret_env: dict[str, str] = Field(default_factory=dict, repr=False)
    """Secret values for the agent; the redactor knows each of them."""

    def to_env(self) -> dict[str, str]:
        """The environment of a runner; fields that are None are left out."""
        found = {**self.secret_env, **self.env}
        for field, value in self.model_dump(mode="json", include=set(ENV)).items():
            if value is None:
                continue
            found[ENV[field]] = json.dumps(value) if isinstance(value, dict | bool) else str(value)
        found.update({name: found[ENV[field]] for name, field in ALIASES.items()})
        if self.secret_env:
            found[SECRET_NAMES] = ",".join(sorted(self.secret_env))
        if self.env:
            found[USER_NAMES] = ",".join(sorted(self.env))
        return found

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read it back. Raises pydantic.ValidationError with every field that is wrong."""
        found: dict[str, Any] = {
            field: _value(field, env[name]) for field, name in ENV.items() if name in env
        }
        found["secret_env"] = {name: env[name] for name in _names(env, SECRET_NAMES)}
        found["env"] = {name: env[name] for name in _names(env, USER_NAMES)}
        return cls.model_validate(found)


SECRET_NAMES: Final = "AMBIENT_SECRET_NAMES"
USER_NAMES: Final = "AMBIENT_USER_NAMES"
_JSON_FIELDS: Final = frozenset({"sdk_options", "mcp_servers"})


def _value(field: str, text: str) -> Any:
    return json.loads(text or "{}") if field in _JSON_FIELDS else text


def _names(env: Mapping[str, str], key: str) -> list[str]:
    return [name for name in env.get(key, "").split(",") if name in env]
