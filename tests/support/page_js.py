"""The page's pure modules, run by Node: the fold, the frames of a stream, terminal output."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ASSETS: Final = Path(__file__).parents[2] / "src/ambient/server/static/assets"


def run_js(script: str, given: Any) -> Any:
    """What `script` (the body of an async function of `given`) returns; it may import assets."""
    node = shutil.which("node")
    assert node, "the page's tests need Node: run `make test`, which brings one"
    code = (
        "let text = ''; for await (const part of process.stdin) text += part;"
        f"const found = await (async (given) => {{ {script} }})(JSON.parse(text));"
        "process.stdout.write(JSON.stringify(found));"
    )
    done = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-e", code],
        cwd=ASSETS,
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def folded(events: Sequence[Any]) -> dict[str, Any]:
    """What the page makes of these events."""
    found: dict[str, Any] = run_js(
        f"""
        const {{ empty, fold }} = await import({_url("fold.js")});
        const state = empty();
        for (const event of given) fold(state, event);
        return {{ ...state, index: null, open: [...state.open], hidden: [...state.hidden] }};
        """,
        list(events),
    )
    return found


def pieces(output: str) -> list[dict[str, str]]:
    """A command's output as the page draws it."""
    found: list[dict[str, str]] = run_js(
        f"return (await import({_url('ansi.js')})).pieces(given);", output
    )
    return found


def frames(chunks: Sequence[str]) -> list[dict[str, str]]:
    """What the page's stream reader finds in these chunks."""
    found: list[dict[str, str]] = run_js(
        f"""
        globalThis.BroadcastChannel = class {{}};
        const {{ Frames }} = await import({_url("stream.js")});
        const frames = new Frames();
        return given.flatMap((chunk) => frames.feed(chunk)).filter((one) => one.data);
        """,
        list(chunks),
    )
    return found


def _url(name: str) -> str:
    return json.dumps((ASSETS / name).as_uri())
