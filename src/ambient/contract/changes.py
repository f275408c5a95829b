"""What a session has changed in a repository: files, and the patch of one or all of them."""

from ambient.contract.resources import Resource


class FileChange(Resource):
    """One file. status: added, modified, deleted, renamed or untracked. binary: has no lines."""

    path: str
    old_path: str = ""
    status: str
    added: int = 0
    removed: int = 0
    binary: bool = False
    uncommitted: bool = False


class RepoChanges(Resource):
    """A repository against the branch that the session began on.

    base: the commit that both have in common. ahead, behind: commits. patch: of the file that was
    asked for, or of all; truncated: it was too long to be whole, or there are more files.
    """

    name: str
    branch: str
    base: str
    base_branch: str
    ahead: int = 0
    behind: int = 0
    files: tuple[FileChange, ...] = ()
    patch: str = ""
    truncated: bool = False
