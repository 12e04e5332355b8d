"""Every force form, pressed with its defaults, starts a build that ends as it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest

from master.commands.web import Web
from master.configurator.schedulers import force_name
from master.demo import layout as where
from master.site import load_site

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1800)  # the first test may wait for the whole story

_SECONDS = 900  # for all that was pressed together
_GOOD = (0, 1)  # Buildbot's results SUCCESS and WARNINGS
_PACKAGES = ("hello", "tree")  # one of each format; the forms of the third are those of the first
_FIRST = (
    *(f"{job}/main/{name}" for job in ("check", "gate", "build", "publish") for name in _PACKAGES),
    *("refresh/main/deb", "refresh/main/rpm"),
    *(f"sync/main/{kind}/{mirror}" for kind in ("deb", "rpm") for mirror in where.MIRRORS),
    "roots/builder-1",
    "roots/tester-1",
    "keys/signer-1",
    "clean/artifacts",
    "clean/test-repositories",
)
# These begin with what the newest build of another builder made: one of those above.
_THEN = tuple(
    f"{job}/main/{name}"
    for job in ("test-repository", "lint", "install-test", "rebuild")
    for name in _PACKAGES
)
_NEEDS_A_VALUE = ("rollback/main/deb", "rollback/main/rpm")
# Started by the gate or by another build alone; see docs/reference/builders-and-commands.md.
_NO_FORM = {
    "merge/main",
    *("release/main/deb", "release/main/rpm"),
    *("sign/main/deb", "sign/main/rpm", "sign-packages/main/rpm"),
}


@pytest.fixture(scope="module")
def web(chain: Chain) -> Web:
    return Web(load_site(chain.layout.site_file))


@pytest.fixture(scope="module")
def ended(web: Web, story: Story) -> dict[str, dict[str, Any]]:
    """The builds that were started, by their builders; those of a tuple run side by side."""
    found = {}
    for builders in (_FIRST, _THEN):
        pressed = {builder: web.force(force_name(builder)) for builder in builders}
        found.update({builder: web.wait(pressed[builder], _SECONDS) for builder in builders})
    return found


@pytest.mark.parametrize("builder", [*_FIRST, *_THEN])
def test_a_form_needs_nothing_but_the_button(
    ended: dict[str, dict[str, Any]], builder: str
) -> None:
    properties = ended[builder]["properties"]
    failure = properties.get("failures", properties.get("failure"))
    assert ended[builder]["results"] in _GOOD, failure
    assert properties["reason"][0] == "by hand"


@pytest.mark.parametrize("builder", _NEEDS_A_VALUE)
def test_a_form_that_needs_a_value_says_so(web: Web, builder: str) -> None:
    with pytest.raises(click.ClickException, match="stamp"):
        web.force(force_name(builder))


def test_every_builder_has_a_form_but_those_others_start(chain: Chain) -> None:
    forms = {name for form in chain.forms() for name in form["builder_names"]}
    known = {*_FIRST, *_THEN, *_NEEDS_A_VALUE}
    assert {name for name in forms if not name.endswith("/ncompress")} == known
    assert chain.builder_names() - forms == _NO_FORM


def test_the_publish_form_takes_no_change(chain: Chain, story: Story, web: Web) -> None:
    number = story.of("Print nothing").number
    form = force_name("publish/main/tree")
    build = web.wait(web.force(form, change=str(number), patchset="1"), _SECONDS)
    properties = {name: value for name, (value, _) in build["properties"].items()}
    assert build["results"] in _GOOD
    assert properties["label"] == "tip"
    assert properties.keys().isdisjoint({"change", "patchset"})
    assert [project["changes"] for project in properties["merge_request"]["projects"]] == [[], []]
    tip = chain.ready.administrator.ask("projects/tree/branches/main")["revision"]
    assert properties["state"]["projects"]["tree"]["commit"] == tip
