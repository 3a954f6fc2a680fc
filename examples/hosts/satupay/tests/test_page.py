"""The page as a browser shows it: a real Chromium, a real server, payments made over HTTP."""

from __future__ import annotations

import hmac
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from conftest import Service
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait
from test_access import API_KEY, SECRET, bearer

STAFF = {"X-API-Key": API_KEY}
HTMX = {"HX-Request": "true"}
SCRIPT = "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title = 1'}))"
PAID = [("10.00", "duitnow"), ("300.00", "duitnow"), ("5.52", "duitnow"), ("40.00", "boost")]
"""The third one is declined."""


class Browser:
    """A browser that shows pages of a service."""

    def __init__(self, service: Service) -> None:
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        assert chromium and driver, (
            "install what drives a browser, such as `apt-get install chromium chromium-driver`"
        )
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(driver))
        self.base = service.base

    def open(self, path: str) -> None:
        self.driver.get(self.base + path)

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        # In one step: htmx may replace what is looked at meanwhile.
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent.trim())"
        found: list[str] = self.driver.execute_script(script, selector)
        return found

    def until(self, selector: str, texts: list[str]) -> None:
        try:
            WebDriverWait(self.driver, 30, 0.05).until(lambda _: self.texts(selector) == texts)
        except Exception:
            raise AssertionError(f"{selector} is {self.texts(selector)}, not {texts}") from None

    def console(self) -> list[Any]:
        """What the browser complains of; what its policy refuses is among it."""
        driver: Any = self.driver
        return [one for one in driver.get_log("browser") if one["level"] in ("WARNING", "SEVERE")]

    def click(self, selector: str) -> None:
        """Clicks, also where htmx just replaces what is clicked."""
        ignored = [StaleElementReferenceException, ElementClickInterceptedException]
        WebDriverWait(self.driver, 30, 0.05, ignored).until(lambda _: self.one(selector).click() is None)

    def sign_in(self, key: str) -> None:
        self.one("input[name=key]").send_keys(key)
        self.one("#sign-in button").click()


@pytest.fixture
def staffed(bare: Callable[..., Service]) -> Service:
    """A service that only staff may look into, with four payments."""
    service = bare(SATUPAY_API_KEY=API_KEY, SATUPAY_REFRESH="1")
    service.client.headers.update(STAFF)
    service.user()
    for amount, rail in PAID:
        txn = service.pay(amount, rail=rail)["txn_id"]
        service.ended(txn, "failed" if amount == "5.52" else "completed")
    return service


@pytest.fixture
def browser(staffed: Service) -> Iterator[Browser]:
    own = Browser(staffed)
    yield own
    own.driver.quit()


def test_an_operator_at_the_page(staffed: Service, browser: Browser) -> None:
    browser.open("/dashboard")
    assert browser.driver.current_url.endswith("/dashboard/sign-in")
    assert "payments" not in browser.one("body").text
    browser.sign_in(API_KEY)
    browser.until("#total", ["4"])
    assert browser.driver.current_url.endswith("/dashboard")
    assert [(one["httpOnly"], one["sameSite"]) for one in browser.driver.get_cookies()] == [(True, "Strict")]
    assert browser.driver.execute_script("return document.cookie") == ""

    # Figures and charts.
    assert (browser.texts("#volume"), browser.texts("#success")) == (["350.00"], ["75.0 %"])
    bars = {chart: len(browser.texts(f"#by-{chart} rect")) for chart in ("hour", "day", "state", "rail")}
    assert bars == {"hour": 24, "day": 7, "state": 2, "rail": 2}
    assert browser.texts("#by-rail title") == ["boost: 40.00", "duitnow: 310.00"]
    assert browser.one("#by-rail g:last-of-type rect").size["width"] > 0
    assert sum(int(one.partition(": ")[2]) for one in browser.texts("#by-day title")) == 4

    # Filters.
    amounts = "#transactions td:nth-child(5)"
    assert browser.texts(amounts) == ["40.00", "5.52", "300.00", "10.00"]
    Select(browser.one("select[name=status]")).select_by_visible_text("failed")
    browser.until(amounts, ["5.52"])
    Select(browser.one("select[name=rail]")).select_by_visible_text("boost")
    browser.until(amounts, [])
    Select(browser.one("select[name=status]")).select_by_visible_text("any")
    browser.until(amounts, ["40.00"])

    # What is new comes by itself, and the filter stays.
    staffed.ended(staffed.pay("7.00", rail="boost")["txn_id"])
    browser.until(amounts, ["7.00", "40.00"])
    browser.until("#total", ["5"])

    # A stage.
    overview = "/api/dashboard/overview"
    assert (browser.texts("#revision"), staffed.get(overview)["revision"]) == (["1"], 1)
    browser.click("#switch-fees")
    browser.until("#stage-fees td:first-child", ["fees (off)"])
    assert (browser.texts("#revision"), staffed.get(overview)["revision"]) == (["2"], 2)
    browser.click("#switch-fees")
    browser.until("#revision", ["3"])
    assert browser.texts("#stage-fees td:first-child") == ["fees"]
    assert browser.console() == []
    browser.driver.execute_script(SCRIPT)
    assert "Content Security Policy" in browser.console()[0]["message"], "a script of a page would be told"

    browser.click("#sign-out")
    browser.until("#sign-in button", ["Sign in"])
    browser.open("/dashboard")
    assert browser.driver.current_url.endswith("/dashboard/sign-in")
    assert browser.console() == []
    browser.sign_in("no key of anybody")
    browser.until(".wrong", ["That is not the key."])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks who calls."""
    work = tmp_path_factory.mktemp("guarded")
    own = Service.on("sqlite", work, SATUPAY_API_KEY=API_KEY, SATUPAY_JWT_SECRET=SECRET)
    try:
        own.start()
        yield own
    finally:
        own.kill()


def test_a_stranger_sees_no_figures(guarded: Service) -> None:
    for path in ("/dashboard", "/dashboard/figures", "/dashboard/transactions"):
        whole = guarded.call("GET", path)
        assert (whole.status_code, whole.headers["Location"], whole.text) == (303, "/dashboard/sign-in", "")
        part = guarded.call("GET", path, headers=HTMX)
        assert (part.status_code, part.headers["HX-Redirect"], part.text) == (401, "/dashboard/sign-in", "")
        assert guarded.call("GET", path, headers=bearer("ada")).status_code == 403, "users are no staff"
        assert guarded.call("GET", path, headers=STAFF).status_code == 200
    assert guarded.call("GET", "/static/htmx-2.0.11.min.js").status_code == 200
    policy = guarded.call("GET", "/dashboard", headers=STAFF).headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "script-src 'self'" in policy


def session(service: Service) -> dict[str, str]:
    """The cookie of somebody who signs in, as it has to be sent."""
    answer = service.call("POST", "/dashboard/sign-in", data={"key": API_KEY})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    kept = answer.headers["Set-Cookie"]
    assert all(
        one in kept for one in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/dashboard", "Max-Age=3600")
    )
    return {"Cookie": kept.partition(";")[0]}


def test_a_session_is_good_for_the_page_alone(guarded: Service) -> None:
    wrong = guarded.call("POST", "/dashboard/sign-in", data={"key": "wrong"})
    assert wrong.status_code == 403 and "Set-Cookie" not in wrong.headers
    cookie = session(guarded)
    assert "payments" in guarded.call("GET", "/dashboard", headers=cookie).text
    assert guarded.call("GET", "/api/dashboard/overview", headers=cookie).status_code == 401
    guarded.refuse("/api/refund", {"txn_id": "any"}, 401, "credentials_missing", headers=cookie)
    token = bearer("ada")["Authorization"].split()[1]
    for forged in ({"Cookie": f"satupay_session={token}"}, {"Cookie": cookie["Cookie"] + "x"}):
        assert guarded.call("GET", "/dashboard", headers=forged).status_code == 303
    as_token = {"Authorization": f"Bearer {cookie['Cookie'].partition('=')[2]}"}
    assert guarded.call("GET", "/api/dashboard/overview", headers=as_token).status_code == 401


def test_another_site_changes_nothing(guarded: Service) -> None:
    cookie = session(guarded)
    overview = "/api/dashboard/overview"
    for path in ("/dashboard/plugins/fees", "/dashboard/sign-out"):
        answer = guarded.call("POST", path, data={"enabled": "false"}, headers=cookie)
        assert (answer.status_code, answer.json()["code"]) == (403, "header_missing")
    assert guarded.get(overview, headers=STAFF)["revision"] == 1
    answer = guarded.call("POST", "/dashboard/plugins/fees", data={"enabled": "false"}, headers=cookie | HTMX)
    assert answer.status_code == 200 and "fees (off)" in answer.text
    assert guarded.get(overview, headers=STAFF)["revision"] == 2


def test_nobody_signs_in_where_there_is_no_key(bare: Callable[..., Service]) -> None:
    service = bare(SATUPAY_JWT_SECRET=SECRET)
    assert service.call("POST", "/dashboard/sign-in", data={"key": ""}).status_code == 403
    # What a session would be signed with if there were an empty key.
    key = hmac.new(b"", b"sessions", "sha256").hexdigest()
    forged = jwt.encode({"aud": "/dashboard", "exp": int(time.time()) + 60}, key, "HS256")
    answer = service.call("GET", "/dashboard", headers={"Cookie": f"satupay_session={forged}"})
    assert answer.status_code == 303
