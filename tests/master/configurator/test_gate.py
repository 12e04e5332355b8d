"""What builds in the gate wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from master.configurator.schedulers import gate_config, release_plans
from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file
from master.site import load_site
from schedulers.gate_shell.work import BUILD

if TYPE_CHECKING:
    from pathlib import Path


def test_a_deb_build_waits_for_those_ahead_of_the_same_project(tmp_path: Path) -> None:
    """They may make the upstream archive that it has to be built with."""
    path = tmp_path / "site.toml"
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    ports = Ports(*range(20001, 20008))
    path.write_text(site_file(Layout(tmp_path), ports, keys, tmp_path / "known_hosts"))
    site = load_site(path)
    (plan,) = release_plans(site)
    config = gate_config(site, plan)
    waits = {
        project: job.requires
        for project, jobs in config.jobs.items()
        for job in jobs
        if job.name == BUILD
    }
    assert waits == {
        "hello": ("hello",),
        "ncompress": ("ncompress",),
        "tree": (),
        "tree-packaging": (),
    }
