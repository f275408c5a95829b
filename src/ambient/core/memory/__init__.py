"""The ports of core/ports.py in memory: for tests and `--ephemeral`.

They keep the same promises as the real adapters and pass the same suites (tests/contract).
"""

from ambient.core.memory.bucket import MemoryBucket
from ambient.core.memory.clock import ManualClock
from ambient.core.memory.database import MemoryDatabase
from ambient.core.memory.engine import MemoryEngine, MemoryRunner
from ambient.core.memory.leases import MemoryLeases
from ambient.core.memory.log import MemoryEventLog
from ambient.core.memory.object import MemoryObjectStore
from ambient.core.memory.secret import MemoryKeyStore, MemoryTokenStore
from ambient.core.memory.session import MemorySessionStore
from ambient.core.memory.staging import MemoryStagingStore
from ambient.core.memory.upload import MemoryUploadStore

__all__ = [
    "ManualClock",
    "MemoryBucket",
    "MemoryDatabase",
    "MemoryEngine",
    "MemoryEventLog",
    "MemoryKeyStore",
    "MemoryLeases",
    "MemoryObjectStore",
    "MemoryRunner",
    "MemorySessionStore",
    "MemoryStagingStore",
    "MemoryTokenStore",
    "MemoryUploadStore",
]
