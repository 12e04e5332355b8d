"""The builders that bring mirrors up to date, and when they run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from master.configurator.builders import builders
from master.configurator.schedulers import all_schedulers
from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file
from master.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

    from master.site import Site

_SYNCS = [f"sync/main/{kind}/{mirror}" for kind in ("deb", "rpm") for mirror in ("far", "near")]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The demonstration's site."""
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    path = tmp_path / "site.toml"
    ports = Ports(*range(20001, 20008))
    path.write_text(site_file(Layout(tmp_path), ports, keys, tmp_path / "known_hosts"))
    return load_site(path)


@pytest.mark.parametrize(
    ("busy", "starts"),
    [
        (["sync/main/deb/far"], True),
        (["release/main/deb", "release/main/rpm", "sync/main/deb/far"], True),
        (["sync/main/deb/far", "sync/main/rpm/far"], False),
    ],
)
def test_syncs_leave_half_of_a_worker_to_publishing(
    site: Site, busy: list[str], *, starts: bool
) -> None:
    known = {
        made.name: SimpleNamespace(isBusy=lambda name=made.name: name in busy)
        for made in builders(site)
        if "repository-1" in made.workernames
    }
    worker = SimpleNamespace(
        max_builds=site.workers["repository-1"].max_builds, workerforbuilders=known
    )
    asked = {
        made.name: made.canStartBuild(made, SimpleNamespace(worker=worker), None)
        for made in builders(site)
        if made.canStartBuild is not None
    }
    assert worker.max_builds == 4
    assert asked == dict.fromkeys(_SYNCS, starts)


def test_every_byte_of_each_mirror_is_compared_once_a_week(site: Site) -> None:
    weekly = {name: said for name, said in _schedulers(site).items() if name.startswith("compare-")}
    assert sorted(name for said in weekly.values() for name in said["builderNames"]) == _SYNCS
    for said in weekly.values():
        assert said["properties"] == {"full": True}
        assert (said["dayOfWeek"], said["hour"]) == (6, 4)


def test_the_form_of_a_sync_asks_whether_to_compare_every_byte(site: Site) -> None:
    (field,) = _schedulers(site)["force-sync-main-deb-near"]["properties"]
    assert (field.name, field.type, field.default) == ("full", "bool", False)


def _schedulers(site: Site) -> dict[str, dict[str, Any]]:
    """What each is told, by name; nothing is asked of Gerrit until they run."""
    gerrit: Any = None
    return {made.name: made._config_kwargs for made in all_schedulers(site, gerrit)}
