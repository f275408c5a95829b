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
SOURCE_HEADER: Final = "Ambient-Source"
LOGIN_HEADER: Final = "X-Ambient-Login"
LOGIN_COOKIE: Final = "ambient_login"
USER_ID_HEADER: Final = "X-Current-User-ID"
USER_NAME_HEADER: Final = "X-Current-User-Name"
CHALLENGE_SCHEME: Final = "Ambient-Session"

# Annotations; all reserved for the platform (api.md 6.5)
ANNOTATION_PREFIX: Final = "ambient-code.io/"
DESIRED_PHASE: Final = "ambient-code.io/desired-phase"
START_REQUESTED_AT: Final = "ambient-code.io/start-requested-at"
STOP_REQUESTED_AT: Final = "ambient-code.io/stop-requested-at"
STOP_REASON: Final = "ambient-code.io/stop-reason"
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
        )
    }
)
REMOTE_ANNOTATION: Final = "ambient-code.io/remote-"

# Secret keys, and the files of the same names in a place's folder (api.md 7)
TOKEN_KEY: Final = "agui-token"
DIGESTS_KEY: Final = "agui-token-digests"
BOT_TOKEN_KEY: Final = "bot-token"
SECRETS_DIR: Final = "/var/run/secrets/ambient"

BOT_AUDIENCE: Final = "ambient-backend"
BOT_SUBJECT: Final = "session:"
"""Prefix of a bot token's subject; `session:<project>/<session>` follows."""

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
WORKSPACE_DIRS: Final = ("artifacts", "file-uploads", "repos", "workflows")
HOME_DIR: Final = ".home"
"""The agent's HOME in the workspace, where none is given."""

DEFAULT_PORT: Final = 8080
DEFAULT_RUNNER_PORT: Final = 8001
BRANCH_PREFIX: Final = "ambient/"
