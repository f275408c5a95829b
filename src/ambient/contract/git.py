"""Names and addresses of git that two parts must judge alike: repositories, branches, URLs.

The server checks before it stores, the runner before it touches anything.
"""

import hashlib
import re
from typing import Final
from urllib.parse import urlsplit

MOST_REPOS: Final = 20
_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_BRANCH_PART: Final = re.compile(r"(?!\.)[^\x00-\x20\x7f ~^:?*\[\\]+(?<!\.lock)(?<!\.)")
_SCP: Final = re.compile(r"[\w.-]+@[\w.-]+:[^\s:][^\s]*")
_SCHEMES: Final = frozenset({"https", "http", "ssh", "git", "file"})
_CREDENTIALS: Final = re.compile(r"(\w+://)[^/@\s]*@")
_LONGEST_URL: Final = 2_000
_LONGEST_BRANCH: Final = 250


def is_repo_name(name: str) -> bool:
    """Whether it can be a folder of `repos/`: letters, digits, `.`, `_`, `-`, no dot in front."""
    return _NAME.fullmatch(name) is not None


def repo_name(url: str) -> str:
    """The folder that a URL gets when nobody names one: its last part, made safe."""
    last = url.rstrip("/").removesuffix(".git").replace(":", "/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "-", last).lstrip(".")[:100] or "repo"


def is_branch(name: str) -> bool:
    """Whether git takes it as a branch, and no command takes it for an option."""
    if not name or len(name.encode(errors="replace")) > _LONGEST_BRANCH or name.startswith("-"):
        return False
    if ".." in name or "@{" in name or name in ("@", "HEAD"):
        return False
    return all(_BRANCH_PART.fullmatch(part) for part in name.split("/"))


def is_commit(text: str) -> bool:
    """Whether it is a whole commit id."""
    return _COMMIT.fullmatch(text) is not None


def is_path(path: str) -> bool:
    """Whether it is a path inside a repository; empty: the repository itself."""
    if path.startswith("/") or "\\" in path or not path.isprintable() or len(path) > _LONGEST_URL:
        return False
    return ".." not in path.split("/") and ".git" not in path.split("/")


def url_problem(url: str) -> str | None:
    """What is wrong with a repository's URL, in words; None: nothing."""
    if not url.isprintable() or url.startswith("-") or " " in url or len(url) > _LONGEST_URL:
        return "is not a URL"
    # The scp-like spelling of ssh has no scheme.
    return None if _SCP.fullmatch(url) else _parsed_problem(url)


def _parsed_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in _SCHEMES:
        return "must begin with https://, http://, ssh:// or git://"
    if parts.password is not None or (parts.username and parts.scheme in ("http", "https")):
        return "must not carry credentials; connect the account instead"
    if parts.scheme != "file" and (not parts.hostname or parts.hostname.startswith("-")):
        return "names no host"
    return "is not a URL" if port == 0 else None


def host_of(url: str) -> str:
    """`host` or `host:port` of an http(s) URL, in lower case; empty: it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    usual = {"https": 443, "http": 80}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if port in (None, usual) else f"{host}:{port}"


def place_of(url: str) -> tuple[str, str]:
    """Host and path (`owner/name`) of a repository on a Git host, by its address or by `owner/name`
    alone, which is GitHub's; both empty: it is on none."""
    text = url.strip().removesuffix("/").removesuffix(".git")
    if _SCP.fullmatch(text):
        host, _, path = text.partition("@")[2].partition(":")
    elif "://" in text:
        if url_problem(text) is not None:
            return "", ""
        parts = urlsplit(text)
        host = host_of(text) or (parts.hostname or "" if parts.scheme == "ssh" else "")
        path = parts.path
    else:
        host, path = "github.com", text
    path = path.strip("/")
    is_whole = host and path.count("/") >= 1 and is_path(path) and "//" not in path
    return (host.lower(), path) if is_whole else ("", "")


def without_credentials(url: str) -> str:
    """A URL, or a text with some, without user names and passwords in it."""
    return _CREDENTIALS.sub(r"\1", url)


def key_of(url: str) -> str:
    """A name for what belongs to one repository, such as its mirror."""
    return hashlib.sha256(url.encode()).hexdigest()[:40]
