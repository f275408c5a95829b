"""The web page: its files, and index.html for every path that is a page's own (ui.md 1.6)."""

import asyncio
import mimetypes
import re
import secrets
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from ambient.server.errors import RouteNotFound, reply_to

STATIC: Final = Path(__file__).parent / "static"
NONCE: Final = "{{nonce}}"
"""Replaced in index.html by a fresh value per load; goes to what must inject a style."""
SCRIPT_POLICY: Final = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
"""That of a script; it counts where one runs as a worker, which may load our scripts, no more."""
_OWN: Final = re.compile(r"/(api|assets|auth|health|healthz|readyz|metrics)(/|$)")
_HASHED: Final = re.compile(r"[.-][A-Za-z0-9_-]{8,}\.\w+$")


def policy(nonce: str) -> str:
    """The page's Content-Security-Policy."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )


class Page:
    """Plain ASGI, for what no route takes. static: folder of index.html and assets/."""

    def __init__(self, static: Path = STATIC) -> None:
        self._static = static.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an asset, the page, or the error that says that neither is there."""
        reply = await self._reply(scope)
        await reply(scope, receive, send)

    async def _reply(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            return reply_to(RouteNotFound(), scope)
        if path.startswith("/assets/"):
            return await asyncio.to_thread(self._asset, path, scope)
        if _OWN.match(path):
            return reply_to(RouteNotFound(), scope)
        return await asyncio.to_thread(self._index, scope)

    def _asset(self, path: str, scope: Scope) -> Response:
        if "\0" in path:
            return reply_to(RouteNotFound(), scope)
        file = (self._static / path.lstrip("/")).resolve()
        if not file.is_relative_to(self._static / "assets") or not file.is_file():
            return reply_to(RouteNotFound("There is no such file in this release."), scope)
        kept = "public, max-age=31536000, immutable" if _HASHED.search(file.name) else "no-cache"
        headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
        if file.suffix == ".js":
            headers["Content-Security-Policy"] = SCRIPT_POLICY
        packed = file.with_name(f"{file.name}.gz")
        if "gzip" not in Headers(scope=scope).get("accept-encoding", "") or not packed.is_file():
            return FileResponse(file, headers=headers)
        media = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers["Content-Encoding"] = "gzip"
        return FileResponse(packed, headers=headers, media_type=media)

    def _index(self, scope: Scope) -> Response:
        try:
            text = (self._static / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return reply_to(RouteNotFound("The web page is not part of this build."), scope)
        nonce = secrets.token_urlsafe(16)
        return Response(
            text.replace(NONCE, nonce),
            media_type="text/html",
            headers={"Content-Security-Policy": policy(nonce), "Cache-Control": "no-store"},
        )
