"""The signer's keys and log: used for publishing, out of everybody else's reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from master.commands.web import Web
from master.configurator.schedulers import force_name
from master.demo import layout as where
from master.demo.processes import wait_until
from master.site import load_site

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story
_SECONDS = 120
_KEYS = "keys/signer-1"


def test_nobody_gets_a_signature_by_hand(chain: Chain, story: Story) -> None:
    again = _build_again(chain, "sign/main/deb")
    assert again["results"] == 2
    assert again["properties"]["failure"][0]["reason"] == (
        "no running build that may ask for it waits for this build: nothing is signed"
    )


def test_a_release_build_gets_no_signature_by_hand(chain: Chain, story: Story) -> None:
    address = f"{chain.ready.repositories}/release/{where.RELEASE}/deb/dists/{where.CODENAME}"
    before = requests.get(f"{address}/InRelease", timeout=30).content
    again = _build_again(chain, "release/main/deb")
    assert again["results"] == 2
    (failure,) = again["properties"]["failures"][0]
    assert failure["builder"] == "sign/main/deb"
    assert failure["reason"] == (
        "no running build that may ask for it waits for "
        f"release/main/deb/{again['number']}: nothing is signed"
    )
    assert requests.get(f"{address}/InRelease", timeout=30).content == before


def test_keys_and_log_are_looked_at_by_night_and_by_force(chain: Chain, story: Story) -> None:
    known = requests.get(f"{chain.ready.web}/api/v2/schedulers", timeout=30).json()["schedulers"]
    assert "keys-signer-1" in [scheduler["name"] for scheduler in known]
    web = _web(chain)
    build = web.wait(web.force(force_name(_KEYS)), _SECONDS)
    assert build["results"] == 0
    steps = requests.get(
        f"{chain.ready.web}/api/v2/builds/{build['buildid']}/steps", timeout=30
    ).json()["steps"]
    assert {"keys-of-main-deb", "keys-of-main-rpm"} <= {step["name"] for step in steps}
    assert steps[-1]["name"] == "verify-log"
    lines = int(steps[-1]["state_string"].removesuffix(" lines"))
    assert lines >= len(_finished(chain, "sign/main/deb"))


def _web(chain: Chain) -> Web:
    return Web(load_site(chain.layout.site_file))


def _build_again(chain: Chain, builder: str) -> dict[str, Any]:
    """Build a build that was good again, as a person can; how that ended."""
    before = _finished(chain, builder)
    good = next(build for build in before if build["results"] == 0)
    _web(chain).rebuild(good["buildid"])
    wait_until(lambda: len(_finished(chain, builder)) > len(before), _SECONDS)
    return max(_finished(chain, builder), key=lambda build: int(build["number"]))


def _finished(chain: Chain, builder: str) -> list[dict[str, Any]]:
    return [build for build in chain.builds(builder) if build["complete"]]
