"""Where the platform's workflows are, by the settings."""

from ambient.server.catalogue import Source
from ambient.server.settings import ServerSettings


def workflows_of(settings: ServerSettings) -> Source:
    """The repository that they are read from."""
    return Source(
        repo=settings.workflows_repo,
        branch=settings.workflows_branch,
        path=settings.workflows_path,
        provider=settings.workflows_provider,
        token=settings.workflows_token.get_secret_value(),
    )
