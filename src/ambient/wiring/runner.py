"""The composition root of a runner: `python -m ambient.wiring.runner`.

Started by an engine with the environment of a LaunchSpec, or forked by the fork server, which
calls `main` with it. Exit codes: 0 the session is over, 2 it cannot start (one line says why),
143 told to end.
"""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

import uvloop
from pydantic import ValidationError

from ambient.runner.app import Router
from ambient.runner.blobs import BlobStore
from ambient.runner.digests import DigestSet
from ambient.runner.errors import RunnerError
from ambient.runner.journal import Journal
from ambient.runner.lifecycle import TERMINATED, HttpServer, Lifecycle, locked
from ambient.runner.place import Place
from ambient.runner.redactor import SecretValues
from ambient.runner.routes.desired import DesiredRoutes
from ambient.runner.routes.files import FileRoutes
from ambient.runner.routes.runs import RunRoutes
from ambient.runner.routes.snapshot import SnapshotRoutes
from ambient.runner.routes.status import StatusRoutes
from ambient.runner.runs import Tools
from ambient.runner.session import Ground
from ambient.runner.settings import Settings
from ambient.runner.verifier import Usage, Verifier
from ambient.runner.watched import SecretFile, watch
from ambient.wiring.system import SystemClock, new_id

CANNOT_START: Final = 2
log = logging.getLogger("ambient.runner")


def main(env: Mapping[str, str] | None = None) -> int:
    """Run a runner to its end; the exit code."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        settings = Settings.read(env)
        state_dir = Path(settings.launch.state_dir)
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(state_dir):
            return _run(settings, state_dir)
    except ValidationError as exc:
        fields = ", ".join(str(one["loc"][0]) for one in exc.errors(include_input=False))
        return _refuse(f"these settings are not acceptable: {fields}")
    except (RunnerError, OSError) as exc:
        return _refuse(str(exc))


def _run(settings: Settings, state_dir: Path) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_live(settings, state_dir))


def _refuse(why: str) -> int:
    print(f"the runner cannot start: {why}", file=sys.stderr)  # noqa: T201  whoever started it reads this
    return CANNOT_START


async def _live(settings: Settings, state_dir: Path) -> int:
    """Serve until told to end."""
    clock = SystemClock()
    launch = settings.launch
    digests = DigestSet(Path(launch.digests_file), launch.token, clock=clock)
    lifecycle = Lifecycle(state_dir, clock)
    lifecycle.obey_signals()
    journal = Journal(state_dir, clock=clock, new_id=new_id)
    async with asyncio.TaskGroup() as group:
        tools = Tools(group=group, clock=clock, new_id=new_id)
        ground = _ground(settings, journal, tools)
        bot_token = SecretFile(Path(launch.bot_token_file), ground.values)
        bot_token.look()
        place = Place(ground, launch)
        place.open_if_born_with_session()
        usage = Usage(digests, clock)
        router = _router(place, usage, ground)
        server = HttpServer(
            Verifier(router, digests, usage, new_id=new_id), launch.host, launch.port
        )
        await server.listen()
        endless = [
            group.create_task(watch(clock, digests.look, bot_token.look, _vigil(lifecycle, place))),
            group.create_task(journal.keep_synced()),
        ]
        gc.collect()
        gc.freeze()
        lifecycle.write_ready(server.port, place.session_name)
        place.on_claim = lambda session: lifecycle.write_ready(server.port, session)
        code = await lifecycle.ended()
        await _end(place, journal)
        await server.shutdown()
        for task in endless:
            task.cancel()
    journal.close()
    lifecycle.write_exit(code, "terminated" if code == TERMINATED else "ended")
    return code


def _vigil(lifecycle: Lifecycle, place: Place) -> Callable[[], None]:
    return lambda: lifecycle.end_if_forgotten(waits=place.held is None)


def _ground(settings: Settings, journal: Journal, tools: Tools) -> Ground:
    launch = settings.launch
    values = SecretValues([one for one in (launch.token, settings.bot_token) if one])

    def crash(code: int) -> NoReturn:
        journal.flush()
        os._exit(code)

    return Ground(
        journal=journal,
        blobs=BlobStore(Path(launch.state_dir)),
        values=values,
        tools=tools,
        crash=crash,
        environ=settings.environ,
        bot_token=settings.bot_token,
    )


def _router(place: Place, usage: Usage, ground: Ground) -> Router:
    return Router(
        {
            **StatusRoutes(place, usage, ground.journal).handlers(),
            **RunRoutes(place, ground.journal, ground.blobs).handlers(),
            **FileRoutes(place).handlers(),
            **SnapshotRoutes(place).handlers(),
            **DesiredRoutes(place).handlers(),
        }
    )


async def _end(place: Place, journal: Journal) -> None:
    """Interrupt what runs, end the children, let every stream end."""
    place.stop_work()
    if place.held is not None:
        await place.held.runs.drain()
        place.held.processes.kill_all()
        await place.held.runs.agent.close()
    journal.finish()


if __name__ == "__main__":
    sys.exit(main())
