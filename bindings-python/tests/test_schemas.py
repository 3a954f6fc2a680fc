"""Whose tables are where, and who makes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import rewards
from conftest import NOW, record, set_up
from test_faults import fault

SERVER = os.environ.get("DATABASE_URL", "")


@pytest.mark.parametrize("driver", ["", "+asyncpg", "+psycopg", "+psycopg2"])
def test_a_schema_of_its_own(driver: str) -> None:
    scheme, rest = SERVER.split(":", 1)
    name = f"shop{driver.replace('+', '_')}"
    with rewards.open(f"{scheme}{driver}:{rest}", schema=name) as engine:
        set_up(engine)
        engine.record_purchase(record(), now=NOW)
    mark = "&" if "?" in rest else "?"
    with rewards.open(f"{scheme}{driver}:{rest}{mark}schema={name}") as engine:
        assert engine.execute(record(), now=NOW).replayed


def test_tables_are_made_by_who_may_make_them() -> None:
    with pytest.raises(rewards.InternalError, match="run `migrate`") as caught:
        rewards.open(SERVER, schema="deployed", migrate=False)
    assert fault(caught.value) == ("schema_too_old", 500, False)
    for _ in range(2):
        rewards.migrate(SERVER, schema="deployed")
    with rewards.open(SERVER, schema="deployed", migrate=False) as engine:
        set_up(engine)


def test_a_file_is_made_by_who_may_make_it(tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    with pytest.raises(rewards.InternalError) as caught:
        rewards.open_file(file, migrate=False)
    assert fault(caught.value) == ("schema_too_old", 500, False)
    assert not file.exists()
    rewards.migrate(f"sqlite:///{file}")
    rewards.migrate("memory:")
    rewards.open_file(file, migrate=False).close()


@pytest.mark.parametrize("schema", ["Shop", "", "a;b", "pg_shop"])
def test_what_is_no_name_is_refused(schema: str) -> None:
    with pytest.raises(rewards.InvalidError, match="lower-case letters") as caught:
        rewards.open("postgresql://127.0.0.1:1/none", schema=schema)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("value_invalid", "schema")
    ]
    with pytest.raises(rewards.InvalidError, match="lower-case letters"):
        rewards.migrate("postgresql://127.0.0.1:1/none", schema=schema)
    with pytest.raises(rewards.InvalidError):
        rewards.open("memory:", migrate="no")
