"""The server's settings: one frozen model, read from the environment once, by wiring.

`.env.example` is made from it (`example()`), and a test holds the two together.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    IPvAnyNetwork,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ambient.contract.names import DEFAULT_PORT
from ambient.core.service.snapshots import EXCLUDED

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsInvalid(ValueError):
    """Settings that cannot be used; the text names every one of them."""


class ServerSettings(BaseSettings):
    """Every setting of `ambient up`."""

    model_config = SettingsConfigDict(
        env_prefix="AMBIENT_",
        frozen=True,
        use_attribute_docstrings=True,
        extra="ignore",
        populate_by_name=True,
    )

    data: Path = Path("~/.local/share/ambient")
    """Folder of everything that outlives the process: database, owner token, workspaces. Its owner
    alone may read it."""
    host: str = "127.0.0.1"
    """Address to listen at. Loopback only: nobody else has a way to sign in yet."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    """Port to listen at; 0: any free one. Busy, and not asked for: the next free one."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of /metrics, at the same address; 0: any free one. Empty: no metrics are served, so that
    a default start opens one port only."""
    allowed_hosts: tuple[str, ...] = ()
    """Further host names, without port, under which requests are answered (JSON list). Others than
    these and loopback's are refused: a foreign web page can point its own name at this machine."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses or networks whose X-Forwarded-User, -Preferred-Username, -Email, -Groups and
    -Access-Token are believed (JSON list). From others these headers are ignored. Default: none."""
    require_audience: bool = False
    """On a cluster: whether a runner's token must be made for this server (audience
    ambient-backend). Tokens from older operators are not."""
    cors_origins: tuple[str, ...] = ()
    """Origins of other web pages that may call the API with a bearer (JSON list). Default: none."""
    max_upload_mib: int = Field(default=10, ge=1, le=100)
    """Largest file that may be written to a workspace, MiB."""
    max_prompt_mib: int = Field(default=10, ge=1, le=100)
    """Largest body of a prompt, MiB."""
    code_seconds: PositiveInt = 300
    """Life of a one-time code: time to click a link, not to find it in a log."""
    login_seconds: PositiveInt = 604_800
    """Life of a browser's sign-in: a week, then `ambient open` again."""
    stalled_reader_seconds: PositiveFloat = 30.0
    """A stream whose reader takes nothing for so long is cut; it resumes from its last id."""
    reads_per_minute: PositiveInt = 1200
    """Sustained reads of one caller."""
    reads_burst: PositiveInt = 300
    """Reads of one caller at once."""
    writes_per_minute: PositiveInt = 240
    """Sustained writes of one caller."""
    writes_burst: PositiveInt = 60
    """Writes of one caller at once."""
    bot_per_minute: PositiveInt = 1200
    """Sustained requests of one session's runner."""
    bot_burst: PositiveInt = 300
    """Requests of one session's runner at once."""
    runs_per_minute: PositiveInt = 60
    """Sustained prompts to one session."""
    runs_burst: PositiveInt = 20
    """Prompts to one session at once."""
    creates_per_minute: PositiveInt = 30
    """Sustained session creations of one user."""
    creates_burst: PositiveInt = 10
    """Session creations of one user at once."""
    failed_logins_per_minute: PositiveInt = 20
    """Failed sign-ins of one address, sustained and at once."""
    streams_per_session: PositiveInt = 20
    """Open streams of one caller on one session."""
    streams_per_caller: PositiveInt = 200
    """Open streams of one caller."""
    limit_owner: bool = False
    """Whether the limits above hold for the owner too. The owner of a machine has its power anyway;
    tests switch this on."""
    warm_places: NonNegativeInt = 2
    """Runners that wait, so that a session starts at once; each costs some 15 MB. 0: none."""
    ca_bundle: Path | None = None
    """File of certificates to trust instead of the system's, for repositories and for hosts that
    the server asks; agents' tools are told of it too. For a Git host with its own authority."""
    outbound_allow: tuple[str, ...] = ()
    """Hosts that the server may call although their addresses are private, such as a GitLab of the
    house: `name` or `name:port` (JSON list)."""
    workflows_repo: str = ""
    """Repository whose folders are the workflows that everybody is offered; empty: none are."""
    workflows_branch: str = "main"
    """Its branch."""
    workflows_path: str = ""
    """The folder in it that holds the workflows; empty: its root."""
    workflows_provider: Literal["github", "gitlab"] = "github"
    """What speaks at its host."""
    workflows_token: SecretStr = SecretStr("")
    """A token that may read it, where it is private."""
    flags_file: Path | None = None
    """File of feature flags: a JSON object of name → {enabled, description?, tags?}. It gives the
    flags of runner types and models other defaults, and may add flags; projects override them."""
    git_cache_mib: PositiveInt = 10_240
    """Mirrors of repositories that sessions share; beyond this size, MiB, the least used go."""
    workspaces: Literal["disk", "s3", "off"] = "disk"
    """Where workspaces are saved, beside the folder in which they are used: in the data folder, in
    an object store, or nowhere."""
    workspace_max_mib: PositiveInt = 1024
    """Most of one workspace that is saved, MiB; the largest files are left out first, and condition
    WorkspaceSaved names them."""
    workspace_exclude: tuple[str, ...] = EXCLUDED
    """What is not saved: names, or paths with `/`, with `*` and `?` (JSON list)."""
    workspace_save_seconds: PositiveInt = 300
    """Between two saves of a workspace that is worked in. A stop saves too."""
    s3_bucket: str | None = None
    """Bucket of the object store; must be there."""
    s3_endpoint: str | None = None
    """Its address. Empty: Amazon's own."""
    s3_region: str = "us-east-1"
    """Its region."""
    s3_prefix: str = ""
    """All that is saved is below it."""
    s3_access_key_id: str | None = None
    """Key of the object store. Empty: what the machine is given counts."""
    s3_secret_access_key: SecretStr | None = None
    """The secret that goes with it."""
    drain_seconds: NonNegativeInt = 30
    """Time that open requests get when the server ends."""
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    """Key for Claude, for every project that has none of its own. Runners alone get it, and
    nothing shows it."""
    anthropic_auth_token: SecretStr | None = Field(
        default=None, validation_alias="ANTHROPIC_AUTH_TOKEN"
    )
    """In place of the key, where a gateway wants a bearer token."""
    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    """Where Claude's models are, if not at Anthropic: a gateway, or a model of your own."""
    claude_vertex: bool = Field(default=False, validation_alias="CLAUDE_CODE_USE_VERTEX")
    """Whether Claude's models come from Vertex AI; the three settings below say which."""
    vertex_region: str | None = Field(default=None, validation_alias="CLOUD_ML_REGION")
    """Region of Vertex AI, such as `global` or `us-east5`."""
    vertex_project: str | None = Field(default=None, validation_alias="ANTHROPIC_VERTEX_PROJECT_ID")
    """Google Cloud project that pays for Vertex AI."""
    google_credentials: str | None = Field(
        default=None, validation_alias="GOOGLE_APPLICATION_CREDENTIALS"
    )
    """File with the Google credentials that Vertex AI is used with."""

    def for_runners(self) -> dict[str, str]:
        """What runners are given to reach their models, under the names that they read."""
        found: dict[str, str] = {}
        for name in MODEL_SETTINGS:
            value = getattr(self, name)
            shown = value.get_secret_value() if isinstance(value, SecretStr) else value
            if shown:
                found[env_name(name)] = "1" if shown is True else str(shown)
        return found


MODEL_SETTINGS = (
    "anthropic_api_key",
    "anthropic_auth_token",
    "anthropic_base_url",
    "claude_vertex",
    "vertex_region",
    "vertex_project",
    "google_credentials",
)


def env_name(field: str) -> str:
    """The environment variable of a setting: AMBIENT_…, but for what has a name of its own."""
    alias = ServerSettings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"AMBIENT_{field.upper()}"


def load(given: Mapping[str, Any] | None = None) -> ServerSettings:
    """Read the environment; `given` (the command line's) wins. Raises SettingsInvalid."""
    try:
        return ServerSettings(**(given or {}))
    except ValidationError as exc:
        wrong = [f"  {_named(str(one['loc'][0]))}: {one['msg']}" for one in exc.errors()]
        raise SettingsInvalid("These settings cannot be used:\n" + "\n".join(wrong)) from exc


def _named(place: str) -> str:
    """The variable of a finding's place, which is a field's name or its alias."""
    return env_name(place) if place in ServerSettings.model_fields else place


def _text(default: object) -> str:
    if isinstance(default, tuple):
        return json.dumps(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def example() -> str:
    """The text of `.env.example`: every setting with its meaning, at its default."""
    parts = ["# Settings of `ambient up`. Made from src/ambient/server/settings.py: do not edit.\n"]
    for name, one in ServerSettings.model_fields.items():
        words = " ".join((one.description or "").split())
        default = "" if one.default in (None, ()) else one.default
        text = _text(default)
        parts.append(f"# {words}\n# {env_name(name)}={text}\n")
    return "\n".join(parts)
