"""Where workspaces are saved, by the settings."""

from pathlib import Path

from ambient.core.filing import Bucket
from ambient.server.settings import ServerSettings, SettingsInvalid
from ambient.storage.bucket import DiskBucket


def bucket_of(settings: ServerSettings, folder: Path) -> Bucket | None:
    """The bucket; None: nothing is saved. folder: for those that are kept here.

    Raises SettingsInvalid when what an object store needs is not installed or not set.
    """
    if settings.workspaces == "off":
        return None
    if settings.workspaces == "disk":
        return DiskBucket(folder)
    if not settings.s3_bucket:
        raise SettingsInvalid("AMBIENT_WORKSPACES is s3, so AMBIENT_S3_BUCKET is needed.")
    try:
        from ambient.storage.s3 import S3Bucket, S3Place  # noqa: PLC0415  an extra
    except ModuleNotFoundError as exc:
        raise SettingsInvalid(
            "AMBIENT_WORKSPACES is s3; install what it needs: pip install 'ambient[s3]'"
        ) from exc
    secret = settings.s3_secret_access_key
    return S3Bucket(
        S3Place(
            bucket=settings.s3_bucket,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            prefix=settings.s3_prefix,
        )
    )


def no_store(settings: ServerSettings) -> str | None:
    """Why there is no object store, in words; None: there is one."""
    if settings.workspaces == "s3":
        return None
    here = settings.workspaces == "disk"
    return "Workspaces are saved on this machine." if here else "Workspaces are not saved."
