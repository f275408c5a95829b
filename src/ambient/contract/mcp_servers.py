"""MCP servers of a project or a session: what is acceptable, what is shown, which are in force.

A value under `env` or `headers` is a secret unless it names one: `${NAME}` is a variable of the
session's, so one of the project's integration secrets, and is shown; anything else is masked.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ambient.contract.git import without_credentials
from ambient.contract.names import MASK, OWN_MCP_SERVER
from ambient.contract.resources import McpServers

MOST: Final = 50
MOST_BYTES: Final = 64 << 10
"""Of all servers as JSON: they come to the agent in one piece."""
VALUES: Final = ("env", "headers")
TRANSPORTS: Final = ("stdio", "http", "sse")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REFERENCE: Final = re.compile(r"([A-Za-z]{1,12} )?\$\{[A-Za-z_][A-Za-z0-9_]*\}")

Finding = tuple[str, str]


def findings(given: McpServers) -> Iterable[Finding]:
    """Field and sentence for all that is not acceptable."""
    if len(given.custom) > MOST or len(given.disabled) > MOST:
        yield "mcpServers", f"at most {MOST}"
    if len(json.dumps(given.custom)) > MOST_BYTES:
        yield "mcpServers.custom", f"at most {MOST_BYTES >> 10} KiB in all"
    for name in (*given.custom, *given.disabled):
        if not _NAME.fullmatch(name):
            yield "mcpServers", "a name has letters, digits, '_' and '-', at most 64"
    for name, config in given.custom.items():
        field = f"mcpServers.custom.{name}"
        if name == OWN_MCP_SERVER:
            yield field, "is the platform's own; it can only be disabled"
        elif not isinstance(config, dict):
            yield field, "must be an object"
        else:
            yield from _of_server(field, config)


def _of_server(field: str, config: Mapping[str, Any]) -> Iterable[Finding]:
    kind = config.get("type", "stdio" if "command" in config else "http")
    if kind not in TRANSPORTS:
        yield f"{field}.type", f"must be one of {', '.join(TRANSPORTS)}"
    elif kind == "stdio":
        args = config.get("args", [])
        if not isinstance(config.get("command"), str) or not config["command"]:
            yield f"{field}.command", "is missing"
        if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
            yield f"{field}.args", "must be a list of strings"
    else:
        url = config.get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            yield f"{field}.url", "must begin with https:// or http://"
        elif without_credentials(url) != url:
            yield f"{field}.url", "must not hold credentials; a header can"
    for part in VALUES:
        values = config.get(part, {})
        if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
            yield f"{field}.{part}", "must be an object of strings"


def shown(servers: McpServers) -> McpServers:
    """With a mask in place of every value that is not a reference."""
    return servers.model_copy(
        update={"custom": {name: _masked(config) for name, config in servers.custom.items()}}
    )


def _masked(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    hidden = {
        part: {
            name: value if isinstance(value, str) and _REFERENCE.fullmatch(value) else MASK
            for name, value in config[part].items()
        }
        for part in VALUES
        if isinstance(config.get(part), dict)
    }
    return {**config, **hidden}


def unmasked(given: McpServers, stored: McpServers | None) -> tuple[McpServers, list[str]]:
    """With what is stored in place of each mask, and the fields whose mask stands for nothing."""
    unknown: list[str] = []
    old = stored.custom if stored is not None else {}
    custom: dict[str, Any] = {}
    for server, config in given.custom.items():
        custom[server] = dict(config) if isinstance(config, dict) else config
        for part, name in _masks(config):
            known = old.get(server, {}).get(part, {}).get(name)
            if known is None:
                unknown.append(f"mcpServers.custom.{server}.{part}.{name}")
            else:
                custom[server][part] = {**custom[server][part], name: known}
    return given.model_copy(update={"custom": custom}), unknown


def _masks(config: Any) -> list[tuple[str, str]]:
    if not isinstance(config, dict):
        return []
    return [
        (part, name)
        for part in VALUES
        if isinstance(config.get(part), dict)
        for name, value in config[part].items()
        if value == MASK
    ]


def in_force(project: McpServers | None, session: McpServers | None) -> McpServers:
    """A session's come on top of its project's: by name, and what is off in either is off, unless
    the session brings one of that name itself."""
    theirs, ours = project or McpServers(), session or McpServers()
    off = {*ours.disabled, *(one for one in theirs.disabled if one not in ours.custom)}
    return McpServers(custom={**theirs.custom, **ours.custom}, disabled=tuple(sorted(off)))
