"""Cleaning finds what is in use, and leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from master.commands.web import Web
from master.site import load_site

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 120


@pytest.mark.parametrize("what", ["artifacts", "test-repositories"])
def test_cleaning_is_a_builder(chain: Chain, story: Story, what: str) -> None:
    web = Web(load_site(chain.layout.site_file))
    build = web.wait(web.force(f"force-clean-{what}", reason="test"), _SECONDS)
    assert build["results"] == 0
    in_use: dict[str, Any] = build["properties"]["in_use"][0]
    # What was published last can be built again and compared.
    for name in in_use["artifacts"]:
        assert (chain.layout.served / "artifacts" / name).is_dir()
    assert {name.split("-")[0] for name in in_use["artifacts"]} >= {"build"}
