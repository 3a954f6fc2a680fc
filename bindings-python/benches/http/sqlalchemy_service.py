"""The comparison: a purchase service as it is usually written, on FastAPI, SQLAlchemy 2 and asyncpg.

It keeps the same rows as the engine: reply, member, purchase, journal entry, lot, event, three counters, two balances.
Its rules are those of the FastAPI example's `program.toml`, manually: 5 %, a monthly cap per member, a budget, a spend
ladder.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import ClassVar

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import BigInteger, LargeBinary, String, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TENANT = "sqlalchemy"
MEMBERS = int(os.environ.get("BENCH_MEMBERS", "10000"))
CENT = Decimal("0.01")
CAP = 10_000_000
BUDGET = 100_000_000_000


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[type, object]] = {
        str: String(),
        int: BigInteger(),
        bytes: LargeBinary(),
    }


class Reply(Base):
    __tablename__ = "sa_replies"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    body: Mapped[str]
    recorded_at: Mapped[int]


class Member(Base):
    __tablename__ = "sa_members"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    journal_seq: Mapped[int]
    journal_hash: Mapped[bytes]
    event_seq: Mapped[int]
    recorded_at: Mapped[int]
    due_at: Mapped[int | None]
    body: Mapped[str]


class PurchaseRow(Base):
    __tablename__ = "sa_purchases"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    purchase: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    member: Mapped[str]
    occurred_at: Mapped[int]
    first_entry: Mapped[int]
    last_entry: Mapped[int]
    body: Mapped[str]


class Entry(Base):
    __tablename__ = "sa_journal"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    from_purpose: Mapped[str]
    to_purpose: Mapped[str]
    asset: Mapped[str]
    amount: Mapped[int]
    kind: Mapped[str]
    effective_at: Mapped[int]
    recorded_at: Mapped[int]
    purchase: Mapped[str]
    program: Mapped[str]
    program_version: Mapped[int]
    rule: Mapped[str]
    hash: Mapped[bytes]


class Lot(Base):
    __tablename__ = "sa_lots"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asset: Mapped[str]
    source: Mapped[str]
    amount: Mapped[int]
    remaining: Mapped[int]
    state: Mapped[str]
    earned_at: Mapped[int]
    available_at: Mapped[int]
    purchase: Mapped[str]
    rule: Mapped[str]


class Event(Base):
    __tablename__ = "sa_outbox"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    body: Mapped[str]


class Counter(Base):
    __tablename__ = "sa_counters"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int]


class Balance(Base):
    __tablename__ = "sa_balances"
    tenant: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int]


class Amount(BaseModel):
    amount: Decimal
    asset: str


class Purchase(BaseModel):
    id: str
    member: str
    program: str
    occurred_at: datetime
    total: Amount
    category: str | None = None
    channel: str | None = None


class RecordedPurchase(BaseModel):
    purchase: str
    granted: Amount
    recorded_at: datetime


url = (
    os.environ["DATABASE_URL"]
    .replace("postgresql://", "postgresql+asyncpg://")
    .replace("postgres://", "postgresql+asyncpg://")
)
engine = create_async_engine(url, pool_size=16, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        rows = [
            {
                "tenant": TENANT,
                "member": f"m{number}",
                "version": 1,
                "journal_seq": 0,
                "journal_hash": bytes(32),
                "event_seq": 1,
                "recorded_at": 0,
                "body": '{"registered_at":"2026-06-15T12:00:00Z"}',
            }
            for number in range(MEMBERS)
        ]
        for start in range(0, MEMBERS, 1_000):
            await connection.execute(
                insert(Member).values(rows[start : start + 1_000]).on_conflict_do_nothing()
            )
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/ping")
async def ping() -> dict[str, str]:
    return {"state": "up"}


@app.post("/purchases")
async def record(purchase: Purchase) -> RecordedPurchase:
    async with sessions() as session, session.begin():
        return await record_in(session, purchase)


async def record_in(session: AsyncSession, purchase: Purchase) -> RecordedPurchase:
    key = (TENANT, "record_purchase", purchase.id)
    fingerprint = hashlib.sha256(purchase.model_dump_json().encode()).digest()
    known = await session.get(Reply, key)
    if known is not None:
        if known.fingerprint != fingerprint:
            raise HTTPException(409, "key reused")
        return RecordedPurchase.model_validate_json(known.body)
    member = await session.get(Member, (TENANT, purchase.member), with_for_update=True)
    if member is None:
        raise HTTPException(404, "unknown member")
    if await session.get(PurchaseRow, (TENANT, purchase.id)) is not None:
        raise HTTPException(409, "recorded already")
    now = datetime.now(timezone.utc)
    micros = int(now.timestamp() * 1_000_000)
    granted = await grant(session, purchase)
    minor = int(granted / CENT)
    member.version += 1
    member.journal_seq += 1
    member.event_seq += 1
    member.recorded_at = micros
    member.journal_hash = hashlib.sha256(member.journal_hash + fingerprint).digest()
    reply = RecordedPurchase(
        purchase=purchase.id, granted=Amount(amount=granted, asset="EUR"), recorded_at=now
    )
    seq = member.journal_seq
    session.add_all(
        [
            Reply(
                tenant=TENANT,
                operation="record_purchase",
                key=purchase.id,
                fingerprint=fingerprint,
                body=reply.model_dump_json(),
                recorded_at=micros,
            ),
            PurchaseRow(
                tenant=TENANT,
                purchase=purchase.id,
                version=1,
                member=purchase.member,
                occurred_at=micros,
                first_entry=seq,
                last_entry=seq,
                body=purchase.model_dump_json(),
            ),
            Entry(
                tenant=TENANT,
                member=purchase.member,
                seq=seq,
                id=uuid.uuid4(),
                from_purpose="funding:rewards",
                to_purpose="cashback",
                asset="EUR",
                amount=minor,
                kind="grant",
                effective_at=micros,
                recorded_at=micros,
                purchase=purchase.id,
                program=purchase.program,
                program_version=1,
                rule="base",
                hash=member.journal_hash,
            ),
            Lot(
                tenant=TENANT,
                member=purchase.member,
                number=seq,
                asset="EUR",
                source="funding:rewards",
                amount=minor,
                remaining=minor,
                state="available",
                earned_at=micros,
                available_at=micros,
                purchase=purchase.id,
                rule="base",
            ),
            Event(
                tenant=TENANT,
                recorded_at=micros,
                stream=f"m:{purchase.member}",
                seq=member.event_seq,
                id=uuid.uuid4(),
                body=json.dumps({"purchase_recorded": {"purchase": purchase.id}}),
            ),
        ]
    )
    await session.flush()
    await move(session, purchase, minor)
    return reply


async def grant(session: AsyncSession, purchase: Purchase) -> Decimal:
    """5 %, clipped by the member's monthly cap."""
    wanted = (purchase.total.amount * Decimal("0.05")).quantize(CENT, ROUND_HALF_EVEN)
    month = purchase.occurred_at.year * 12 + purchase.occurred_at.month
    used = await session.scalar(
        select(Counter.value).where(
            Counter.tenant == TENANT,
            Counter.subject == f"m:{purchase.member}",
            Counter.name == "cap/monthly",
            Counter.bucket == month,
        )
    )
    left = Decimal(CAP - (used or 0)) * CENT
    return min(wanted, max(left, Decimal(0)))


async def move(session: AsyncSession, purchase: Purchase, minor: int) -> None:
    """Counters and balances, the shared rows last."""
    month = purchase.occurred_at.year * 12 + purchase.occurred_at.month
    member = f"m:{purchase.member}"
    counters = [
        (member, "cap/monthly", month, minor),
        (member, "spend/year", purchase.occurred_at.year, int(purchase.total.amount / CENT)),
        ("p:shop", "budget/total", 0, minor),
    ]
    for subject, name, bucket, delta in counters:
        upsert = insert(Counter).values(tenant=TENANT, subject=subject, name=name, bucket=bucket, value=delta)
        upsert = upsert.on_conflict_do_update(
            index_elements=["tenant", "subject", "name", "bucket"],
            set_={"value": Counter.value + delta},
            where=Counter.value + delta <= BUDGET,
        )
        if (await session.execute(upsert)).rowcount != 1:
            raise HTTPException(409, "the budget is used up")
    for holder, purpose, delta in [
        (purchase.member, "cashback", minor),
        ("", "funding:rewards", -minor),
    ]:
        upsert = insert(Balance).values(
            tenant=TENANT, holder=holder, purpose=purpose, asset="EUR", amount=delta
        )
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=["tenant", "holder", "purpose", "asset"],
                set_={"amount": Balance.amount + delta},
            )
        )
