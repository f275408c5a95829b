"""Desired state, and the git side of the workspace."""

from collections.abc import Mapping

from ambient.runner.app import Handler
from ambient.runner.errors import Unsupported
from ambient.runner.http import Reply, Request, json_reply
from ambient.runner.place import Place


class DesiredRoutes:
    """Handlers of /desired, /repos/status and /content/git-*."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        names = ("desired", "put_desired", "repos_status", "git_status", "list_branches")
        return dict.fromkeys(names, self.refuse)

    async def refuse(self, request: Request) -> Reply:
        """Not served by this build."""
        self._place.session()
        if not request.params:
            raise Unsupported("This runner does not serve repositories.")
        return json_reply({})
