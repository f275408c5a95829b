"""The runner types and models that this release knows (api.md 3.7).

Creation checks against the same entries that the routes list.
"""

from functools import cache
from importlib import import_module
from typing import Final

from ambient.contract.launch import ENTRY_POINTS
from ambient.contract.resources import Resource

DEMO: Final = "demo"
CLAUDE: Final = "claude-agent-sdk"


class RunnerAuth(Resource):
    """Secrets a runner needs in its project. logic: any or all.

    optional_secret_keys: what it takes besides. settings: what it takes that is no secret, such as
    the address of another provider.
    """

    required_secret_keys: tuple[str, ...] = ()
    secret_key_logic: str = "any"
    vertex_supported: bool = False
    optional_secret_keys: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All that a runner of this type may be given."""
        secret = (*self.required_secret_keys, *self.optional_secret_keys)
        return frozenset({*secret, *self.settings})


class RunnerType(Resource):
    """One kind of runner. provider: whose models it takes; empty: any.

    package, extra: what has to be installed for it, and what installs it; empty: nothing.
    """

    id: str
    display_name: str
    description: str
    framework: str
    provider: str = ""
    auth: RunnerAuth = RunnerAuth()
    features: tuple[str, ...] = ()
    agent_state_dir: str = ".ambient-agent"
    package: str = ""
    extra: str = ""


class OfferedRunner(RunnerType):
    """A runner type as the lists show it. usable: whether a session of it can work here, as far as
    is known; else `problem` says why not and `hint` what would help."""

    usable: bool = True
    problem: str = ""
    hint: str = ""


INTERNAL_FIELDS: Final = frozenset({"agent_state_dir", "package", "extra"})
"""What the list of runner types leaves out."""


class Model(Resource):
    """A model that can be chosen."""

    id: str
    label: str
    provider: str
    is_default: bool = False


_AGUI: Final = ("token-file", "journal", "claim", "desired", "interrupts", "rollback")

RUNNER_TYPES: Final[tuple[RunnerType, ...]] = (
    RunnerType(
        id=DEMO,
        display_name="Demo agent",
        description="Follows a small script in the prompt and really does it. Needs no key.",
        framework="demo",
        features=("token-file", "journal", "claim", "desired", "interrupts", "rollback"),
    ),
    RunnerType(
        id=CLAUDE,
        display_name="Claude",
        description="Claude Code: writes, runs and repairs code. Needs ambient[claude].",
        framework=CLAUDE,
        provider="anthropic",
        auth=RunnerAuth(
            required_secret_keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
            vertex_supported=True,
            optional_secret_keys=("ANTHROPIC_CUSTOM_HEADERS",),
            settings=(
                "ANTHROPIC_BASE_URL",
                "CLAUDE_CODE_USE_VERTEX",
                "CLOUD_ML_REGION",
                "ANTHROPIC_VERTEX_PROJECT_ID",
                "ANTHROPIC_VERTEX_BASE_URL",
                "GOOGLE_APPLICATION_CREDENTIALS",
            ),
        ),
        features=(
            "token-file",
            "journal",
            "claim",
            "desired",
            "interrupts",
            "rollback",
            "live-model",
            "tasks",
            "mcp-diagnostics",
        ),
        agent_state_dir=".claude",
        package="claude_agent_sdk",
        extra="claude",
    ),
    RunnerType(
        id="http",
        display_name="AG-UI agent elsewhere",
        description="Any agent that speaks AG-UI, at the address AGUI_AGENT_URL.",
        framework="http",
        features=_AGUI,
    ),
    RunnerType(
        id="langgraph",
        display_name="LangGraph",
        description="A LangGraph graph of an installed package. Needs ambient[langgraph].",
        framework="langgraph",
        features=_AGUI,
        package="ag_ui_langgraph",
        extra="langgraph",
    ),
    RunnerType(
        id="pydantic-ai",
        display_name="Pydantic AI",
        description="A Pydantic AI agent of an installed package. Needs ambient[pydantic-ai].",
        framework="pydantic-ai",
        features=_AGUI,
        package="pydantic_ai",
        extra="pydantic-ai",
    ),
)

MODELS: Final[tuple[Model, ...]] = (
    Model(id="demo", label="Demo", provider="demo", is_default=True),
    Model(id="claude-sonnet-4-6", label="Sonnet 4.6", provider="anthropic", is_default=True),
    Model(id="claude-opus-4-6", label="Opus 4.6", provider="anthropic"),
    Model(id="claude-haiku-4-5", label="Haiku 4.5", provider="anthropic"),
)


@cache
def from_packages() -> tuple[RunnerType, ...]:
    """Agents that installed packages bring, by their entry points; read once per process."""
    known = {one.id for one in RUNNER_TYPES}
    metadata = import_module("importlib.metadata")  # costs a megabyte: only when it is needed
    return tuple(
        RunnerType(
            id=one.name,
            display_name=one.name,
            description=f"An agent of the installed package {one.dist.name if one.dist else '?'}.",
            framework=one.name,
            features=_AGUI,
        )
        for one in sorted(metadata.entry_points(group=ENTRY_POINTS), key=lambda one: one.name)
        if one.name not in known
    )


def runner_type(name: str) -> RunnerType | None:
    """The entry of that id; None: neither this release nor an installed package knows it."""
    built_in = next((one for one in RUNNER_TYPES if one.id == name), None)
    if built_in is not None or not name:
        return built_in
    return next((one for one in from_packages() if one.id == name), None)


def default_model(runner: str) -> str | None:
    """The model that a runner of that type uses unless told; None: it has none of its own."""
    entry = runner_type(runner)
    provider = entry.provider if entry else ""
    return next((one.id for one in MODELS if one.provider == provider and one.is_default), None)


def model(name: str) -> Model | None:
    """The model of that id; None: unknown."""
    return next((one for one in MODELS if one.id == name), None)
