"""The flags that the platform's file gives."""

from ambient.core.ports import ObjectStore, SessionStore
from ambient.core.service.flags import FlagFileInvalid, Flags, flags_of
from ambient.server.settings import ServerSettings, SettingsInvalid


def flags_by(settings: ServerSettings, objects: ObjectStore, store: SessionStore) -> Flags:
    """Read once, at the start. Raises SettingsInvalid."""
    path = settings.flags_file
    try:
        given = flags_of(path.read_text()) if path else ()
    except (OSError, UnicodeDecodeError, FlagFileInvalid) as exc:
        raise SettingsInvalid(f"AMBIENT_FLAGS_FILE {path} cannot be used: {exc}") from exc
    return Flags(objects=objects, store=store, given=given)
