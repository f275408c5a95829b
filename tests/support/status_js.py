"""The status table as the web page reads it.

`PYTHONPATH=src:tests python -m support.status_js` writes it anew.
"""

import json
from pathlib import Path
from typing import Final

from ambient.contract.status import table

PATH: Final = Path(__file__).parents[2] / "web/src/contract/table.json"


def text() -> str:
    return json.dumps(table(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
