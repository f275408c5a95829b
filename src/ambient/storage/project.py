"""Projects: units of work."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from ambient.core.errors import AlreadyExists, Conflict, ProjectNotFound
from ambient.core.model import Project
from ambient.storage.codec import PROJECT, encode
from ambient.storage.schema import objects, projects, sessions, spent, staged, staged_pieces
from ambient.storage.search import holds


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
    conn.execute(select(projects.c.name).where(projects.c.name == name).with_for_update())
    if conn.execute(select(exists().where(sessions.c.project == name))).scalar_one():
        raise Conflict(
            f"The project '{name}' still has sessions.", hint="Delete its sessions first."
        )
    whole = (objects.c.scope == name, objects.c.scope == f"project/{name}")
    inside = objects.c.scope.startswith(f"{name}/", autoescape=True)
    conn.execute(delete(objects).where(or_(*whole, inside)))
    files = select(staged.c.id).where(staged.c.project == name)
    conn.execute(delete(staged_pieces).where(staged_pieces.c.id.in_(files)))
    conn.execute(delete(staged).where(staged.c.project == name))
    conn.execute(delete(spent).where(spent.c.project == name))
    conn.execute(delete(projects).where(projects.c.name == name))


def find(conn: Connection, search: str) -> Sequence[Project]:
    """Those whose name or display name contains it, by name."""
    found = select(projects.c.doc).order_by(projects.c.name)
    if search:
        found = found.where(holds(projects.c.search, search.lower()))
    return [PROJECT.validate_json(doc) for doc in conn.execute(found).scalars()]


def _search(project: Project) -> str:
    return f"{project.name}\x1f{project.display_name}".lower()
