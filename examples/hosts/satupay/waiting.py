"""Which payments wait for the switch, without reading again and again those that expired.

The engine lists payments by the state in which they were left, the oldest first, and time alone moves none: what expired stays listed
among what is held, for ever. So a look begins behind those that an earlier look saw expired. Only where nothing stands behind them the
last one is read again, as the place where the list goes on.
"""

from __future__ import annotations

from typing import Optional

from rewards import Engine
from rewards import models as api

OPEN: list[api.PaymentState] = ["held", "pending_review", "processing", "unknown"]
"""States in which a payment waits for the switch."""
PAGE = 200


class Waiting:
    """Where the lists begin for this process; another one reads what expired once for itself."""

    def __init__(self, engine: Engine, program: str) -> None:
        self._engine, self._program = engine, program
        self._begin: dict[api.PaymentState, Optional[str]] = {}
        self._seen: set[str] = set()

    def look(self) -> list[str]:
        """Payments that have not ended. Those in review go on once somebody has decided, or nobody did in time."""
        found = {payment: None for state in OPEN for payment in self._left_in(state)}
        # One that was under way and is held again stands where it was created, which may be before the beginning.
        for payment in sorted(self._seen - found.keys()):
            if self._engine.get_payment(api.GetPayment(payment=payment)).state in OPEN:
                found[payment] = None
        self._seen = set(found)
        return list(found)

    def _left_in(self, state: api.PaymentState) -> list[str]:
        found: list[str] = []
        after, only_expired = self._begin.get(state), True
        while True:
            page = self._page(state, after, PAGE)
            payments = page.payments
            found += [one.payment for one in payments if one.state == state]
            if only_expired:
                over = next((n for n, one in enumerate(payments) if one.state == state), len(payments))
                only_expired = over == len(payments)
                place = page.next if only_expired else None
                # There is a place behind a payment only before another one.
                most = min(over, len(payments) - 1)
                if place is None and most > 0:
                    place = self._page(state, after, most).next
                self._begin[state] = place or after
            after = page.next
            if after is None:
                return found

    def _page(self, state: api.PaymentState, after: Optional[str], limit: int) -> api.PaymentList:
        ask = api.ListPayments(program=self._program, state=state, after=after, limit=limit)
        return self._engine.list_payments(ask)
