"""The install test of RPM packages, in real roots with real dnf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workers.install_test.served import Repositories, Rpm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.workers.as_user import Outcome, Worker

    Tested = Callable[..., Outcome]

TOOL = {"usr/bin/tool": "#!/bin/sh\necho tool works\n"}


def test_good_package(
    worker: Worker, repositories: Repositories, tested: Tested, tmp_path: Path
) -> None:
    offered = repositories.rpm(
        Rpm("tool", requires="needed", files={**TOOL, "usr/share/licenses/LICENSE-tool": ""}),
        Rpm("needed"),
    )
    higher = repositories.rpm(Rpm("tool", "9.0"))
    smoke = tmp_path / "source" / "smoke-test"
    smoke.parent.mkdir()
    smoke.write_text("#!/bin/sh\nset -e\ntest \"$(tool)\" = 'tool works'\ntest $(id -u) != 0\n")
    smoke.chmod(0o755)
    source = worker.tree(smoke.parent)
    done = tested(
        *("rpm", offered, "tool=1.0-1", "--other", higher),
        *("--tests", source, "--smoke", source / "smoke-test"),
    )
    assert done.status == 0, done.answer
    assert done.answer["packages"] == [
        {
            "name": "tool",
            "version": "1.0-1",
            "stages": dict.fromkeys(("install", "smoke", "remove", "compare"), "passed"),
            "skipped": [],
            "result": "passed",
        }
    ]


def test_bad_packages(repositories: Repositories, tested: Tested) -> None:
    offered = repositories.rpm(
        Rpm("littering", scripts={"post": "touch /opt/litter"}),
        Rpm("broken", scripts={"pre": "echo it went wrong >&2; exit 7"}),
        Rpm(
            "caller", scripts={"pre": f"exec 3<>/dev/tcp/{repositories.url[7:].replace(':', '/')}"}
        ),
    )
    done = tested("rpm", offered, "littering=1.0-1,broken=1.0-1,caller=1.0-1")
    assert done.status == 1
    assert done.answer["reason"] == (
        "littering: compare: the system is not as it was before: "
        "left behind or changed: /opt/litter (file)"
    )
    stages = [package["stages"] for package in done.answer["packages"]]
    assert [each["install"] for each in stages] == ["passed", "failed", "failed"]
    assert "it went wrong" in done.said


def test_missing_dependency_is_named(repositories: Repositories, tested: Tested) -> None:
    offered = repositories.rpm(Rpm("lonely", requires="no-such-package >= 2"))
    done = tested("rpm", offered, "lonely=1.0-1")
    assert done.status == 1
    assert done.answer["reason"].startswith("lonely: install: it cannot be installed: ")
    assert "no-such-package" in done.answer["detail"]


def test_what_the_repository_does_not_offer(repositories: Repositories, tested: Tested) -> None:
    done = tested("rpm", repositories.rpm(Rpm("tool")), "tool=2.0-1")
    assert done.status == 75
    assert done.answer["reason"] == (
        "tool 1.0-1 of the test repository would be installed, not 2.0-1 of the test repository"
    )
