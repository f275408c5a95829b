"""An HTTP/1.1 client so thin that it is not what a measurement measures."""

import socket
import time
from urllib.parse import urlsplit


class Connection:
    """One keep-alive connection, blocking; run it in a thread. Replies carry Content-Length."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"Host: {parts.netloc}\r\n{lines}"
        self._rest = b""

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{length}\r\n".encode()
        return self.send(head + body)

    def send(self, raw: bytes) -> tuple[int, bytes]:
        """Send a request as it is; status and body of its reply."""
        self._socket.sendall(raw)
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        head = data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + 4 + length
        while len(data) < whole:
            data += self._receive()
        self._rest = data[whole:]
        return int(head[9:12]), data[end + 4 : whole]

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def _receive(self) -> bytes:
        found = self._socket.recv(1 << 18)
        if not found:
            raise ConnectionError("the server closed the connection")
        return found


def hammer(url: str, path: str, headers: dict[str, str], seconds: float) -> tuple[float, int]:
    """One request after the other on one connection: requests per second, and how many were
    not answered with 2xx."""
    connection = Connection(url, headers)
    refused = count = 0
    try:
        connection.request("GET", path)
        begun = time.perf_counter()
        end = begun + seconds
        while time.perf_counter() < end:
            status, _ = connection.request("GET", path)
            count += 1
            refused += not 200 <= status < 300
        return count / (time.perf_counter() - begun), refused
    finally:
        connection.close()
