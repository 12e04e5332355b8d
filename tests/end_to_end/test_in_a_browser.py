"""The web pages as a maintainer and an operator use them, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from master.demo.processes import wait_until
from master.demo.watching import Buildbot
from tests.end_to_end.browser import browser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from master.demo.watching import Build
    from tests.end_to_end.browser import Page
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 120


@pytest.fixture
def page(chain: Chain) -> Iterator[Page]:
    with browser(chain.ready.web) as opened:
        yield opened


def test_a_builds_page_leads_to_the_change_and_its_test_repository(
    chain: Chain, story: Story, page: Page
) -> None:
    number = story.of("Say in the news").number
    page.open(_address_of_first(chain, "check/main/hello"))
    assert page.link(f"change {number}, patch set 1") == f"{chain.ready.gerrit}/{number}"
    repository = page.link("test repository")
    assert requests.get(f"{repository}key.asc", timeout=30).ok


def test_an_operator_rebuilds_one_job(chain: Chain, story: Story, page: Page) -> None:
    number = story.of("Forget half").number
    before = _count(chain, number, "build/main/ncompress")
    page.login(chain.ready.operator, chain.ready.operator_password)
    page.open(_address_of_last(chain, number, "build/main/ncompress"))
    page.press("Rebuild")
    wait_until(lambda: _count(chain, number, "build/main/ncompress") == before + 1, _SECONDS)
    # The same source does not build any better, and is not taken for built.
    assert _last(chain, number, "build/main/ncompress").results != 0


def test_a_form_refuses_a_change_that_is_not_there_and_checks_one_that_is(
    chain: Chain, story: Story, page: Page
) -> None:
    number = story.of("Print nothing").number
    before = _count(chain, number, "check/main/tree")
    page.login(chain.ready.operator, chain.ready.operator_password)
    page.open(f"/builders/{chain.builder_id('check/main/tree')}")
    page.press("Force check of tree")
    page.enter("change", "999")
    page.press("Start build")
    page.sees("Gerrit has no change 999")
    page.enter("change", str(number))
    page.press("Start build")
    wait_until(lambda: _count(chain, number, "check/main/tree") == before + 1, _SECONDS)


def _address_of_first(chain: Chain, builder: str) -> str:
    return f"/builders/{chain.builder_id(builder)}/builds/1"


def _address_of_last(chain: Chain, change: int, builder: str) -> str:
    return f"/builders/{chain.builder_id(builder)}/builds/{_last(chain, change, builder).number}"


def _of(chain: Chain, change: int, builder: str) -> list[Build]:
    builds = Buildbot(chain.ready.web).builds_of(change)
    return [build for build in builds if build.builder == builder and build.results is not None]


def _last(chain: Chain, change: int, builder: str) -> Build:
    return _of(chain, change, builder)[0]


def _count(chain: Chain, change: int, builder: str) -> int:
    return len(_of(chain, change, builder))
