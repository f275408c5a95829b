"""Scripted APIs of GitHub (`/api/v3`) and GitLab (`/api/v4`), for a `GitHost` to answer with.

One repository, `team/shop`; `calls` is what was asked for beyond reading, `token` what lets in.
"""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, unquote

README = base64.b64encode(b"# Shop\n").decode()
FLOW = base64.b64encode(json.dumps({"name": "Review", "description": "Looks"}).encode()).decode()


class ProviderApi:
    """The answers."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.calls: list[tuple[str, str, Any]] = []
        self.pulls: set[str] = set()
        self.down = False
        self.commit = "c"

    def __call__(
        self, method: str, path: str, headers: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        if self.down:
            return 500, {"message": "Out of order"}
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}
        path, _, query = path.partition("?")
        if method != "GET":
            self.calls.append((method, path, body))
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if path.startswith("/api/v3"):
            return self._github(method, unquote(path.removeprefix("/api/v3")), body)
        return self._gitlab(method, unquote(path.removeprefix("/api/v4")), asked, body)

    def _github(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        repo = "/repos/team/shop"
        entries = [
            {"name": "README.md", "path": "README.md", "type": "file", "sha": "a", "size": 7},
            {"name": "src", "path": "src", "type": "dir", "sha": "b", "size": 0},
        ]
        found: dict[str, Any] = {
            "/user": {"login": "anna", "email": "anna@example.org"},
            repo: {"default_branch": "main"},
            f"{repo}/contents/": entries,
            f"{repo}/contents/src": [],
            f"{repo}/contents/README.md": {"content": README, "encoding": "base64"},
            f"{repo}/branches": [
                {"name": "main", "protected": True, "commit": {"sha": "c"}},
                {"name": "dev", "protected": False, "commit": {"sha": "d"}},
            ],
            f"{repo}/forks": [{"name": "shop", "full_name": "anna/shop", "html_url": "https://x"}],
        }
        if method == "POST" and path == f"{repo}/forks":
            return 202, {}
        if method == "POST" and path == f"{repo}/pulls":
            return self._opened(body["head"], {"html_url": "https://host/pull/7", "number": 7}, 422)
        return (200, found[path]) if path in found else (404, {"message": "Not Found"})

    def _gitlab(self, method: str, path: str, asked: dict[str, str], body: Any) -> tuple[int, Any]:
        repo = "/projects/team/shop"
        if path == f"{repo}/repository/tree":
            return 200, self._tree(asked.get("path", ""))
        found: dict[str, Any] = {
            "/user": {"username": "anna", "email": "anna@example.org"},
            f"{repo}/repository/files/README.md": {"content": README, "encoding": "base64"},
            f"{repo}/repository/files/flows/review/.ambient/ambient.json": {
                "content": FLOW,
                "encoding": "base64",
            },
            f"{repo}/repository/branches": [
                {"name": "main", "protected": True, "default": True, "commit": {"id": self.commit}}
            ],
            f"{repo}/forks": [
                {"path": "shop", "path_with_namespace": "anna/shop", "web_url": "https://x"}
            ],
        }
        if method == "POST" and path == f"{repo}/fork":
            return 201, {}
        if method == "POST" and path == f"{repo}/merge_requests":
            made = {"web_url": "https://host/mr/7", "iid": 7}
            return self._opened(body["source_branch"], made, 409)
        return (200, found[path]) if path in found else (404, {"message": "404 Not Found"})

    def _tree(self, path: str) -> list[dict[str, Any]]:
        found = {
            "": ["README.md", "src", "flows"],
            "src": ["a.py"],
            "flows": ["review", "notes.md"],
        }.get(path, [])
        return [
            {
                "name": name,
                "path": f"{path}/{name}".lstrip("/"),
                "type": "blob" if "." in name else "tree",
                "id": "x",
                "mode": "100644",
            }
            for name in found
        ]

    def _opened(self, head: str, made: dict[str, Any], taken: int) -> tuple[int, Any]:
        if head in self.pulls:
            return taken, {"message": "Another one already exists for this branch"}
        self.pulls.add(head)
        return 201, made
