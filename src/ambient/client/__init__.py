"""The Python SDK over Ambient's HTTP API: for the command line, for tests and for you.

async with AsyncAmbient() as ambient:
    session = await ambient.sessions.create("Fix the login 500")
    async for event in session.events():
        ...
"""

from ambient.client.ambient import AsyncAmbient
from ambient.client.event import Event
from ambient.client.session import Run, Session

__all__ = ["AsyncAmbient", "Event", "Run", "Session"]
