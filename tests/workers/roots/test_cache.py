"""Root images: made once, complete, safe to ask for twice at once, removable."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from workers.outcome import BadRequest
from workers.roots import used_root
from workers.roots.cache import refresh_roots, remove_root
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.workers.as_user import Worker

_CACHED_SECONDS = 3


def _outputs(root: Path, *commands: str) -> list[str]:
    with Sandbox(root) as sandbox:
        results = [sandbox.run(["sh", "-c", x], capture=True, as_root=True) for x in commands]
    return [f"{result.output.decode()}{result.why}".strip() for result in results]


def test_a_cached_image_is_answered_at_once(worker: Worker, deb_install_root: Path) -> None:
    started = time.monotonic()
    again = worker.program("root", "make", "--kind", "deb-install", "--cache", worker.roots)
    assert again.answer["root"] == str(deb_install_root)
    assert time.monotonic() - started < _CACHED_SECONDS
    assert again.answer["seconds"] < 1


def test_different_kinds_have_different_ids(
    worker: Worker, deb_install_root: Path, deb_build_root: Path
) -> None:
    ids = {
        worker.program("root", "make", "--kind", kind, "--cache", worker.roots).answer["id"]
        for kind in ("deb-install", "deb-build")
    }
    assert len(ids) == 2


def test_an_unknown_kind_is_refused(worker: Worker) -> None:
    refused = worker.call(_make_unknown, worker.roots)
    assert refused == (
        "no kind of root is called 'x': use one of deb-install, deb-build, rpm-install, rpm-build"
    )


def _make_unknown(cache: Path) -> str:
    try:
        with used_root("x", cache):
            return "made"
    except BadRequest as error:
        return error.reason


def test_images_have_user_apt_sources_and_no_services(
    worker: Worker, deb_install_root: Path
) -> None:
    user, sources, services, hosts, devices = worker.call(
        _outputs,
        deb_install_root,
        "getent passwd 1000; stat -c %U /build",
        "cat /etc/apt/sources.list",
        "/usr/sbin/policy-rc.d; echo $?",
        "cat /etc/hosts",
        "find / -xdev -type b -o -xdev -type c",
    )
    assert user.splitlines() == ["build:x:1000:1000::/build:/bin/sh", "build"]
    assert all("signed-by=/usr/share/keyrings/" in line for line in sources.split("\n") if line)
    assert services == "101"
    assert "localhost" in hosts
    assert devices == ""


def test_rpm_root_provides_what_packages_ask_for(worker: Worker, rpm_build_root: Path) -> None:
    wanted = [
        "/bin/sh",
        "/usr/bin/perl",
        "libc.so.6()(64bit)",
        "libc.so.6(GLIBC_2.34)(64bit)",
        "rtld(GNU_HASH)",
        "gcc",
        "make",
        "glibc-devel",
        "perl(strict)",
        "python(abi) = 3.11",
    ]
    ask = "; ".join(f"rpm --query --whatprovides '{name.split()[0]}'" for name in wanted)
    found, removal = worker.call(
        _outputs, rpm_build_root, ask, "dnf --assumeyes remove lockgate-base 2>&1 | tail -3"
    )
    assert {line.rpartition("-")[0].rpartition("-")[0] for line in found.splitlines()} == {
        "lockgate-base"
    }
    assert len(found.splitlines()) == len(wanted)
    assert "protected" in removal


def test_two_at_once_make_one_image_which_can_be_refreshed_and_removed(worker: Worker) -> None:
    cache = worker.folder("cache")
    with ThreadPoolExecutor() as both:
        ask = ("root", "make", "--kind", "deb-install", "--cache", cache)
        first, second = both.map(lambda _: worker.program(*ask), range(2))
    assert first.answer["root"] == second.answer["root"]
    assert [path.name for path in cache.glob("deb-install-*")] == [
        Path(first.answer["root"]).parent.name
    ]
    refreshed = worker.program("root", "refresh", "--cache", cache).answer["images"]
    again = worker.program(*ask).answer
    assert refreshed == [Path(again["root"]).parent.name]
    assert [path.name for path in cache.glob("deb-install-*")] == refreshed
    # The distribution has the same packages still, and builds made in one hold for the others.
    assert again["id"] == first.answer["id"]
    assert worker.call(_refresh_while_used, cache) == (b"still here\n", True, 1)
    removed = worker.program("root", "remove", "--cache", cache)
    assert removed.answer["removed"] == refreshed
    assert [path for path in cache.iterdir() if path.is_dir()] == []


def _refresh_while_used(cache: Path) -> tuple[bytes, bool, int]:
    """What an image in use is good for when it was refreshed and removed, and what was removed."""
    with used_root("deb-install", cache) as image:
        refresh_roots(cache)
        removed = len(remove_root(cache))
        with Sandbox(image.path) as sandbox:
            said = sandbox.run(["echo", "still here"], capture=True).output
        return said, image.path.exists(), removed
