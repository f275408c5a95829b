"""The runner's environment, read once: the LaunchSpec and what children inherit."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ambient.contract.launch import LaunchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """launch: the orders. environ: all variables. bot_token: used when its file is missing."""

    launch: LaunchSpec
    environ: Mapping[str, str]
    bot_token: str | None = None

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Self:
        """From `env`, or the process environment. Raises pydantic.ValidationError, all errors."""
        found = dict(os.environ if env is None else env)
        return cls(
            launch=LaunchSpec.from_env(found), environ=found, bot_token=found.get("BOT_TOKEN")
        )
