"""The redactor: nothing of a secret is shown however a text is cut, and nothing else is changed."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.contract.tokens import mint
from ambient.runner.redactor import REDACTED, Redactor, SecretValues

KNOWN = ("hunter2-hunter2", "hunter2", 'pass "word"\nwith\tmore', "aaaaaab", "abababab")
SHAPED = (
    "ast_" + "Zz0_-" * 8 + "abc",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "A_1" * 10,
    "glpat-" + "x-Y_" * 5,
    "sk-ant-api03-" + "q_W-" * 6,
    "AKIA" + "ABCD1234" * 2,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlF",
)
PLAIN = st.text(alphabet="ab hunter2-eyJ.ghpast_AKI\n", max_size=30)
MIXED = st.lists(st.one_of(PLAIN, st.sampled_from(KNOWN + SHAPED)), max_size=6).map("".join)


def redactor() -> Redactor:
    return Redactor(SecretValues(KNOWN))


def streamed(parts: Sequence[str]) -> str:
    one = redactor()
    return "".join([*(one.feed("m", part) for part in parts), one.flush("m")])


def cut(text: str, places: Sequence[int]) -> list[str]:
    marks = sorted({min(place, len(text)) for place in places})
    return [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]


@given(MIXED, st.lists(st.integers(0, 300), max_size=12))
def test_how_a_text_is_cut_changes_nothing(text: str, places: list[int]) -> None:
    assert streamed(cut(text, places)) == redactor().clean(text)


@given(MIXED, st.lists(st.integers(0, 300), max_size=12))
def test_no_secret_is_in_what_is_shown(text: str, places: list[int]) -> None:
    shown = streamed(cut(text, places))
    assert not [one for one in KNOWN + SHAPED if one in shown]


@given(st.sampled_from(KNOWN + SHAPED), PLAIN, PLAIN)
def test_one_character_at_a_time_nothing_is_shown_early(
    secret: str, before: str, after: str
) -> None:
    one = redactor()
    shown = ""
    for letter in f"{before} {secret} {after}":
        shown += one.feed("m", letter)
        assert secret not in shown
    assert secret not in shown + one.flush("m")


@given(st.text(alphabet="abc xyz,;(){}\n", max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_a_text_without_secrets_is_unchanged(text: str, places: list[int]) -> None:
    assert streamed(cut(text, places)) == text


@pytest.mark.parametrize("secret", SHAPED)
def test_a_shape_is_replaced_and_what_is_around_it_stays(secret: str) -> None:
    assert redactor().clean(f"key={secret}, next") == f"key={REDACTED}, next"


@pytest.mark.parametrize("secret", KNOWN)
def test_a_value_inside_json_text_is_found(secret: str) -> None:
    shown = redactor().clean(json.dumps({"value": secret}))
    assert json.loads(shown) == {"value": REDACTED}


def test_streams_are_kept_apart() -> None:
    one = redactor()
    assert one.feed("a", "hunt") + one.feed("b", "er2 ") == "er2 "
    assert one.flush("a") == "hunt"


def test_walk_finds_secrets_at_any_depth_in_keys_and_values() -> None:
    token = mint()
    found = redactor().walk({"a": [{"b": (f"x{token}",)}, 1, None], token: True})
    assert found == {"a": [{"b": [f"x{REDACTED}"]}, 1, None], REDACTED: True}


def test_a_value_that_comes_later_is_known_to_redactors_that_are_there() -> None:
    values = SecretValues()
    one = Redactor(values)
    values.add("first-bot-token")
    values.add("second-bot-token")
    assert one.clean("first-bot-token second-bot-token") == f"{REDACTED} {REDACTED}"


def test_a_value_too_short_to_be_told_from_text_is_left_alone() -> None:
    assert Redactor(SecretValues(["true", "1"])).clean("1 is true") == "1 is true"
