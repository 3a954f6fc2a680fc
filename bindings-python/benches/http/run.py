"""P9: `POST /purchases` of the FastAPI example beside a service as it is usually written, on one PostgreSQL.

    cargo run -p rewards-tests --bin with_postgres -- python bindings-python/benches/http/run.py

Both keep the same rows. They run with one process each and are measured in turn with `wrk` at 8 and 64 connections; each
figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[2] / "examples" / "fastapi_quickstart"
MEMBERS = os.environ.setdefault("BENCH_MEMBERS", "10000")
CONNECTIONS = (8, 64)
Figures = dict[str, float]


class Service:
    """A server of its own process."""

    def __init__(self, folder: Path, app: str, ready: str, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", app, "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", "--no-access-log"],
            cwd=folder,
            env=os.environ | environment,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}{ready}").close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{app} does not answer")

    def measure(self, connections: int, seconds: int, run: int) -> Figures:
        command = ["wrk", "--timeout", "30s", "-t", "1", "-c", str(connections), "-d", f"{seconds}s"]
        printed = subprocess.run(
            [*command, "-s", str(HERE / "post.lua"), self.url, "--", str(run)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        figures: Figures = json.loads(printed.partition("JSON ")[2])
        if figures["errors"]:
            raise RuntimeError(f"{figures['errors']} requests failed:\n{printed}")
        return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    url = os.environ["DATABASE_URL"]
    # The members of the engine's side; the other side makes its own when it starts.
    subprocess.run([sys.executable, HERE.parent / "shop.py", url, MEMBERS], check=True)
    services = {
        "rewards": Service(EXAMPLE, "app:app", "/health", REWARDS_URL=url),
        "sqlalchemy": Service(HERE, "sqlalchemy_service:app", "/ping"),
    }
    found: dict[tuple[str, int], list[Figures]] = defaultdict(list)
    # The first run of a server is slower: connections are made and statements prepared.
    run = 1
    for round_ in range(options.rounds + 1):
        for connections in CONNECTIONS:
            for name, service in services.items():
                seconds = options.seconds if round_ else 1
                figures = service.measure(connections, seconds, run)
                run += 1
                if round_:
                    found[name, connections].append(figures)
    for service in services.values():
        service.process.terminate()
        service.process.wait()
    report(found)


def report(found: dict[tuple[str, int], list[Figures]]) -> None:
    def median(name: str, connections: int, figure: str) -> float:
        return statistics.median(each[figure] for each in found[name, connections])

    print(f"{'service':12} {'connections':>11} {'per second':>11} {'p50 ms':>8} {'p99 ms':>8}")
    for name, connections in found:
        figures = (median(name, connections, figure) for figure in ("per_second", "p50_ms", "p99_ms"))
        rate, p50, p99 = figures
        print(f"{name:12} {connections:11} {rate:11.0f} {p50:8.2f} {p99:8.2f}")
    for connections in CONNECTIONS:
        rate = median("rewards", connections, "per_second") / median("sqlalchemy", connections, "per_second")
        tail = median("rewards", connections, "p99_ms") / median("sqlalchemy", connections, "p99_ms")
        print(
            f"P9 {connections} connections: {rate:.1f} times the rate (wanted 7), {tail:.2f} of the p99 (wanted 0.20)"
        )


if __name__ == "__main__":
    main()
