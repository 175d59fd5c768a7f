"""The report in a real browser; skipped where there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from hf_relation.discovery.report import write_report
from tests.common.tiny_reports import HOSTILE, planted_result


webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    _CHROMIUM is None or _DRIVER is None, reason="needs a browser: apt-get install chromium chromium-driver"
)
# What the page's own log does not tell: scripts and requests that the policy stopped, and uncaught errors.
_WATCH = """
window.seen = [];
addEventListener("error", (event) => seen.push(String(event.message)));
addEventListener("unhandledrejection", (event) => seen.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => seen.push(event.violatedDirective));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = write_report(planted_result(hostile=True), tmp_path_factory.mktemp("report") / "report.html")
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    arguments = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")
    for argument in (*arguments, "--use-angle=swiftshader", "--enable-unsafe-swiftshader"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_DRIVER))
    driver.address = path.as_uri()  # type: ignore[attr-defined]
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
    yield driver
    driver.quit()


def _open(driver: Any, width: int, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    driver.get(driver.address)
    driver.execute_script("localStorage.clear()")
    driver.get(driver.address)
    assert driver.execute_script("return document.documentElement.dataset.ready") == "true"


def _all(driver: Any, selector: str) -> list[Any]:
    return driver.find_elements("css selector", selector)


def _names(driver: Any) -> list[str]:
    return [row.text.split(" ")[0] for row in _all(driver, "#table tbody .name") if row.is_displayed()]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_opens_from_disk_without_errors_requests_or_sideways_scrolling(browser: Any, width: int, scheme: str) -> None:
    browser.get_log("performance"), browser.get_log("browser")
    _open(browser, width, scheme)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file:", "data:", "blob:")) for url in urls)
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert browser.execute_script("return seen") == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.execute_script("return document.documentElement.dataset.theme") == scheme
    assert "WebGL is not supported" not in browser.find_element("id", "plot-map").text
    assert len(_all(browser, ".plot .main-svg")) >= 5
    if width < 600:
        _all(browser, "#table tbody .name")[1].click()
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_hostile_texts_are_shown_and_not_run(browser: Any) -> None:
    _open(browser, 1280)
    shown = HOSTILE.replace("\x00", "\ufffd")
    heads = browser.execute_script("return [...document.querySelectorAll('#details mark.h')].map(e => e.textContent)")
    assert f"Head0 {shown}" in heads
    assert _all(browser, "main img, main b script, #details b") == []
    assert browser.title == "Discovered relations"
    assert browser.execute_script("return seen") == []


def test_search_shows_the_rows_that_fit(browser: Any) -> None:
    _open(browser, 1280)
    assert _names(browser) == ["verb0", "verb1", "verb2"]
    search = browser.find_element("id", "search")
    search.send_keys("VERB1")
    assert _names(browser) == ["verb1"]
    assert browser.find_element("id", "shown").text == "1 of 3 relations"
    search.clear()
    search.send_keys("no such relation")
    assert _names(browser) == []


def test_sorting_changes_the_order_and_says_so(browser: Any) -> None:
    _open(browser, 1280)
    button = browser.find_element("css selector", "th button[data-key=count]")
    header = button.find_element("xpath", "..")
    assert header.get_attribute("aria-sort") == "descending"
    button.click()
    assert _names(browser) == ["verb2", "verb1", "verb0"] and header.get_attribute("aria-sort") == "ascending"
    other = browser.find_element("css selector", "th button[data-key=name]")
    other.click()
    assert _names(browser) == ["verb0", "verb1", "verb2"]
    assert header.get_attribute("aria-sort") == "none"
    assert other.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"


def test_a_relation_opens_by_click_and_by_key(browser: Any) -> None:
    _open(browser, 1280)
    details = browser.find_element("id", "details")
    names = _all(browser, "#table tbody .name")
    names[1].click()
    assert "verb1" in details.text and "Nearest to the centre" in details.text
    assert [mark.text.split(" ")[0] for mark in _all(browser, "#details mark.h")][
        1
    ] == "Head4"  # row 12, the first of relation 1
    assert names[1].get_attribute("aria-pressed") == "true"
    browser.execute_script("arguments[0].focus()", names[2])
    names[2].send_keys("\ue007")  # Enter
    assert details.text.startswith("verb2") and "looks symmetric" in details.text
    assert names[1].get_attribute("aria-pressed") == "false"
    names[0].click()
    browser.find_element("css selector", "#details .facts button").click()  # its inverse
    assert details.text.startswith("verb1")


def test_the_first_key_reaches_the_link_past_the_head(browser: Any) -> None:
    _open(browser, 1280)
    browser.find_element("tag name", "body").send_keys("\ue004")  # Tab
    active = browser.switch_to.active_element
    assert active.get_attribute("class") == "skip" and active.get_attribute("href").endswith("#relations")


def test_the_theme_changes_and_stays(browser: Any) -> None:
    _open(browser, 1280)
    color = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(color)
    browser.find_element("id", "theme").click()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    assert browser.execute_script(color) != light
    browser.refresh()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
