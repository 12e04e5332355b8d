"""Addresses of mirrors: each part is checked before it reaches a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.mirrors.served import Served
from workers.mirrors.target import read_target
from workers.outcome import BadRequest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to log in with."""
    path = tmp_path / "file"
    path.touch()
    return path


def test_a_daemon(file: Path) -> None:
    target = read_target("rsync://ann@mirror.example.org:8730/module/a/b/", file, None, None)
    assert target.destination == "rsync://ann@mirror.example.org:8730/module/a/b"
    with target.options() as options:
        assert f"--password-file={file}" in options


def test_a_folder_behind_ssh(file: Path) -> None:
    target = read_target("ssh://ann@mirror.example.org:2222/srv/mirror", None, file, file)
    assert target.destination == "ann@mirror.example.org:/srv/mirror"


def test_two_hosts_behind_one_address_are_two_mirrors(file: Path) -> None:
    one, other = (
        read_target(f"ssh://ann@mirror.example.org:{port}/srv/mirror", None, file, file)
        for port in (2222, 2223)
    )
    assert one.address != other.address


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("/srv/mirror", "--to is rsync://"),
        ("http://u@host/module/path", "--to is rsync://"),
        ("rsync://host/module/path", "names the user"),
        ("rsync://u@host", "it is empty"),
        ("rsync://u@host/module/../x", "may not contain '..'"),
        ("rsync://u@host/module/a//b", "it is empty"),
        ("rsync://u@host/module/$(id)", "is not allowed"),
        ("rsync://u@host/module/-e", "is not allowed"),
        ("rsync://u@host/module/a b", "is not allowed"),
        ("rsync://u@host/module/x?y", "nothing may follow the path"),
        ("rsync://u@host/module/x#y", "nothing may follow the path"),
        ("rsync://u@-oProxyCommand=x/module/x", "names a host"),
        ("rsync://-l@host/module/x", "names the user"),
        ("rsync://u:secret@host/module", "and no password"),
        ("rsync://u@host:port/module", "--to: "),
        ("rsync://u@[host/module", "--to "),
        ("ssh://u@host/path", "needs --identity-file"),
    ],
)
def test_a_wrong_address(file: Path, to: str, reason: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_target(to, file, None, None)
    assert reason in raised.value.reason
    assert "\n" not in raised.value.reason


def test_files_that_do_not_belong_to_the_address(file: Path) -> None:
    with pytest.raises(BadRequest, match="nothing of ssh"):
        read_target("rsync://u@host/module", file, file, None)
    with pytest.raises(BadRequest, match="no password"):
        read_target("ssh://u@host/path", file, file, file)


def test_files_that_are_not_there_or_that_ssh_cannot_take(file: Path) -> None:
    with pytest.raises(BadRequest, match="there is no file"):
        read_target("rsync://u@host/module", file.with_name("other"), None, None)
    blank = file.with_name("known hosts")
    blank.touch()
    with pytest.raises(BadRequest, match="blanks"):
        read_target("ssh://u@host/path", None, file, blank)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc", "mirror.example.org/deb", "http:///deb", "http://[x/deb"),
        *("http://u:p@host/deb", "http://host/deb?a=b", "http://host/deb\nX: y", ""),
    ],
)
def test_a_wrong_url(url: str) -> None:
    with pytest.raises(BadRequest, match="--url is"):
        Served.at(url)
