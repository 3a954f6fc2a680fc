"""The switch: takes payments through their stages and rails to an end, also after a restart.

All that is decided is in the engine. A process that dies leaves nothing that another one does not find: whatever has not ended is
taken up again, and a rail is asked under the same key as before.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from decimal import ROUND_CEILING, Decimal
from uuid import uuid4

from rewards import Engine, RewardsError, Stage, run_stages
from rewards import models as api
from rewards.models import Money

from .rails import Answer, Rail, rail_of
from .waiting import Waiting

PROGRAM = "satupay"
HOME = "MYR"
WORKERS = 8
"""How many payments are under way at once in one process."""
log = logging.getLogger("satupay")


def new_key() -> str:
    """A key of its own for a step of a payment, which itself says whether it was taken already."""
    return uuid4().hex


class Switch:
    """Looks after payments that have not ended."""

    def __init__(self, engine: Engine, rails: dict[str, Rail], timeout: float, every: float) -> None:
        self.engine, self._rails = engine, rails
        self._timeout, self._every = timeout, every
        self._waiting = Waiting(engine, PROGRAM)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="payment")
        self._calls = ThreadPoolExecutor(4 * WORKERS, thread_name_prefix="rail")
        self._busy: set[str] = set()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="reconcile", daemon=True)

    def start(self) -> None:
        """Takes up what another process left."""
        self._thread.start()

    def close(self) -> None:
        """Lets what is under way end, and takes up nothing more."""
        self._stop.set()
        self._pool.shutdown()
        self._calls.shutdown(wait=False, cancel_futures=True)

    def pipeline(self, revision: int | None = None) -> api.Pipeline:
        """The stages of a revision: of the one that a payment was created under, whatever was switched since. Of none, those of now."""
        ask = api.GetProgram(program=PROGRAM, revision=revision)
        return self.engine.get_program(ask).program.pipeline or api.Pipeline(stages=[])

    def price(self, amount: Money) -> tuple[Money, dict[str, str]]:
        """What a price comes to in the currency of the wallets, and by which rate.

        It is the least amount that becomes the price or more when it is converted: the engine converts, and this looks for it.
        """
        if amount.asset == HOME:
            return amount, {}

        def ask(given: Money) -> api.ConversionTerms:
            request = api.QuoteConversion(program=PROGRAM, amount=given, to=amount.asset)
            return self.engine.quote_conversion(request).terms

        rate = ask(Money.of("1000.00", HOME)).rate
        cent = Decimal("0.01")
        given = (amount.amount / Decimal(str(rate.for_member))).quantize(cent, ROUND_CEILING)
        while ask(Money.of(str(given), HOME)).arrived.amount < amount.amount:
            given += cent
        while given > cent and ask(Money.of(str(given - cent), HOME)).arrived.amount >= amount.amount:
            given -= cent
        told = {
            "original": f"{amount.amount} {amount.asset}",
            "rate": str(rate.for_member),
            "mid": str(rate.mid),
        }
        return Money.of(str(given), HOME), told

    def hold(self, payment: api.CreatePayment, exchange: dict[str, str]) -> api.HeldPayment:
        """Runs what comes before, and holds what is paid."""
        created = self.engine.create_payment(payment)
        stages = {
            "fx": Stage(lambda _: exchange or None, version="desk"),
            "risk": Stage(lambda _: self._assess(payment, created), version="scorecard"),
            "fees": Stage(lambda _: {"fee": str(created.terms.fee.amount) if created.terms.fee else "0.00"}),
        }
        found = self.engine.get_payment(api.GetPayment(payment=payment.payment))
        runs = run_stages(self.pipeline(found.revision), "hold", stages, {"payment": payment.payment})
        try:
            hold = api.HoldPayment(payment=payment.payment, stages=runs)
            return self.engine.hold_payment(hold, key=new_key())
        except RewardsError as error:
            # Somebody else has held it, or it has ended: it goes on from there.
            if error.code != "payment_state_wrong":
                raise
            found = self.engine.get_payment(api.GetPayment(payment=payment.payment))
            return api.HeldPayment(payment=payment.payment, state=found.state, failure=found.failure)

    def _assess(self, payment: api.CreatePayment, created: api.CreatedPayment) -> dict[str, str]:
        facts = api.PaymentFacts(
            program=PROGRAM,
            member=payment.member,
            amount=payment.amount,
            occurred_at=created.created_at,
            keys={"merchant": payment.merchant} if payment.merchant else {},
        )
        request = api.AssessPayment(payment=payment.payment, facts=facts)
        outcome = self.engine.assess_payment(request).outcome
        return {"decision": outcome.decision, "score": str(outcome.score)}

    def go_on(self, payment: str) -> None:
        """Has somebody look after a payment, unless somebody does."""
        with self._lock:
            if payment in self._busy or self._stop.is_set():
                return
            self._busy.add(payment)
        self._pool.submit(self._run, payment)

    def _run(self, payment: str) -> None:
        try:
            while self._step(payment):
                pass
        except RewardsError as error:
            # Another process was first, or the store is away: the next look finds where it is.
            log.info("payment %s: %s", payment, error.code)
        except Exception:
            log.exception("payment %s", payment)
        finally:
            with self._lock:
                self._busy.discard(payment)

    def _step(self, payment: str) -> bool:
        """One attempt; whether another one may follow."""
        tried = self.engine.submit_payment(api.SubmitPayment(payment=payment), key=new_key())
        if tried.key is None:
            return False
        found = self.engine.get_payment(api.GetPayment(payment=payment))
        outcome = self._ask(found, tried.key)
        runs: list[api.StageRun] = []
        if outcome != "unknown":
            notify = {"notify": Stage(self._notify)}
            runs = run_stages(self.pipeline(found.revision), "report", notify, {"payment": payment})
        report = api.ReportPayment(payment=payment, attempt=tried.attempt, outcome=outcome, stages=runs)
        told = self.engine.report_payment(report, key=new_key())
        return told.state == "held"

    def _ask(self, found: api.PaymentDetails, key: str) -> api.AttemptOutcome:
        rail = self._rails[rail_of(found.terms.route)]
        call = self._calls.submit(rail.pay, key, found.terms.arrived.amount, found.merchant or "")
        try:
            answer: Answer = call.result(self._timeout)
        except TooLate:
            return "unknown"
        except Exception:
            log.exception("rail of payment %s", found.payment)
            return "unknown"
        if answer.declined:
            return api.DeclinedAttemptOutcome(declined=api.Declined(code=answer.declined))
        return api.CompletedAttemptOutcome(completed=api.Completed(reference=answer.reference))

    def _notify(self, facts: object) -> dict[str, str]:
        log.info("payment ended: %s", facts)
        return {}

    def _look_after(self) -> None:
        while True:
            try:
                for payment in self.waiting():
                    self.go_on(payment)
            except Exception:
                log.exception("reconcile")
            if self._stop.wait(self._every):
                return

    def waiting(self) -> list[str]:
        """Payments that have not ended."""
        return self._waiting.look()
