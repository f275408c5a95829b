"""`up`, `down`, `open`: the platform on this machine."""

import os
import select
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from ambient.cli.clock import now
from ambient.cli.connect import translated
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.holder import holder_of
from ambient.cli.screen import Screen, data
from ambient.cli.settings import has_display, host_name, remote_shell
from ambient.client.contexts import Context
from ambient.client.errors import ClientError
from ambient.client.platform import chosen
from ambient.client.settings import DEFAULT_PROJECT, ClientSettings, data_folder, find_server

if TYPE_CHECKING:
    from ambient.wiring.local import Started

END_SECONDS: Final = 60.0
"""So long may a platform take to end: open requests get 30 s."""


def up(*, host: str | None, port: int | None, folder: Path | None, browser: bool) -> Exit:
    """Start it, or point at the one that runs on this data already."""
    began, screen, folder = now(), Screen(), _folder(folder)
    if (server := find_server(folder)) is not None:
        return _runs_already(server.url, folder, browser=browser)
    from ambient.wiring import local  # a second of imports, only now

    screen.line(f"Data folder: {folder}", "dim")

    def ready(started: "Started") -> None:
        if started.moved_from is not None:
            held = f"Port {started.moved_from} is held by {holder_of(started.moved_from)}"
            screen.line(f"{held}; this is the next free one.", "amber")
        seconds = (now() - began).total_seconds()
        screen.line(f"Started in {seconds:.1f} s. Ctrl+C ends it; sessions go on.", "dim")
        data(f"Ambient is ready: {started.url}")
        sys.stdout.flush()
        _show_page(started.sign_in_url, screen, browser=browser)

    try:
        local.Start(folder, {"host": host, "port": port}).run(ready)
    except local.NotLoopback as exc:
        raise Misused(
            f"{exc} can be reached by others, and only this machine's owner can sign in here.",
            hint="Leave --host away, and reach it from elsewhere with ssh -L.",
        ) from exc
    except local.PortBusy as exc:
        raise CliError(
            f"Port {exc.port} is held by {holder_of(exc.port)}.",
            hint="End that program, or choose another --port (0: any free one).",
            exit=Exit.CONFLICT,
        ) from exc
    except local.DataFolderBusy as exc:
        raise CliError(
            f"Another platform is starting or ending on {folder}.",
            hint="Try again in a moment, or choose another --data.",
            exit=Exit.CONFLICT,
        ) from exc
    except OSError as exc:
        raise CliError(
            f"{exc.filename or folder}: {exc.strerror}.",
            hint="Choose a folder that is yours and a disk with room: --data DIR",
        ) from exc
    except ValueError as exc:
        raise Misused(str(exc), hint="Correct them in the environment or the flags.") from exc
    screen.line("Ended. What runs goes on, and is found again by the next `ambient up`.", "dim")
    return Exit.DONE


def down(folder: Path | None, seconds: float | None) -> None:
    """End the platform of the data folder; sessions go on. None running is fine."""
    folder, screen = _folder(folder), Screen()
    server = find_server(folder)
    if server is None:
        screen.line(f"No platform runs on {folder}.")
        return
    handle = os.pidfd_open(server.pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        wait = END_SECONDS if seconds is None else seconds
        ended, _, _ = select.select([handle], [], [], wait)
    finally:
        os.close(handle)
    if not ended:
        raise CliError(
            f"It has not ended after {wait:g} s (process {server.pid}).",
            hint="Give it more time with --timeout.",
            exit=Exit.TIMEOUT,
        )
    screen.line("Ended. Sessions that run go on, and are found again by the next `ambient up`.")


def open_page(session: str | None, project: str | None, folder: Path | None) -> None:
    """Open the platform in the browser, signed in; without one, print the address."""
    settings, context = _meant()
    server = find_server(_folder(folder)) if folder is not None else None
    url = server.url if server is not None else None
    page = ""
    if session is not None:
        default = context.project if context is not None and context.project else DEFAULT_PROJECT
        within = project or settings.project or default
        page = f"/projects/{quote(within)}/sessions/{quote(session)}"
    if context is not None and folder is None:
        address = _my_address(context.url, page)
    else:
        address = sign_in_address(page, url, folder)
    _show_page(address, Screen(), browser=True)


def _my_address(url: str, page: str) -> str:
    """An address that signs a browser in as oneself, once, at a platform that many people use."""
    import json

    from ambient.cli.connect import perform

    reply = perform(lambda ambient: ambient.api("POST", "/auth/me/code"))
    return f"{url}{page or '/'}#code={json.loads(reply)['code']}"


def _meant() -> tuple[ClientSettings, Context | None]:
    try:
        settings = ClientSettings.from_env()
        found = chosen(settings)
    except ClientError as exc:
        raise translated(exc) from exc
    return settings, None if found is None else found[1]


def sign_in_address(page: str, url: str | None = None, folder: Path | None = None) -> str:
    """An address that signs its first user in, once. page: a path below the platform's."""
    import json

    from ambient.cli.connect import perform
    from ambient.client.settings import owner_token

    token = owner_token(_folder(folder)) if url is not None else None
    reply = perform(lambda ambient: ambient.api("POST", "/auth/code"), url=url, token=token)
    base, _, code = str(json.loads(reply)["url"]).partition("/#")
    return f"{base}{page or '/'}#{code}"


def _runs_already(url: str, folder: Path, *, browser: bool) -> Exit:
    screen = Screen()
    screen.line(f"It runs already on {folder}; nothing was started.")
    data(f"Ambient is ready: {url}")
    _show_page(sign_in_address("", url, folder), screen, browser=browser)
    return Exit.DONE


def _folder(given: Path | None) -> Path:
    return data_folder() if given is None else given.expanduser().absolute()


def _show_page(address: str, screen: Screen, *, browser: bool) -> None:
    """Open it, or say how to. The address holds a code for one login, so it is not data."""
    if browser and has_display() and not remote_shell():
        import webbrowser

        screen.line("Opening the browser.", "dim")
        # A thread, because some browsers only return when they are closed.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        return
    screen.line(f"In a browser: {address}")
    if remote_shell():
        port = urlsplit(address).port
        screen.line(f"From elsewhere, first: ssh -L {port}:127.0.0.1:{port} {host_name()}")
