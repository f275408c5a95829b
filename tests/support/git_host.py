"""A host of git repositories over HTTPS, with a certificate of its own authority and a login.

`git http-backend` serves what is in `folder`; `api` answers what is not git, such as a provider's
API. Everything asked is in `seen`, as (method, path, user name or ""), never a password.
"""

import base64
import datetime
import ipaddress
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ambient.wiring.system import SystemClock

WAIT_SECONDS = 60.0
Api = Callable[[str, str, dict[str, str], Any], tuple[int, Any]]
"""Method, path with query, headers, body → status and JSON."""


def no_api(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    return 404, {"message": "Not Found"}


def _opened() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class GitHost:
    """The host. passwords: user name → password; empty: everybody may read and write. tokens: token
    → whose it is; then those let in, under that name in `seen`. gate: while it is shut (`clear`),
    git gets no answer."""

    folder: Path
    ca_file: Path
    passwords: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    api: Api = no_api
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""
    gate: threading.Event = field(default_factory=_opened)

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    def make(self, name: str, branch: str = "main") -> str:
        """A bare repository with one commit; its URL."""
        bare, work = self.folder / f"{name}.git", self.folder.parent / f"work-{name}"
        git(self.folder, "init", "-q", "--bare", "-b", branch, str(bare))
        git(bare, "config", "http.receivepack", "true")
        git(self.folder, "clone", "-q", str(bare), str(work))
        (work / "README.md").write_text("one\n")
        git(work, "add", ".")
        git(work, "commit", "-qm", "one")
        git(work, "push", "-q", "origin", f"HEAD:{branch}")
        return f"{self.url}/{name}.git"

    def more(self, name: str, text: str, branch: str = "main") -> str:
        """One more commit; its id."""
        work = self.folder.parent / f"work-{name}"
        (work / "README.md").write_text(text)
        git(work, "commit", "-qam", "more")
        git(work, "push", "-q", "origin", f"HEAD:{branch}")
        return git(work, "rev-parse", "HEAD")

    def branches(self, name: str) -> dict[str, str]:
        """Branch → commit, as the host has them."""
        form = "--format=%(refname:lstrip=2) %(objectname)"
        lines = git(self.folder / f"{name}.git", "for-each-ref", form, "refs/heads").splitlines()
        return dict(line.split(" ") for line in lines)

    def lets_in(self, user: str, password: str) -> bool:
        """Whether that login may read and write."""
        if self.tokens:
            return password in self.tokens
        return not self.passwords or self.passwords.get(user) == password

    def users(self) -> set[str]:
        """Who was let in, or tried."""
        return {user for _, _, user in self.seen if user}


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    done = subprocess.run(
        ["git", *identity, *args], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def a_repository(folder: Path, files: dict[str, str]) -> str:
    """A repository of this machine with one commit on `main`; its URL."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-qb", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return f"file://{folder}"


@contextmanager
def git_host(folder: Path, **passwords: str) -> Iterator[GitHost]:
    """Serve on a free port of 127.0.0.1 until the end."""
    root = folder / "repositories"
    root.mkdir(parents=True)
    ca_file, chain = certificates(folder)
    host = GitHost(folder=root, ca_file=ca_file, passwords=dict(passwords))

    class Handler(_Handler):
        served = host

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    host.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: GitHost
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  names of the library

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        body = self._body()
        user, password = self._login()
        user = self.served.tokens.get(password, user)
        self.served.seen.append((self.command, path, user))
        if ".git/" not in path:
            self._api(body)
        elif not self.served.lets_in(user, password):
            self._reply(401, b"who are you?", {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self.served.gate.wait(WAIT_SECONDS)
            self._git(path, query, body, user)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().strip(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _login(self) -> tuple[str, str]:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return "", ""
        user, _, password = base64.b64decode(given).decode().partition(":")
        return user, password

    def _api(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = json.loads(body) if body else None
        status, found = self.served.api(self.command, self.path, headers, given)
        self._reply(status, json.dumps(found).encode(), {"Content-Type": "application/json"})

    def _git(self, path: str, query: str, body: bytes, user: str) -> None:
        env = {
            "PATH": os.defpath,
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": user or "anybody",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=env, capture_output=True, check=False
        )
        head, _, found = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().splitlines()]
        headers = {name: value for name, _, value in lines}
        self._reply(int(headers.pop("Status", "200").split(" ")[0]), found, headers)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def certificates(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate, and certificate and key for 127.0.0.1 that it vouches for."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of these tests")])
    root = _signed(name, name, authority, authority, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    here = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    leaf = _signed(here, name, key, authority, is_authority=False)
    ca_file, chain = folder / "ca.pem", folder / "host.pem"
    ca_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    return ca_file, chain


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    day = datetime.timedelta(days=1)
    now = SystemClock().now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + 30 * day)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(by, hashes.SHA256())
