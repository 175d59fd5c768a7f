"""The demo in a real browser: Debian's chromium, headless, driven by selenium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.common.tiny_tokenizers import sample_instances
from tests.demo.conftest import Served


webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None, reason="needs chromium and chromedriver (Debian: chromium-driver)"
)
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1280,1600"
)
# gradio's client says this at every start, as a warning, whatever the app.
NOISE = "Method not implemented."
EVIL = '<img src=x onerror="document.title=1"> **bold** [link](javascript:alert(1))'
SECONDS = 120


class Page:
    """The demo's page in a browser."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver, self.url = driver, url

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.until(lambda: self.all(selector))[0]

    def until(self, condition: Callable[[], Any]) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, SECONDS, 0.1, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def open(self) -> None:
        self.driver.get(self.url)
        self.one("#discover")

    def write(self, selector: str, text: str) -> None:
        """Set a field at once, as pasting does."""
        self.driver.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
            self.one(selector),
            text,
        )

    def discover(self) -> None:
        self.one("#discover").click()

    def table(self, name: str) -> list[list[str]]:
        """The rows in view; gradio makes no elements for the others."""
        rows = self.all(f"#{name} .virtual-row")
        return [[cell.text for cell in row.find_elements("css selector", "[role=gridcell]")] for row in rows]

    def message(self) -> str:
        return str(self.until(lambda: self.all(".toast-body") and self.all(".toast-body")[-1].text))

    def requests(self) -> list[str]:
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS.split():
        options.add_argument(option)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    made.get("about:blank")  # instead of the tab that the browser starts with, which loads parts of its own
    yield made
    made.quit()


@pytest.fixture
def page(driver: Any, served: Served) -> Iterator[Page]:
    """Opened; in the end no errors in the console, and no request to another place than the demo."""
    made = Page(driver, served.url)
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    made.open()
    yield made
    entries = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert [entry for entry in entries if not (entry["level"] == "WARNING" and NOISE in entry["message"])] == []
    asked = made.requests()
    assert (
        asked and [url for url in asked if not url.startswith((f"{served.url}/", "data:", "blob:", "chrome://"))] == []
    )


def test_an_example_gives_tables_a_map_and_downloads(page: Page) -> None:
    [example] = [button for button in page.until(lambda: page.all("#examples button")) if "Biomed" in button.text]
    example.click()
    page.until(lambda: "atorvastatin" in page.one("#sentences textarea").get_property("value"))
    page.write("#number input, #number textarea", "4")
    page.discover()
    page.until(lambda: len(page.all("#map .js-plotly-plot .point")) == 84)
    assert page.one("#summary").text.startswith("4 relations in 84 sentences.")
    relations = page.until(lambda: page.table("relations"))
    assert len(relations) == 4 and sum(int(row[2]) for row in relations) == 84
    assert any("atorvastatin" in cell for row in page.table("instances") for cell in row)
    assert len(page.all("#map .legend .traces")) == 4
    links = {link.get_attribute("download"): link.get_attribute("href") for link in page.all("#downloads a[download]")}
    assert set(links) == {"report.html", "instances.jsonl", "instances.csv", "relations.csv", "triples.nt"}
    got = page.driver.execute_async_script(
        "fetch(arguments[0]).then(r => r.text()).then(arguments[1])", links["instances.jsonl"]
    )
    assert len(got.splitlines()) == 84


def test_plain_text_with_names_and_no_result_beside_an_error(page: Page) -> None:
    [example] = [button for button in page.until(lambda: page.all("#examples button")) if "Plain" in button.text]
    example.click()
    page.until(lambda: "Nordwind Labs" in page.one("#names textarea").get_property("value"))
    assert "not resolved" in page.driver.find_element("css selector", "body").text
    page.one("#both input").click()
    page.write("#number input, #number textarea", "4")
    page.discover()
    page.until(lambda: len(page.all("#map .js-plotly-plot .point")) == 2 * 44)
    assert page.one("#summary").text.startswith("4 relations in 88 pairs.")
    assert page.one("#notes textarea").get_property("value") == "30 texts: 84 mentions of entities, 88 pairs."
    scroll = (
        "return [...document.querySelectorAll('.virtual-table-viewport')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    widths = page.until(lambda: page.driver.execute_script(scroll))
    assert len(widths) == 2 and all(wanted <= there for wanted, there in widths)
    page.write("#names textarea", "Nobody Atall")
    page.discover()
    assert "None of the 1 names stands in the texts" in page.message()
    page.until(lambda: not [part for part in page.all("#results") if part.is_displayed()])


def test_an_uploaded_file_takes_the_place_of_the_text(page: Page, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in sample_instances(20)))
    page.one("#upload input[type=file]").send_keys(str(rows))
    page.until(lambda: "rows" in page.one("#upload").text)
    page.until(lambda: page.one("#sentences textarea").get_property("value") == "")
    page.discover()
    page.until(lambda: len(page.all("#map .js-plotly-plot .point")) == 20)
    assert "in 20 sentences" in page.one("#summary").text


def test_a_broken_upload_is_a_message(page: Page, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    page.one("#upload input[type=file]").send_keys(str(rows))
    page.until(lambda: page.one("#sentences textarea").get_property("value") == "")
    page.discover()
    message = page.message()
    assert "line 1: the header has no column `text`" in message and "<head>" in message
    assert not page.all("#map .point") and "Traceback" not in page.driver.page_source


def test_hostile_text_is_shown_and_does_nothing(page: Page) -> None:
    lines = [f"<head>{EVIL} {i}</head> met <tail>Bob</tail>, who {EVIL}." for i in range(6)]
    page.write("#sentences textarea", "\n".join(lines))
    page.write("#number input, #number textarea", "2")
    page.discover()
    page.until(lambda: len(page.all("#map .js-plotly-plot .point")) == 6)
    rows = page.until(lambda: page.table("instances"))
    assert any(f"{EVIL} 0" in cell for row in rows for cell in row)
    page.write("#number input, #number textarea", EVIL)
    page.discover()
    assert EVIL in page.message()
    for selector in ("#relations", "#instances", "#map", "#summary", "#results", ".toast-body"):
        assert page.all(f"{selector} img[src='x']") == [] and page.all(f"{selector} a[href^=javascript]") == []
    assert page.all("#instances strong") == [] and page.driver.title != "1"


def test_the_page_fits_a_phone(page: Page) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.open()
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390
        assert page.one("#discover").is_displayed()
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
