"""Requests that take effect are read from their models; their JSON is for those that have something odd about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
import rewards
from rewards import _native
from rewards.models import RegisterMember
from rewards.scenarios.document import REQUESTS, File

VECTORS = sorted((Path(__file__).parents[3] / "tests" / "vectors").glob("*.json"))

json_reads: Callable[[], int] = _native.json_reads  # type: ignore[attr-defined]


class Name(str):
    """Text of a class of its own."""


def test_an_odd_request_is_read_from_its_json() -> None:
    before = json_reads()
    with rewards.open("memory:") as engine:
        engine.register_member(RegisterMember.model_construct(member=Name("ada")))
    assert json_reads() == before + 1


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_requests_that_take_effect_are_read_from_their_models(path: Path) -> None:
    replies = 0
    for case in File.model_validate(json.loads(path.read_text())).cases:
        with rewards.open("memory:") as engine:
            for step in case.steps:
                before = json_reads()
                try:
                    request: Any = REQUESTS[step.operation].model_validate(step.request)
                    engine.execute(request, key=step.key, now=step.now)
                except rewards.RewardsError:
                    continue
                assert json_reads() == before, step
                replies += 1
    assert replies, "no request of the file takes effect"
