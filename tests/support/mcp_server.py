"""An MCP server over stdio, in plain JSON-RPC: it adds, and says whether it was given a key.

Its one argument is its name.
"""

import json
import os
import sys
from typing import Any

TOOL = {
    "name": "add",
    "description": "Adds two numbers.",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
    },
    "annotations": {"readOnlyHint": True},
}

KNOWS = {
    "name": "knows",
    "description": "Whether a word is the key that the server was given.",
    "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def answer(method: str, params: dict[str, Any], name: str) -> dict[str, Any]:
    """The result of a request."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": name, "version": "7.1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL, KNOWS]}
    if method == "tools/call":
        given = params["arguments"]
        if params["name"] == "knows":
            key = os.environ.get("SUMS_KEY")  # noqa: TID251  # what this server is given
            return {"content": [{"type": "text", "text": str(key == given["word"])}]}
        return {"content": [{"type": "text", "text": str(given["a"] + given["b"])}]}
    return {}


def main() -> None:
    """Answer a line with a line until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {}, sys.argv[1])
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
