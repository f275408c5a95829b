"""What the web page has of the server: the table of reasons. And it makes no markup of text."""

from support import recorded, status_js
from support.real import ROOT

SOURCES = ROOT / "web" / "src"


def test_the_page_has_the_present_table_of_reasons() -> None:
    assert status_js.PATH.read_text() == status_js.text(), (
        "status.py changed: PYTHONPATH=src:tests python -m support.status_js"
    )


def test_no_module_of_the_page_turns_text_into_markup() -> None:
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcDoc")
    for file in SOURCES.rglob("*.ts*"):
        text = file.read_text()
        for way in ways:
            assert way not in text, f"{file.name} uses {way}"


def test_the_page_folds_what_the_server_folds() -> None:
    assert recorded.PATH.read_text() == recorded.text(), (
        "the fold changed: PYTHONPATH=src:tests python -m support.recorded, then web/test/twin"
    )
