"""Threads, event loops, tasks and cancellation; and how an engine ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import rewards
from conftest import NOW, record, set_up, set_up_async
from rewards import _native
from rewards.models import GetBalance, RegisterMember

MEMBERS = [f"member-{number}" for number in range(16)]


def available(engine: rewards.Engine, member: str = "ada") -> list[str]:
    balance = engine.get_balance(GetBalance(member=member), now=NOW)
    return [str(line.available) for line in balance.assets]


def script(text: str, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(text), *arguments]
    tests = str(Path(__file__).parent)
    path = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )


def test_threads_share_an_engine(url: str) -> None:
    with rewards.open(url) as engine:
        set_up(engine, *MEMBERS)
        with ThreadPoolExecutor(16) as threads:
            # Each purchase is sent twice.
            numbers = [number % 100 for number in range(200)]
            receipts = list(
                threads.map(lambda n: engine.execute(record(n, MEMBERS[n % 16]), now=NOW), numbers)
            )
        assert sum(receipt.replayed for receipt in receipts) == 100
        assert engine.verify().is_valid


def test_other_threads_run_while_one_waits(file_url: str) -> None:
    """A call that cannot reach its database must not hold up the interpreter."""
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.wait(0.01):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    with pytest.raises(rewards.UnavailableError):
        rewards.open("postgresql://nobody@127.0.0.1:1/nothing")
    waited = time.monotonic() - started
    stop.set()
    thread.join()
    assert ticks > waited * 100 * 0.1


def test_a_waiting_call_can_be_interrupted() -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import rewards; print('go', flush=True); rewards.open('postgresql://127.0.0.1:1/x')",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    time.sleep(0.5)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - started < 5
    assert "KeyboardInterrupt" in errors


def test_many_tasks_share_an_engine(url: str) -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open(url) as engine:
            await set_up_async(engine, *MEMBERS)
            calls = [engine.execute(record(n // 2, MEMBERS[n // 2 % 16]), now=NOW) for n in range(512)]
            receipts = await asyncio.gather(*calls)
            assert sum(receipt.replayed for receipt in receipts) == 256
            assert (await engine.verify()).is_valid

    asyncio.run(run())


def test_several_event_loops_share_an_engine(url: str) -> None:
    engine = asyncio.run(_opened(url))

    def work(first: int) -> int:
        async def run() -> int:
            calls = [engine.record_purchase(record(first + n, MEMBERS[n % 16]), now=NOW) for n in range(50)]
            return len(await asyncio.gather(*calls))

        return asyncio.run(run())

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, [100, 200, 300, 400])) == 200
    assert asyncio.run(engine.verify()).is_valid
    asyncio.run(engine.close())
    assert engine.is_closed


async def _opened(url: str) -> rewards.AsyncEngine:
    engine = await rewards.AsyncEngine.open(url)
    await set_up_async(engine, *MEMBERS)
    return engine


def test_loops_that_are_gone_are_forgotten() -> None:
    from rewards import engine as module

    asyncio.run(_closed_at_once())
    gc.collect()
    before = len(module._inboxes)
    for _ in range(5):
        asyncio.run(_closed_at_once())
    gc.collect()
    assert len(module._inboxes) <= before


async def _closed_at_once() -> None:
    async with rewards.AsyncEngine.open("memory:") as engine:
        await engine.health()


@pytest.mark.parametrize("patience", [0, 0.0002, 0.002, 0.02])
def test_a_cancelled_call_is_done_or_not(file_url: str, patience: float) -> None:
    """Whatever a cancelled purchase came to, its reward is there once or not at all; sent again, it is there once."""

    async def run() -> None:
        async with rewards.AsyncEngine.open(file_url) as engine:
            await set_up_async(engine)
            tasks = [asyncio.ensure_future(engine.execute(record(n), now=NOW)) for n in range(40)]
            await asyncio.sleep(patience)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert all(not task.cancelled() for task in tasks[1::2])
            assert (await engine.verify()).is_valid
            again = [await engine.execute(record(n), now=NOW) for n in range(40)]
            assert all(receipt.replayed for receipt in again[1::2])
            balance = await engine.get_balance(GetBalance(member="ada"), now=NOW)
            assert [str(line.available) for line in balance.assets] == ["160.00 EUR"]
            assert (await engine.verify()).is_valid

    asyncio.run(run())


def test_a_timeout_does_not_stop_the_others(file_url: str) -> None:
    async def run() -> None:
        async with rewards.AsyncEngine.open(file_url) as engine:
            await set_up_async(engine)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.record_purchase(record(1), now=NOW), 0)
            assert (await engine.execute(record(2), now=NOW)).replayed is False

    asyncio.run(run())


def test_closing_answers_what_was_accepted(url: str) -> None:
    async def run() -> None:
        engine = await _opened(url)
        calls = [
            asyncio.ensure_future(engine.execute(record(n, MEMBERS[n % 16]), now=NOW)) for n in range(64)
        ]
        await asyncio.sleep(0)
        await engine.close()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, (rewards.Receipt, rewards.UnavailableError)), outcome

    asyncio.run(run())


def test_an_engine_can_be_closed_twice(url: str) -> None:
    engine = rewards.open(url)
    engine.close()
    engine.close()
    assert repr(engine).endswith("closed>")


def test_an_engine_that_is_left_open_is_told_of() -> None:
    engine = rewards.open("memory:")
    with pytest.warns(ResourceWarning, match="unclosed engine"):
        del engine
        gc.collect()


def test_the_interpreter_ends_in_order(tmp_path: Path) -> None:
    """Neither an open engine nor calls under way hold up the end of the process or break it."""
    done = script(
        """
        import asyncio, sys, threading, rewards
        from conftest import NOW, record, set_up, set_up_async
        url = sys.argv[1]
        engine = rewards.open(url)
        set_up(engine, "ada")
        def work():
            for n in range(1000): engine.record_purchase(record(n), now=NOW)
        threading.Thread(target=work, daemon=True).start()
        async def leave():
            other = await rewards.AsyncEngine.open("memory:")
            await set_up_async(other)
            global kept
            kept = other, [asyncio.ensure_future(other.record_purchase(record(n), now=NOW)) for n in range(100)]
            await asyncio.sleep(0)
        asyncio.run(leave())
        rewards.enable_logging("DEBUG")
        print("end", flush=True)
        """,
        f"sqlite:///{tmp_path}/books.db",
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert "panicked" not in done.stderr
    with rewards.open(f"sqlite:///{tmp_path}/books.db") as engine:
        assert engine.verify().is_valid


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_its_own(file_url: str) -> None:
    done = script(
        """
        import os, sys, rewards
        from conftest import NOW, record, set_up
        engine = rewards.open(sys.argv[1])
        set_up(engine, "ada")
        engine.record_purchase(record(1), now=NOW)
        child = os.fork()
        if child == 0:
            try:
                engine.record_purchase(record(2), now=NOW)
            except rewards.UnavailableError as error:
                assert error.code == "engine_closed" and "open one in each process" in error.detail
                with rewards.open(sys.argv[1]) as own:
                    own.record_purchase(record(3), now=NOW)
                print("child", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        engine.record_purchase(record(4), now=NOW)
        print("parent", flush=True)
        engine.close()
        """,
        file_url,
    )
    assert (done.returncode, done.stdout) == (0, "child\nparent\n"), done.stderr
    with rewards.open(file_url) as engine:
        assert available(engine) == ["12.00 EUR"]


def test_two_processes_share_a_file(file_url: str) -> None:
    with rewards.open(file_url) as engine:
        set_up(engine, *MEMBERS)
    text = """
        import sys, rewards
        from conftest import NOW, record
        with rewards.open(sys.argv[1]) as engine:
            receipts = [engine.execute(record(n, f"member-{n % 16}"), now=NOW) for n in range(60)]
        print(sum(receipt.replayed for receipt in receipts))
        """
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: script(text, file_url, seconds=120), range(2)))
    assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]
    # Both sent all of them: each took effect for one and was replayed for the other.
    assert sum(int(one.stdout) for one in done) == 60
    with rewards.open(file_url) as engine:
        assert engine.verify().is_valid
        assert available(engine, "member-0") == ["16.00 EUR"]


def test_a_new_member_can_be_registered_from_each_loop(url: str) -> None:
    async def run(number: int) -> str:
        async with rewards.AsyncEngine.open(url) as engine:
            return (await engine.register_member(RegisterMember(member=f"m-{number}"), now=NOW)).member

    assert [asyncio.run(run(number)) for number in range(3)] == ["m-0", "m-1", "m-2"]


class Refusing:
    """A future that was settled by somebody else at the last moment."""

    def done(self) -> bool:
        return False

    def set_result(self, _: object) -> None:
        raise asyncio.InvalidStateError("settled already")


def test_a_future_that_refuses_its_outcome_keeps_no_other_from_theirs() -> None:
    async def run() -> tuple[bytes, list[BaseException]]:
        loop = asyncio.get_running_loop()
        told: list[BaseException] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        options = (None, None, (None, None), True, None, (None, True))
        native = _native.NativeEngine.open(("memory:", False), "default", options)
        inbox = _native.Inbox(loop)
        real: asyncio.Future[bytes] = loop.create_future()
        refusing: Any = Refusing()
        for future in (refusing, refusing, real, refusing):
            native.start_serve(inbox, future, "health", "{}")
        # While the loop is held up, all outcomes come into one batch.
        time.sleep(0.3)
        answer = await asyncio.wait_for(real, 10)
        native.close()
        return answer, told

    answer, told = asyncio.run(run())
    assert b'"backend":"memory"' in answer
    assert told and all(isinstance(error, asyncio.InvalidStateError) for error in told)


ENDS = {
    "asyncio": """
        async def main():
            async with rewards.AsyncEngine.open("memory:") as engine:
                pass
        asyncio.run(main())
        """,
    "asyncio, logging": """
        logging.basicConfig(stream=open(os.devnull, "w"))
        rewards.enable_logging("DEBUG")
        async def main():
            async with rewards.AsyncEngine.open("memory:") as engine:
                await asyncio.gather(*(engine.health() for _ in range(50)))
        asyncio.run(main())
        """,
    "engines left open": """
        async def main():
            engine = await rewards.AsyncEngine.open("memory:")
            asyncio.get_running_loop().create_task(engine.health())
        asyncio.run(main())
        rewards.open("memory:").health()
        """,
    "a daemon thread at work": """
        engine = rewards.open("memory:")
        def work():
            while True:
                try:
                    engine.health()
                except rewards.RewardsError:
                    time.sleep(0)
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        time.sleep(0.02)
        """,
}


@pytest.mark.parametrize("end", ENDS)
def test_an_interpreter_ends_in_good_order(end: str) -> None:
    """No thread of the engine comes back to an interpreter that is going away: one that does aborts the process."""
    text = "import asyncio, logging, os, threading, time\nimport rewards\n" + textwrap.dedent(ENDS[end])
    # As it was, one in four aborted.
    times = 60 if end == "asyncio" else 20
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: script(text), range(times)))
    assert [one.stderr for one in done if one.returncode] == []
