"""What becomes of a call when the way to the server is not as it should be."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import rewards


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Accepts connections, gives each of them one answer, and is silent from then on; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                    held.append(connection)
                    if answer:
                        connection.recv(8)
                        connection.sendall(answer)
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    with server(b"") as port:
        url = f"postgresql://ada:secret@127.0.0.1:{port}/books?sslmode=disable"
        begun = time.monotonic()
        with pytest.raises(rewards.UnavailableError) as caught:
            rewards.open(url, timeout=0.3)

        async def awaited() -> None:
            await rewards.AsyncEngine.open(url, timeout=0.3)

        with pytest.raises(rewards.UnavailableError):
            asyncio.run(awaited())
        assert time.monotonic() - begun < 5
        assert caught.value.code == "store_unavailable"
        assert "secret" not in str(caught.value)


def test_another_machine_is_not_reached_without_encryption() -> None:
    # No loopback address, and it leads to this machine all the same. The answer: no encryption here.
    with server(b"N") as port, pytest.raises(rewards.InternalError, match="`sslmode`") as caught:
        rewards.open(f"postgresql://ada:secret@0.0.0.0:{port}/books", timeout=5)
    assert caught.value.code == "store_refused"
    assert "secret" not in str(caught.value)


def test_a_root_certificate_that_is_not_there_is_named_by_its_parameter() -> None:
    with pytest.raises(rewards.InternalError, match="`sslrootcert`") as caught:
        rewards.open("postgresql://ada:secret@db.example/books?sslrootcert=/nowhere/ca.pem")
    assert "nowhere" not in str(caught.value)
