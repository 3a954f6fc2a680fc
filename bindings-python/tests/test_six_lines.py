"""The purchase that the README shows."""

from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import rewards
import tomllib
from rewards.models import (
    GetBalance,
    Money,
    Program,
    PublishProgram,
    Purchase,
    RecordPurchase,
    RegisterMember,
)

WALLET = Path(__file__).parents[2] / "bindings-swift" / "example" / "wallet.toml"


def test_six_lines(tmp_path: Path) -> None:
    file, now = tmp_path / "six-lines.db", partial(datetime.now, timezone.utc)
    program = Program.model_validate(tomllib.loads(WALLET.read_text()))
    total = Money.of("80.00", "EUR")
    # README
    engine = rewards.open_file(file)
    engine.publish_program(PublishProgram(program=program), key="first edition")
    engine.register_member(RegisterMember(member="alice"))
    order = Purchase(id="order-1", member="alice", program="wallet", occurred_at=now(), total=total)
    engine.record_purchase(RecordPurchase(purchase=order))
    print(engine.get_balance(GetBalance(member="alice")).assets)
    # README
    engine.close()
