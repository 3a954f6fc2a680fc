"""What the engine tells through `logging`."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import rewards
from conftest import NOW, record


@pytest.fixture(autouse=True)
def silence_afterwards() -> Iterator[None]:
    yield
    rewards.flush_logging()
    rewards.disable_logging()


def commands(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    assert rewards.flush_logging(5)
    return [one for one in caplog.records if one.getMessage() == "rewards.command"]


def test_nothing_is_told_unasked(engine: rewards.Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "rewards")
    engine.record_purchase(record(), now=NOW)
    assert commands(caplog) == []


def test_commands_are_told_with_their_fields(
    engine: rewards.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rewards")
    rewards.enable_logging("DEBUG")
    engine.record_purchase(record(), now=NOW)
    engine.record_purchase(record(), now=NOW)
    told = [one.__dict__["fields"] for one in commands(caplog)]
    assert [(one["operation"], one["outcome"], one["replayed"]) for one in told] == [
        ("record_purchase", "ok", False),
        ("record_purchase", "ok", True),
    ]
    assert all(one["micros"] >= 0 for one in told)
    assert all(one.name == "rewards" and one.levelno == logging.DEBUG for one in caplog.records)
    assert all("ada" not in str(one.__dict__["fields"]) for one in caplog.records)


def test_the_level_and_the_end_are_kept(engine: rewards.Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "rewards")
    rewards.enable_logging(logging.WARNING)
    engine.record_purchase(record(1), now=NOW)
    assert commands(caplog) == []
    rewards.enable_logging(logging.DEBUG)
    engine.record_purchase(record(2), now=NOW)
    assert len(commands(caplog)) == 1
    rewards.disable_logging()
    engine.record_purchase(record(3), now=NOW)
    assert len(commands(caplog)) == 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        rewards.enable_logging("LOUD")
