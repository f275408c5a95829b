"""What holds a secret does not show it when it is printed, in a log or a traceback."""

from datetime import UTC, datetime

from ambient.contract.launch import LaunchSpec
from ambient.contract.tokens import RotationState, TokenRecord, digest, mint


def test_a_token_record_does_not_show_its_tokens() -> None:
    current, incoming = mint(), mint()
    record = TokenRecord(
        current=current,
        incoming=incoming,
        accepted=(digest(current), digest(incoming)),
        state=RotationState.INTRODUCING,
        generation=1,
        token_generation=1,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert current not in repr(record)
    assert incoming not in str(record)


def test_a_launch_spec_does_not_show_secrets() -> None:
    spec = LaunchSpec(token="ast_mine", secret_env={"KEY": "pssst"})
    assert "ast_mine" not in repr(spec)
    assert "pssst" not in str(spec)
