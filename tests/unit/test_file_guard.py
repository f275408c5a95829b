"""The guard of credential files gives a reason to look, once for each change."""

from pathlib import Path

from ambient.contract.names import BOT_TOKEN_KEY
from ambient.core.memory import ManualClock
from ambient.engines.local.guard import FileGuard


async def test_a_place_is_looked_at_when_it_is_first_seen_and_when_a_file_changes(
    tmp_path: Path,
) -> None:
    noticed: list[str] = []
    guard = FileGuard(ManualClock(), lambda: {"place": tmp_path}, noticed.append)
    await guard.look()
    assert noticed == ["place"], "what was done to it before the first look stays unseen"
    await guard.look()
    assert noticed == ["place"]
    (tmp_path / BOT_TOKEN_KEY).write_text("not ours")
    await guard.look()
    assert noticed == ["place"] * 2
