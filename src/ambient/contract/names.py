"""Names that two parts must spell alike, each spelled once, here (api.md 6 to 8, 10)."""

from typing import Final

GROUP: Final = "vteam.ambient-code"
API_VERSION: Final = "vteam.ambient-code/v1alpha1"
SESSION_KIND: Final = "AgenticSession"
SETTINGS_KIND: Final = "ProjectSettings"

# Headers
SESSION_TOKEN_HEADER: Final = "X-Ambient-Session-Token"
ACCEPTS_HEADER: Final = "X-Ambient-Accepts"
REQUEST_ID_HEADER: Final = "X-Request-Id"
JOURNAL_HEADER: Final = "Ambient-Journal"
JOURNALS_HEADER: Final = "Ambient-Journals"
JOURNAL_LAST_HEADER: Final = "Ambient-Journal-Last"
"""The number of the newest event when the stream was opened: where a drain ends."""
STREAM_HEADER: Final = "Ambient-Stream"
AFTER_HEADER: Final = "Ambient-After"
"""Behind which event a stream of the newest messages begins."""
SOURCE_HEADER: Final = "Ambient-Source"
LOGIN_HEADER: Final = "X-Ambient-Login"
LOGIN_COOKIE: Final = "ambient_login"
RUNNER_USER_HEADER: Final = "X-Runner-Current-User"
USER_ID_HEADER: Final = "X-Current-User-ID"
USER_NAME_HEADER: Final = "X-Current-User-Name"
FORWARDED_USER_HEADER: Final = "X-Forwarded-User"
FORWARDED_NAME_HEADER: Final = "X-Forwarded-Preferred-Username"
FORWARDED_EMAIL_HEADER: Final = "X-Forwarded-Email"
FORWARDED_GROUPS_HEADER: Final = "X-Forwarded-Groups"
FORWARDED_TOKEN_HEADER: Final = "X-Forwarded-Access-Token"
FORWARDED_HEADERS: Final = (
    FORWARDED_USER_HEADER,
    FORWARDED_NAME_HEADER,
    FORWARDED_EMAIL_HEADER,
    FORWARDED_GROUPS_HEADER,
    FORWARDED_TOKEN_HEADER,
)
"""What a proxy says of who signed in there; believed from trusted proxies alone."""
CHALLENGE_SCHEME: Final = "Ambient-Session"

# Annotations; all reserved for the platform (api.md 6.5)
ANNOTATION_PREFIX: Final = "ambient-code.io/"
DESIRED_PHASE: Final = "ambient-code.io/desired-phase"
START_REQUESTED_AT: Final = "ambient-code.io/start-requested-at"
STOP_REQUESTED_AT: Final = "ambient-code.io/stop-requested-at"
STOP_REASON: Final = "ambient-code.io/stop-reason"
ROTATE_REQUESTED_AT: Final = "ambient-code.io/rotate-requested-at"
LEAK_REPORTED_AT: Final = "ambient-code.io/leak-reported-at"
TOKEN_REFUSED_AT: Final = "ambient-code.io/token-refused-at"
"""When a runner last refused the token on record, as a server says that met it."""
REPLACE_GENERATION: Final = "ambient-code.io/replace-generation"
"""The incarnation that the server wants replaced although it lives; a number, so that asking twice
is asking once."""
REPLACE_REASON: Final = "ambient-code.io/replace-reason"
OPERATOR_VERSION: Final = "ambient-code.io/operator-version"
"""On the Lease: of which version the operator is that holds it."""
CREATE_ID: Final = "ambient-code.io/create-id"
"""A random id that the server gave an object at its making, to find its owner's row by."""
ASKED_BY: Final = "ambient-code.io/asked-by"
"""Digest of the Idempotency-Key, its caller and project, with which a named session was made: who
repeats that create because the reply was lost made it. Not reserved; a copy has none."""
TOKEN_SYNC: Final = "ambient-code.io/token-sync"
PARENT_SESSION: Final = "vteam.ambient-code/parent-session-id"
RESERVED_ANNOTATIONS: Final = frozenset(
    {PARENT_SESSION}
    | {
        ANNOTATION_PREFIX + name
        for name in (
            "desired-phase",
            "start-requested-at",
            "stop-requested-at",
            "stop-reason",
            "force-execute-prompt",
            "runner-token-secret",
            "runner-sa",
            "created-by",
            "created-by-user-id",
            "token-refreshed-at",
            "token-state",
            "token-generation",
            "token-sync",
            "runner-secret",
            "updated-at",
            "rotate-requested-at",
            "leak-reported-at",
            "token-refused-at",
            "replace-generation",
            "replace-reason",
            "create-id",
        )
    }
)
REMOTE_ANNOTATION: Final = "ambient-code.io/remote-"

# Secret keys, and the files of the same names in a place's folder (api.md 7)
TOKEN_KEY: Final = "agui-token"
DIGESTS_KEY: Final = "agui-token-digests"
BOT_TOKEN_KEY: Final = "bot-token"
INCOMING_KEY: Final = "agui-token-incoming"
"""The value that a rotation introduces, until callers send it."""
OLD_BOT_TOKEN_KEY: Final = "k8s-token"
"""A bot token for older pieces, such as the existing init container."""
SECRETS_DIR: Final = "/var/run/secrets/ambient"

BOT_AUDIENCE: Final = "ambient-backend"
BOT_SUBJECT: Final = "session:"
"""Prefix of a bot token's subject; `session:<project>/<session>` follows."""

# Custom resources (api.md 6)
MANAGED_LABEL: Final = "ambient-code.io/managed"
SESSION_LABEL: Final = "agentic-session"
FINALIZER: Final = "ambient-code.io/session-cleanup"
OPERATOR_MANAGER: Final = "ambient-operator"
BACKEND_MANAGER: Final = "ambient-backend"
DRAIN_MANAGER: Final = "ambient-backend-drain"
FILES_MANAGER: Final = "ambient-backend-files"
SETTINGS_NAME: Final = "projectsettings"
RUNNER_SECRETS: Final = "ambient-runner-secrets"
"""Secret of a project whose values its runners get, unless its settings name another."""
INTEGRATION_SECRETS: Final = "ambient-non-vertex-integrations"
CONTAINER: Final = "ambient-code-runner"


def pod_name(session: str) -> str:
    """The Pod of a session that was started cold."""
    return f"{session}-runner"


def service_name(session: str) -> str:
    """The Service in front of it."""
    return f"session-{session}"


ACCOUNT_PREFIX: Final = "ambient-session-"
KEY_ACCOUNT_PREFIX: Final = "ambient-key-"
"""Service accounts whose tokens the existing platform gave out as access keys."""


def account_name(session: str) -> str:
    """Its service account."""
    return f"{ACCOUNT_PREFIX}{session}"


def token_secret_name(session: str) -> str:
    """The Secret that holds its token record."""
    return f"ambient-runner-token-{session}"


PLACE_PREFIX: Final = "ambient-place-"


def place_name(place: str) -> str:
    """Pod, ServiceAccount and Secret of a warm place, before and after it is claimed."""
    return f"{PLACE_PREFIX}{place}"


# Files in a place's state folder (embedded mode)
IDENTITY_FILE: Final = "identity.json"
READY_FILE: Final = "ready.json"
EXIT_FILE: Final = "exit.json"
LOG_FILE: Final = "runner.log"
LOCK_FILE: Final = "runner.lock"
JOURNAL_DIR: Final = "journal"
BLOB_DIR: Final = "blobs"

OWNER_TOKEN_FILE: Final = "owner-token"
SERVER_FILE: Final = "server.json"
"""`contract.local.ServerFile`; written when the server accepts requests, removed when it ends."""

# The workspace's folders, which always exist (api.md 3.12)
UPLOADS_DIR: Final = "file-uploads"
WORKSPACE_DIRS: Final = ("artifacts", UPLOADS_DIR, "repos", "workflows")
HOME_DIR: Final = ".home"
"""The agent's HOME in the workspace, where none is given."""

MASK: Final = "********"
"""Stands for a stored secret in every reply; sent back, it leaves the value as it is."""
OWN_MCP_SERVER: Final = "ambient"
"""The platform's own tools among an agent's MCP servers; the name is nobody else's."""

DEFAULT_PORT: Final = 8080
DEFAULT_RUNNER_PORT: Final = 8001
BRANCH_PREFIX: Final = "ambient/"
