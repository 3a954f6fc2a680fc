"""Batches of more than 1,000 codes, and what a restart leaves of them and of everything else."""

from __future__ import annotations

import time

from conftest import Service

PAUSE = "1.5"


def until_done(service: Service, path: str) -> dict[str, object]:
    for _ in range(600):
        job = service.get(path)
        if job["state"] == "done":
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def test_many_codes_are_a_job_with_progress(service: Service) -> None:
    book = service.book(pattern="J-{RANDOM:10}")
    answer = service.call("POST", f"books/{book}/codes/generate", {"count": 1_001, "batch": "a batch/1"})
    assert answer.status_code == 202
    assert answer.json() == {
        "book": book, "job": "a batch/1", "state": "running", "total": 1_000, "wanted": 1_001,
    }  # fmt: skip
    path = answer.headers["location"].removeprefix("/api/v1/")
    assert until_done(service, path)["total"] == 1_001
    assert service.statistics(book)["free"] == 1_001
    service.refuse(f"books/{book}/jobs/none", None, 404, "job_unknown", "GET")
    service.post(f"books/{book}/codes/generate", {"count": 10, "batch": "small"})
    service.refuse(f"books/{book}/jobs/small", None, 404, "job_unknown", "GET")
    service.refuse(f"books/{book}/codes/generate", {"count": 1_002, "batch": "a batch/1"}, 409, "key_reused")


def test_a_job_that_was_killed_goes_on_and_makes_exactly_what_was_asked(own: Service) -> None:
    own.environment["COUPONS_JOB_PAUSE"] = PAUSE
    own.start()
    book = own.book(pattern="J-{RANDOM:10}")
    body = {"count": 5_500, "batch": "big"}
    assert own.post(f"books/{book}/codes/generate", body, 202)["total"] == 1_000
    own.kill()
    own.start()
    assert own.statistics(book)["generated"] == 1_000
    job = own.get(f"books/{book}/jobs/big")
    assert (job["state"], job["total"], job["wanted"]) == ("running", 2_000, 5_500)
    while own.get(f"books/{book}/jobs/big")["total"] < 3_000:
        time.sleep(0.05)
    own.stop()
    own.start()
    assert own.post(f"books/{book}/codes/generate", body, 202)["state"] == "running"
    done = until_done(own, f"books/{book}/jobs/big")
    assert done["total"] == 5_500
    assert own.post(f"books/{book}/codes/generate", body, 202) == done
    assert own.statistics(book)["generated"] == 5_500
    assert own.call("PATCH", f"books/{book}", {"status": "closed"}).status_code == 200
    assert own.get(f"books/{book}/jobs/big") == done, "what is done stays done"


def test_a_job_of_a_book_that_was_closed_says_why_it_does_not_go_on(own: Service) -> None:
    own.environment["COUPONS_JOB_PAUSE"] = PAUSE
    own.start()
    book = own.book(pattern="J-{RANDOM:10}")
    own.post(f"books/{book}/codes/generate", {"count": 2_500, "batch": "big"}, 202)
    assert own.call("PATCH", f"books/{book}", {"status": "closed"}).status_code == 200
    time.sleep(2 * float(PAUSE))
    own.refuse(f"books/{book}/jobs/big", None, 410, "coupon_book_closed", "GET")
    assert f"job `big` of book `{book}` stopped: coupon_book_closed" in own.log()
    assert own.statistics(book)["generated"] == 1_000


def test_a_restart_keeps_everything(own: Service) -> None:
    own.start()
    held, locked, used = (own.held("ada", limits={"uses_per_code": 2}) for _ in range(3))
    own.post(f"coupons/lock/{locked}", {"member": "ada", "order": "o1"}, 200)
    own.post(f"coupons/redeem/{used}", {"member": "ada"}, 200)
    book = own.book(pattern="R-{RANDOM:8}")
    batch = {"count": 3, "batch": "b", "codes": True}
    made = own.post(f"books/{book}/codes/generate", batch)
    own.refuse("coupons/redeem/GUESS", {"member": "ada"}, 404, "code_not_accepted")
    before = own.get("users/ada/coupons"), own.get("books"), own.get(f"books/{book}")
    own.kill()
    own.start()
    assert (own.get("users/ada/coupons"), own.get("books"), own.get(f"books/{book}")) == before
    assert own.post(f"books/{book}/codes/generate", batch) == made, "codes are derived again"
    own.refuse(f"coupons/redeem/{locked}", {"member": "ada", "order": "o2"}, 423, "coupon_locked")
    assert own.post(f"coupons/redeem/{used}", {"member": "ada"}, 200)["left"] == 0
    assert own.post(f"coupons/redeem/{held}", {"member": "ada"}, 200)["left"] == 1
