"""What the documents point at is there."""

import re
from pathlib import Path
from typing import Final

import pytest

from ambient.cli.app import app
from ambient.core.lifecycle import TRANSITIONS, Phase, Signal
from ambient.engines.kube.settings import ClusterSettings, OperatorSettings
from ambient.wiring.settings import KubeServerSettings

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#]+)")
CODE_PATH: Final = re.compile(r"`((?:src|tests|bench|docs)/[\w./-]+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_path_of_a_document_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    missing = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    missing += [path for path in CODE_PATH.findall(text) if not (ROOT / path).exists()]
    assert missing == []


GUIDES: Final = [ROOT / "docs" / name for name in ("kubernetes.md", "migration.md", "operator.md")]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_a_guide_names_only_settings_and_commands_that_there_are(guide: Path) -> None:
    text = guide.read_text()
    models = (ClusterSettings, OperatorSettings, KubeServerSettings)
    known = {f"AMBIENT_{name.upper()}" for model in models for name in model.model_fields}
    assert set(re.findall(r"\bAMBIENT_[A-Z0-9_]+", text)) - known == set()
    commands = set(re.findall(r"(?:^\$ |`)(?:\.venv/bin/)?ambient (\w+)", text, re.MULTILINE))
    names = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}
    assert commands - names - {one.name for one in app.registered_groups} == set()


def test_every_decision_has_its_ten_lines() -> None:
    parts = ["Status", "Context", "Decision", "Considered", "Easier now", "Harder now"]
    parts += ["Shown by", "Wrong if", "Undo"]
    for record in sorted((ROOT / "docs" / "adr").glob("*.md")):
        title, *lines = record.read_text().splitlines()
        assert title.startswith(f"# {record.name[:4]} "), record.name
        assert [line.partition(":")[0] for line in lines] == parts, record.name


def test_the_state_machine_of_the_documents_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text[text.index("| phase | launched |") :].split("\n\n")[0].splitlines()
    head, _, *lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    drawn = {
        (Phase(phase), Signal(signal)): Phase(to)
        for phase, *cells in lines
        for signal, to in zip(head[1:], cells, strict=True)
        if to
    }
    assert drawn == TRANSITIONS
