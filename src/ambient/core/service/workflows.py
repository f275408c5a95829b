"""A team's saved workflows: each pinned to a commit, so that it is what was looked at."""

from collections.abc import Sequence
from typing import Final

from ambient.contract import git
from ambient.contract.workflow import SavedWorkflow
from ambient.core.errors import Invalid, NotFound
from ambient.core.ports import ObjectStore, SessionStore

KIND: Final = "workflow"
MOST: Final = 200


class SavedWorkflows:
    """Use cases about a project's saved workflows. Raise ProjectNotFound."""

    def __init__(self, *, objects: ObjectStore, store: SessionStore) -> None:
        self._objects = objects
        self._store = store

    async def list(self, project: str) -> Sequence[SavedWorkflow]:
        """All of them, by name."""
        found = await self._objects.list_objects(KIND, await self._scope(project))
        return [SavedWorkflow.model_validate_json(one.doc) for one in found]

    async def save(self, project: str, workflow: SavedWorkflow) -> None:
        """Keep it, in place of one of its name. Raises Invalid."""
        _check(workflow)
        scope = await self._scope(project)
        known = {one.name for one in await self._objects.list_objects(KIND, scope)}
        if len(known) >= MOST and workflow.name not in known:
            raise Invalid.field("name", f"a project keeps at most {MOST} workflows")
        kept = workflow.model_dump_json(by_alias=True).encode()
        await self._objects.put_object(KIND, scope, workflow.name, kept)

    async def remove(self, project: str, name: str) -> None:
        """Forget one; sessions that use it go on. Raises NotFound."""
        if not await self._objects.delete_object(KIND, await self._scope(project), name):
            raise NotFound(f"The project has no workflow '{name}'.")

    async def _scope(self, project: str) -> str:
        """This very project: one of the same name that is made later begins without any."""
        made = (await self._store.get_project(project)).created_at
        return f"{project}/{made.timestamp()}"


def _check(workflow: SavedWorkflow) -> None:
    if not git.is_repo_name(workflow.name):
        raise Invalid.field("name", "may hold letters, digits, '.', '_' and '-' only")
    if (problem := git.url_problem(workflow.git_url)) is not None:
        raise Invalid.field("gitUrl", problem)
    if not git.is_path(workflow.path or ""):
        raise Invalid.field("path", "is not a path inside the repository")
    if not git.is_branch(workflow.branch):
        raise Invalid.field("branch", "is not a branch name")
    if not git.is_commit(workflow.commit):
        raise Invalid.field("commit", "is not a whole commit id")
