from pathlib import Path

import pytest

from ambient.server.selector import parse
from ambient.server.settings import ServerSettings, SettingsInvalid, example, load
from ambient.wiring.settings import load_server

ROOT = Path(__file__).parents[2]


def test_the_example_of_settings_is_what_the_model_makes() -> None:
    found = (ROOT / ".env.example").read_text()
    assert found == example(), "write it anew with example()"


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBIENT_PORT", "many")
    monkeypatch.setenv("AMBIENT_READS_BURST", "0")
    with pytest.raises(SettingsInvalid) as caught:
        load({"max_upload_mib": 1000})
    for name in ("AMBIENT_PORT", "AMBIENT_READS_BURST", "AMBIENT_MAX_UPLOAD_MIB"):
        assert name in str(caught.value)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBIENT_PORT", "9000")
    assert load().port == 9000
    assert load({"port": 9001}).port == 9001


def test_limits_hold_for_people_where_there_are_many() -> None:
    assert load({}).limit_owner is False
    assert load_server({"database_url": "postgresql://host/name"}).limit_owner is True


def test_settings_explain_themselves() -> None:
    assert [name for name, one in ServerSettings.model_fields.items() if not one.description] == []


def test_a_label_selector_is_read_as_kubernetes_reads_it() -> None:
    assert parse("a=b, c!=d,e in (f, g),h notin (i),j,!k") == (
        ("a", "=", ("b",)),
        ("c", "!=", ("d",)),
        ("e", "in", ("f", "g")),
        ("h", "notin", ("i",)),
        ("j", "exists", ()),
        ("k", "!exists", ()),
    )
    assert parse("") == ()
