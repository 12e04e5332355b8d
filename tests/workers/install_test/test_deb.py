"""The install test of DEB packages, in real roots with real apt."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.workers.install_test.served import Deb, Repositories

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.workers.as_user import Outcome, Worker

    Tested = Callable[..., Outcome]

TOOL = Deb("tool", files={"usr/bin/tool": "#!/bin/sh\necho tool works\n"})


def tree(worker: Worker, tmp_path: Path, **files: str) -> Path:
    """Make a source tree; ``debian__tests__control`` stands for that path."""
    source = tmp_path / "source"
    source.mkdir()
    for name, content in files.items():
        path = source / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    return worker.tree(source)


def test_good_package(
    worker: Worker, repositories: Repositories, tested: Tested, tmp_path: Path
) -> None:
    lower = repositories.deb(TOOL)
    other = repositories.deb(
        Deb("tool", "9.0-1"),
        Deb("tool", files={"usr/bin/tool": "#!/bin/sh\necho tool wrong\n"}),  # the same version
    )
    control = (
        "Test-Command: test \"$(tool)\" = 'tool works' && ! id -u | grep -qx 0\nDepends: @\n\n"
        "Tests: written\nRestrictions: superficial\n\n"
        "Tests: privileged\nRestrictions: needs-root\n\n"
        "Tests: more\nDepends: @builddeps@\n"
    )
    source = tree(
        worker,
        tmp_path,
        debian__tests__control=control,
        debian__tests__written="#!/bin/sh\ntouch in-the-tree $AUTOPKGTEST_TMP/there\n",
    )
    done = tested("deb", lower, "tool=1.0-1", "--other", other, "--tests", source)
    assert done.status == 0, done.said
    assert done.answer == {
        "outcome": "success",
        "packages": [
            {
                "name": "tool",
                "version": "1.0-1",
                "stages": dict.fromkeys(("install", "smoke", "remove", "compare"), "passed"),
                "skipped": [
                    {
                        "test": "privileged",
                        "reason": "its restriction needs-root is not supported in an install test",
                    },
                    {"test": "more", "reason": "it needs @builddeps@"},
                ],
                "result": "passed",
            }
        ],
    }


def test_smoke_failures(
    worker: Worker, repositories: Repositories, tested: Tested, tmp_path: Path
) -> None:
    offered = repositories.deb(TOOL)
    source = tree(
        worker,
        tmp_path,
        debian__tests__control="Tests: wrong\nDepends: @\n",
        debian__tests__wrong="#!/bin/sh\necho this is why >&2\nexit 3\n",
    )
    done = tested("deb", offered, "tool=1.0-1", "--tests", source)
    assert done.status == 1
    assert done.answer["reason"] == "tool: smoke: smoke test wrong failed: this is why"
    assert "it ended with status 3" in done.answer["detail"]
    assert done.answer["packages"][0]["stages"] == {
        "install": "passed",
        "smoke": "failed",
        "remove": "not run",
        "compare": "not run",
    }


def test_declared_script_is_followed_in_the_machine_only(
    worker: Worker, repositories: Repositories, tested: Tested, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("#!/bin/sh\necho the secret\n")
    source = tree(worker, tmp_path)
    (source / "smoke").symlink_to(secret)
    offered = repositories.deb(TOOL)
    done = tested("deb", offered, "tool=1.0-1", "--tests", source, "--smoke", source / "smoke")
    assert done.status == 1
    assert "smoke test smoke failed" in done.answer["reason"]
    assert "the secret" not in str(done.answer) + done.said


def test_leftovers_are_named(repositories: Repositories, tested: Tested) -> None:
    offered = repositories.deb(
        Deb("littering", scripts={"postinst": "mkdir /opt/litter; touch /opt/litter/file"}),
        Deb("tidy", scripts={"postinst": "touch /opt/mine", "postrm": "rm -f /opt/mine"}),
        Deb("vandal", scripts={"postrm": "rm -f /etc/debian_version; echo x >> /etc/issue"}),
    )
    done = tested("deb", offered, "littering=1.0-1,tidy=1.0-1,vandal=1.0-1")
    assert done.status == 1
    assert done.answer["reason"] == (
        "littering: compare: the system is not as it was before: "
        "left behind or changed: /opt/litter (folder) and 1 more"
    )
    assert "/opt/litter/file (file)" in done.answer["detail"]
    assert [package["result"] for package in done.answer["packages"]] == [
        "failed",
        "passed",
        "failed",
    ]


def test_hostile_installation(repositories: Repositories, tested: Tested) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        offered = repositories.deb(
            Deb("caller", scripts={"postinst": f"bash -c 'echo hi >/dev/tcp/127.0.0.1/{port}'"}),
            Deb("broken", scripts={"postinst": "echo it went wrong >&2; exit 7"}),
            Deb("destroyer", scripts={"postinst": "rm /usr/bin/dpkg-query"}),
        )
        done = tested("deb", offered, "caller=1.0-1,broken=1.0-1,destroyer=1.0-1")
        listener.setblocking(False)  # noqa: FBT003 - its only argument
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert done.status == 1
    assert done.answer["reason"].startswith("caller: install: installing it failed: ")
    assert [package["stages"]["install"] for package in done.answer["packages"]] == ["failed"] * 3
    assert "it went wrong" in done.said


def test_missing_dependency_is_named(repositories: Repositories, tested: Tested) -> None:
    offered = repositories.deb(Deb("lonely", depends="no-such-package (>= 2)"))
    done = tested("deb", offered, "lonely=1.0-1")
    assert done.status == 1
    assert done.answer["reason"].startswith("lonely: install: it cannot be installed: ")
    assert "no-such-package" in done.answer["detail"]


def test_dependencies_and_packages_that_belong_together(
    worker: Worker, repositories: Repositories, tested: Tested, tmp_path: Path
) -> None:
    offered = repositories.deb(
        Deb("library", depends="round", scripts={"postinst": "touch /opt/of-the-library"}),
        Deb("round", depends="library"),
        Deb("tool", depends="needed, bc", files=TOOL.files),
        Deb("needed", scripts={"postinst": "touch /opt/of-a-dependency"}),
        Deb("tool-doc", files={"usr/share/doc/tool-doc/text": "text\n"}),
    )
    source = tree(worker, tmp_path, debian__tests__control="Test-Command: tool\nDepends: @\n")
    done = tested("deb", offered, "tool=1.0-1,tool-doc=1.0-1", "--tests", source)
    assert done.status == 0, done.answer
    assert [(p["name"], p["stages"]["smoke"]) for p in done.answer["packages"]] == [
        ("tool", "skipped"),
        ("tool-doc", "skipped"),
        ("all packages together", "passed"),
    ]
    done = tested("deb", offered, "round=1.0-1")
    assert done.status == 1
    assert "/opt/of-the-library" in done.answer["detail"]


def test_a_package_of_the_minimal_system_is_replaced_and_stays(
    repositories: Repositories, tested: Tested
) -> None:
    offered = repositories.deb(
        Deb("hostname", "9999-1", files={"usr/bin/hostname": "#!/bin/sh\necho here\n"})
    )
    done = tested("deb", offered, "hostname=9999-1")
    assert done.status == 0, done.said
    assert done.answer["packages"][0]["stages"] == {
        "install": "passed",
        "smoke": "skipped",
        "remove": "skipped",
        "compare": "skipped",
    }
    broken = repositories.deb(
        Deb("hostname", "9999-1", scripts={"postinst": "echo it went wrong >&2; exit 7"})
    )
    done = tested("deb", broken, "hostname=9999-1")
    assert done.status == 1
    assert done.answer["reason"].startswith("hostname: install: installing it failed: ")


def test_what_the_repository_does_not_offer(repositories: Repositories, tested: Tested) -> None:
    done = tested("deb", repositories.deb(TOOL), "tool=2.0-1")
    assert done.status == 75
    assert done.answer["reason"] == (
        "tool 1.0-1 of the test repository would be installed, not 2.0-1 of the test repository"
    )


@pytest.mark.parametrize(
    ("packages", "reason"),
    [("../tool=1", "package name"), ("tool", "NAME=VERSION"), ("tool=1;id", "version")],
)
def test_bad_names(repositories: Repositories, tested: Tested, packages: str, reason: str) -> None:
    done = tested("deb", '{"path": "x", "format": "deb"}', packages)
    assert done.status == 2
    assert reason in done.answer["reason"]
