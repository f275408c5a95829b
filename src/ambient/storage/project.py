"""Projects: units of work."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from ambient.core.errors import AlreadyExists, Conflict, ProjectNotFound
from ambient.core.model import Project
from ambient.storage.codec import PROJECT, encode
from ambient.storage.schema import projects, sessions


def create(conn: Connection, project: Project) -> None:
    """Raises AlreadyExists."""
    known = select(exists().where(projects.c.name == project.name))
    if conn.execute(known).scalar_one():
        raise AlreadyExists(f"There is a project '{project.name}' already.")
    conn.execute(
        insert(projects).values(
            name=project.name, sessions=0, search=_search(project), doc=encode(PROJECT, project)
        )
    )


def get(conn: Connection, name: str) -> Project:
    """Raises ProjectNotFound."""
    doc = conn.execute(select(projects.c.doc).where(projects.c.name == name)).scalar_one_or_none()
    if doc is None:
        raise ProjectNotFound(name)
    return PROJECT.validate_json(doc)


def change(conn: Connection, project: Project) -> Project:
    """Replace all but who made it and when. Raises ProjectNotFound."""
    old = get(conn, project.name)
    new = replace(project, created_at=old.created_at, created_by=old.created_by)
    conn.execute(
        update(projects)
        .where(projects.c.name == new.name)
        .values(search=_search(new), doc=encode(PROJECT, new))
    )
    return new


def remove(conn: Connection, name: str) -> None:
    """Raises Conflict while it has sessions, also such as are being deleted."""
    if conn.execute(select(exists().where(sessions.c.project == name))).scalar_one():
        raise Conflict(
            f"The project '{name}' still has sessions.", hint="Delete its sessions first."
        )
    conn.execute(delete(projects).where(projects.c.name == name))


def find(conn: Connection, search: str) -> Sequence[Project]:
    """Those whose name or display name contains it, by name."""
    found = select(projects.c.doc).order_by(projects.c.name)
    if search:
        found = found.where(func.instr(projects.c.search, search.lower()) > 0)
    return [PROJECT.validate_json(doc) for doc in conn.execute(found).scalars()]


def _search(project: Project) -> str:
    return f"{project.name}\x1f{project.display_name}".lower()
