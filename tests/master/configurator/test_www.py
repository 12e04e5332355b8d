"""Where the web pages are listened for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.endpoints import serverFromString

from master.configurator.www import www
from master.demo.layout import Layout, Ports
from master.demo.site_file import site_file
from master.site import load_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("said", "listened_on"),
    [
        ("", "127.0.0.1"),
        ('interface = "0.0.0.0"', "0.0.0.0"),  # noqa: S104 - for a proxy on another host
        ('interface = "::1"', "::1"),
    ],
)
def test_the_interface_is_the_site_files(tmp_path: Path, said: str, listened_on: str) -> None:
    layout = Layout(tmp_path)
    keys = {"deb": "A" * 40, "rpm": "B" * 40}
    text = site_file(layout, Ports(*range(20001, 20008)), keys, tmp_path / "known_hosts")
    path = tmp_path / "site.toml"
    path.write_text(text.replace("[web]\n", f"[web]\n{said}\n"))
    layout.secrets.mkdir(parents=True)
    (layout.secrets / "web-users").write_text('{"operator": "password"}')
    endpoint: Any = serverFromString(object(), www(load_site(path))["port"])
    assert (endpoint._port, endpoint._interface) == (20003, listened_on)
