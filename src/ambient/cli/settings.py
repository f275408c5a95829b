"""What the command line itself takes from the environment; the rest is `client.settings`."""

import os
from collections.abc import Mapping


def colour_wanted(env: Mapping[str, str] | None = None) -> bool:
    """False for NO_COLOR (any text) and for a terminal that cannot."""
    env = os.environ if env is None else env
    return not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def remote_shell(env: Mapping[str, str] | None = None) -> bool:
    """Whether this is an ssh session: a browser started here would be of no use."""
    env = os.environ if env is None else env
    return bool(env.get("SSH_CONNECTION"))


def has_display(env: Mapping[str, str] | None = None) -> bool:
    """Whether a browser has somewhere to show itself."""
    env = os.environ if env is None else env
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY") or env.get("BROWSER"))


def host_name(env: Mapping[str, str] | None = None) -> str:
    """What this machine calls itself, for an `ssh -L` line."""
    return os.uname().nodename if env is None else env.get("HOSTNAME", "host")
