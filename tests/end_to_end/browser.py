"""A real browser on the web pages, used as a person would."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.remote.webelement import WebElement

_SECONDS = 30  # for anything to appear on a page
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1400,1200",
)


@dataclass(frozen=True)
class Page:
    """What a person sees, and the few things they do with it."""

    driver: webdriver.Chrome
    base: str

    def open(self, path: str) -> None:
        """Go to a page of Buildbot's, by the part of its address after the ``#``."""
        self.driver.get(f"{self.base}/#{path}")
        self.driver.refresh()  # a new part after the # alone does not load anything

    def login(self, user: str, password: str) -> None:
        """Log in as the page's own link does, with basic authentication."""
        place = self.base.removeprefix("http://")
        self.driver.get(f"http://{user}:{password}@{place}/auth/login")

    def sees(self, text: str) -> None:
        """Wait until a text is on the page."""
        self._until(lambda: text in self.driver.find_element(By.TAG_NAME, "body").text, text)

    def press(self, label: str) -> None:
        """Press the button with this label, once it is there."""
        self._until(lambda: self._named("button", label) is not None, label)
        button = self._named("button", label)
        assert button is not None
        button.click()

    def enter(self, field: str, text: str) -> None:
        """Write into a field of a force form."""
        self._until(lambda: bool(self._fields(field)), field)
        element = self._fields(field)[0]
        element.clear()
        element.send_keys(text)

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        self._until(lambda: self._named("a", text) is not None, text)
        element = self._named("a", text)
        assert element is not None
        return str(element.get_attribute("href"))

    def _fields(self, name: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, f'[data-bb-test-id="force-field-{name}"]')

    def _named(self, tag: str, label: str) -> WebElement | None:
        found = self.driver.find_elements(By.TAG_NAME, tag)
        return next((element for element in found if element.text.strip() == label), None)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        wait = WebDriverWait(
            self.driver, _SECONDS, ignored_exceptions=(StaleElementReferenceException,)
        )
        wait.until(lambda _: holds(), f"{what!r} did not appear on {self.driver.current_url}")


@contextmanager
def browser(base: str) -> Iterator[Page]:
    """A browser that has never been here before."""
    options = webdriver.ChromeOptions()
    for option in _OPTIONS:
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Page(driver, base)
    finally:
        driver.quit()
