"""A kept layer shows in other sandboxes what the first one held when it was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.sandbox import Entry, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.as_user import Worker

_INSTALL = """
set -e
mkdir --parents /srv/made/inner
echo text > /srv/made/file; chown 0:8 /srv/made/file; chmod 4750 /srv/made/file
ln /srv/made/file /srv/made/again
ln --symbolic file /srv/made/link
mkfifo /srv/made/fifo
touch --date='2001-02-03 04:05:06 UTC' /srv/made/inner
rm /etc/debian_version
rm --recursive /usr/share/doc; mkdir /usr/share/doc; echo one > /usr/share/doc/only
"""
_LOOK = """
stat --format='%n %A %U:%G %h %Y' /srv/made/file /srv/made/again
readlink /srv/made/link; ls /srv/made; stat --format=%Y /srv/made/inner
ls /etc/debian_version 2>&1 || true; ls /usr/share/doc; ls /build /var/tmp
"""


def _kept(root: Path, folder: Path) -> tuple[str, str, dict[str, Entry | None]]:
    """What there is to see where it was made, and in a sandbox over it; what that one changed."""
    with Sandbox(root) as first:
        made = first.run(["bash", "-c", _INSTALL], as_root=True)
        assert made.success, made.tail
        first.run(["sh", "-c", "echo mine > /build/mine; echo mine > /var/tmp/mine"])
        folder.mkdir()
        folder.chmod(0o777)
        size = first.keep(folder)
        first.run(["sh", "-c", "rm /build/mine /var/tmp/mine"])
        first.run(["rm", "/srv/made/fifo"], as_root=True)
        before = first.run(["sh", "-c", _LOOK], capture=True).output.decode()
    assert size > 0
    with Sandbox(root, over=folder / "root") as second:
        after = second.run(["sh", "-c", _LOOK], capture=True).output.decode()
        second.run(["sh", "-c", "rm /usr/share/doc/only; echo more > /srv/new"], as_root=True)
        changes = second.changes(exclude=["/etc/resolv.conf"])
    return before, after, changes


def test_a_layer_holds_all_but_what_the_ordinary_user_owns(
    worker: Worker, deb_install_root: Path
) -> None:
    before, after, changes = worker.call(_kept, deb_install_root, worker.folder("kept") / "layer")
    assert "-rwsr-x--- root:mail 2" in before
    assert "only" in before
    assert after == before
    assert "mine" not in after
    assert {path: entry and entry.kind for path, entry in changes.items()} == {
        "/srv/new": "file",
        "/usr/share/doc/only": None,
    }
