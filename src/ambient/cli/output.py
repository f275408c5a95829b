"""Lists and objects in the forms a person or a script asks for: table, wide, json, yaml, name,
jsonl. Every form works on every list."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from ambient.cli.clean import clean
from ambient.cli.form import Form
from ambient.cli.screen import Screen, data

Item = TypeVar("Item", bound=BaseModel)
_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column. wide: only in `-o wide`. tone: the colour of a cell."""

    title: str
    cell: Callable[[Item], str]
    wide: bool = False
    tone: Callable[[Item], str] = lambda item: "neutral"


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """How a kind is listed. name: `kind/name`, for `-o name`."""

    name: Callable[[Item], str]
    columns: Sequence[Column[Item]]
    empty: str


def show_list(items: Sequence[Item], listing: Listing[Item], form: Form) -> None:
    """Print a list. An empty table says on stderr that there is nothing, and what to do."""
    match form:
        case Form.JSON | Form.YAML | Form.JSONL:
            if items or form is not Form.JSONL:
                data(dump([plain(one) for one in items], form))
        case Form.NAME:
            for one in items:
                data(listing.name(one))
        case Form.TABLE | Form.WIDE:
            _table(items, listing, wide=form is Form.WIDE)


def show_one(item: BaseModel, name: str, form: Form) -> None:
    """Print one object as data."""
    match form:
        case Form.YAML:
            data(_yaml(plain(item)))
        case Form.NAME:
            data(name)
        case Form.JSONL:
            data(json.dumps(plain(item), ensure_ascii=False))
        case _:
            data(_json(plain(item)))


def dump(items: Sequence[Any], form: Form) -> str:
    """Plain objects as the text of a list: json, yaml or jsonl."""
    if form is Form.JSONL:
        return "\n".join(json.dumps(one, ensure_ascii=False) for one in items)
    return _yaml({"items": items}) if form is Form.YAML else _json({"items": items})


def plain(item: BaseModel) -> Any:
    """An object as the API spells it."""
    return item.model_dump(mode="json", by_alias=True, exclude_none=True)


def rows(cells: Sequence[Sequence[str]], *, width: int | None) -> Iterable[str]:
    """Cells in columns. width: lines are cut there; None: they are not."""
    from rich.cells import cell_len, set_cell_size

    widths = [max(cell_len(row[at]) for row in cells) for at in range(len(cells[0]))]
    for row in cells:
        padded = [set_cell_size(text, size) for text, size in zip(row, widths, strict=True)]
        line = _GAP.join(padded).rstrip()
        yield line if width is None or cell_len(line) <= width else _cut(line, width)


def _cut(line: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(line, width - 1) + "…"


def _table(items: Sequence[Item], listing: Listing[Item], *, wide: bool) -> None:
    if not items:
        Screen().line(listing.empty)
        return
    columns = [one for one in listing.columns if wide or not one.wide]
    cells = [[one.title for one in columns]]
    cells += [[clean(one.cell(item)).replace("\n", " ") for one in columns] for item in items]
    terminal = sys.stdout.isatty()
    screen = Screen(to=sys.stdout)
    lines = rows(cells, width=get_terminal_size().columns if terminal else None)
    for number, line in enumerate(lines):
        data(screen.toned(line, _tone(items[number - 1], columns) if number else "bold"))


def _tone(item: Item, columns: Sequence[Column[Item]]) -> str:
    return next((tone for one in columns if (tone := one.tone(item)) != "neutral"), "neutral")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _yaml(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.rstrip("\n")
