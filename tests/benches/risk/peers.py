"""Holds the scores of the fitted scorecard beside models of scikit-learn, by the same three figures.

    python tests/benches/risk/peers.py payments.csv target/bench/risk-scores.csv

The models get the usual features: customer count and mean over 1, 7 and 30 days, terminal count and risk over 1, 7 and 30 days with a
delay of 7 days, weekend and night; they are fitted to April (from the 8th) and May, and judged on 8 to 30 June 2018. The figures are the
area under the ROC curve, the average precision, and the card precision@100: of the 100 customers with the highest score of a day, the share of
those with a fraud on that day, without customers that were found on an earlier day; the mean over the days. Intervals are of 95 %, from 200
bootstrap samples of days. Needs numpy and scikit-learn.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict, deque
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DAY = 86_400
WINDOWS = (1, 7, 30)
DELAY = 7
SAMPLES = 200


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def read(path: Path) -> list[tuple[int, float, str, str, int]]:
    with path.open() as file:
        rows = [
            (seconds(row["occurred_at"]), float(row["amount"]), row["customer"], row["terminal"], int(row["bad"]))
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda row: row[0])


class Window:
    """Count and sum of what happened within some days."""

    def __init__(self, days: int) -> None:
        self.length = days * DAY
        self.seen: deque[tuple[int, float]] = deque()
        self.sum = 0.0

    def at(self, now: int) -> tuple[int, float]:
        while self.seen and self.seen[0][0] <= now - self.length:
            self.sum -= self.seen.popleft()[1]
        return len(self.seen), self.sum

    def add(self, now: int, value: float) -> None:
        self.seen.append((now, value))
        self.sum += value


def features(rows: list[tuple[int, float, str, str, int]]) -> np.ndarray:
    customers: dict[str, list[Window]] = defaultdict(lambda: [Window(days) for days in WINDOWS])
    terminals: dict[str, list[Window]] = defaultdict(lambda: [Window(days) for days in WINDOWS])
    known: dict[str, list[Window]] = defaultdict(lambda: [Window(days) for days in WINDOWS])
    waiting: deque[tuple[int, str, int]] = deque()
    found = np.zeros((len(rows), 15))
    for index, (at, amount, customer, terminal, bad) in enumerate(rows):
        while waiting and waiting[0][0] <= at - DELAY * DAY:
            then, where, was_bad = waiting.popleft()
            for window in known[where]:
                window.add(then + DELAY * DAY, was_bad)
        moment = datetime.fromtimestamp(at, timezone.utc)
        row = [amount, float(moment.weekday() >= 5), float(moment.hour <= 6)]
        for window in customers[customer]:
            count, total = window.at(at)
            row += [count, total / count if count else 0.0]
        for window, labels in zip(terminals[terminal], known[terminal], strict=True):
            count, bads = labels.at(at)
            row += [window.at(at)[0], bads / count if count else 0.0]
        found[index] = row
        for window in customers[customer] + terminals[terminal]:
            window.add(at, amount)
        waiting.append((at, terminal, bad))
    return found


def card_precision(days: np.ndarray, customers: np.ndarray, bad: np.ndarray, scores: np.ndarray) -> dict[int, float]:
    found: set[str] = set()
    precision = {}
    for day in np.unique(days):
        best: dict[str, float] = {}
        frauds: set[str] = set()
        for index in np.flatnonzero(days == day):
            customer = customers[index]
            best[customer] = max(best.get(customer, -np.inf), scores[index])
            if bad[index]:
                frauds.add(customer)
        ranked = sorted((who for who in best if who not in found), key=lambda who: (-best[who], who))[:100]
        hits = [who for who in ranked if who in frauds]
        found.update(hits)
        precision[int(day)] = len(hits) / 100
    return precision


def figures(name: str, days: np.ndarray, customers: np.ndarray, bad: np.ndarray, scores: np.ndarray) -> None:
    cards = card_precision(days, customers, bad, scores)
    by_day = {int(day): np.flatnonzero(days == day) for day in np.unique(days)}
    random = np.random.default_rng(7)
    samples = []
    for _ in range(SAMPLES):
        drawn = random.choice(list(by_day), len(by_day))
        rows = np.concatenate([by_day[int(day)] for day in drawn])
        samples.append(
            (
                roc_auc_score(bad[rows], scores[rows]),
                average_precision_score(bad[rows], scores[rows]),
                float(np.mean([cards[int(day)] for day in drawn])),
            )
        )
    exact = (roc_auc_score(bad, scores), average_precision_score(bad, scores), float(np.mean(list(cards.values()))))
    low, high = np.percentile(np.array(samples), [2.5, 97.5], axis=0)
    told = (f"{value:.3f} ({least:.3f}–{most:.3f})" for value, least, most in zip(exact, low, high, strict=True))
    print(f"{name:<24}" + "".join(f"{text:>24}" for text in told))


def main(payments: Path, ours: Path) -> None:
    rows = read(payments)
    known = features(rows)
    at = np.array([row[0] for row in rows])
    bad = np.array([row[4] for row in rows])
    first, last, judged = (seconds(f"2018-{day}T00:00:00Z") for day in ("04-08", "06-01", "06-08"))
    fitted, tested = (at >= first) & (at < last), at >= judged
    days = at[tested] // DAY
    customers = np.array([row[2] for row in rows])[tested]
    print(f"{'8 to 30 June 2018':<24}{'ROC AUC':>24}{'average precision':>24}{'card precision@100':>24}")
    with ours.open() as file:
        own = list(csv.DictReader(file))
    figures(
        "scorecard",
        np.array([seconds(row["occurred_at"]) for row in own]) // DAY,
        np.array([row["customer"] for row in own]),
        np.array([int(row["bad"]) for row in own]),
        np.array([float(row["score"]) for row in own]),
    )
    for name, model in (
        ("logistic regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))),
        ("random forest", RandomForestClassifier(n_estimators=100, min_samples_leaf=5, random_state=0, n_jobs=-1)),
        ("gradient boosting", HistGradientBoostingClassifier(random_state=0)),
    ):
        model.fit(known[fitted], bad[fitted])
        figures(name, days, customers, bad[tested], model.predict_proba(known[tested])[:, 1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
