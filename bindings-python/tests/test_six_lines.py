"""The purchase that the README shows."""

from datetime import datetime, timezone
from pathlib import Path

import pytest
import rewards
from rewards.models import (
    GetBalance,
    Money,
    PublishProgram,
    Purchase,
    RecordPurchase,
    RegisterMember,
)

WALLET = Path(__file__).parents[2] / "bindings-swift" / "example" / "wallet.toml"


@pytest.mark.parametrize("run", [1, 2], ids=["first", "again"])
def test_six_lines(run: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Run twice, they count once.
    file = tmp_path_factory.getbasetemp() / "six-lines.db"
    assert file.exists() is (run == 2)
    opened_at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    paid_at = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    program = rewards.read_program(WALLET.read_text())
    total = Money.of("80.00", "EUR")
    # README
    engine = rewards.open_file(file)
    engine.publish_program(PublishProgram(program=program, active_from=opened_at), key="first edition")
    engine.register_member(RegisterMember(member="alice"))
    order = Purchase(id="order-1", member="alice", program="wallet", occurred_at=paid_at, total=total)
    engine.record_purchase(RecordPurchase(purchase=order))
    print(engine.get_balance(GetBalance(member="alice")).assets)
    # README
    available = [asset.available for asset in engine.get_balance(GetBalance(member="alice")).assets]
    engine.close()
    assert total.of("4.00", "EUR") in available
