"""The runner types and models that this release knows (api.md 3.7).

Creation checks against the same entries that the routes list.
"""

from typing import Final

from ambient.contract.resources import Resource

DEMO: Final = "demo"
CLAUDE: Final = "claude-agent-sdk"


class RunnerAuth(Resource):
    """Secrets a runner needs in its project. logic: any or all."""

    required_secret_keys: tuple[str, ...] = ()
    secret_key_logic: str = "any"
    vertex_supported: bool = False


class RunnerType(Resource):
    """One kind of runner. provider: whose models it takes; empty: any."""

    id: str
    display_name: str
    description: str
    framework: str
    provider: str = ""
    auth: RunnerAuth = RunnerAuth()
    features: tuple[str, ...] = ()
    agent_state_dir: str = ".ambient-agent"


class Model(Resource):
    """A model that can be chosen."""

    id: str
    label: str
    provider: str
    is_default: bool = False


RUNNER_TYPES: Final[tuple[RunnerType, ...]] = (
    RunnerType(
        id=DEMO,
        display_name="Demo agent",
        description="Follows a small script in the prompt and really does it. Needs no key.",
        framework="demo",
        features=("token-file", "journal", "claim", "desired", "interrupts", "rollback"),
    ),
)

MODELS: Final[tuple[Model, ...]] = (
    Model(id="demo", label="Demo", provider="demo", is_default=True),
    Model(id="claude-sonnet-4-6", label="Sonnet 4.6", provider="anthropic", is_default=True),
    Model(id="claude-opus-4-6", label="Opus 4.6", provider="anthropic"),
    Model(id="claude-haiku-4-5", label="Haiku 4.5", provider="anthropic"),
)


def runner_type(name: str) -> RunnerType | None:
    """The entry of that id; None: this release does not know it."""
    return next((one for one in RUNNER_TYPES if one.id == name), None)


def model(name: str) -> Model | None:
    """The model of that id; None: unknown."""
    return next((one for one in MODELS if one.id == name), None)
