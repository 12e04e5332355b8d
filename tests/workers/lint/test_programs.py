"""The linters themselves, on real packages and on what is none."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.workers.install_test.served import Deb, Rpm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.as_user import Worker


def test_real_package_passes(worker: Worker, tmp_path: Path) -> None:
    subprocess.run(
        ["apt-get", "download", "--quiet=2", "hello"], cwd=tmp_path, check=True, capture_output=True
    )
    done = worker.program("lint", "deb", "--packages", worker.tree(tmp_path))
    assert done.status == 0, done.answer
    assert done.answer["counts"] == {"error": 0, "warning": 0, "info": 0, "overridden": 0}


def test_deb_with_errors(worker: Worker, tmp_path: Path) -> None:
    tool = Deb("tool", files={"usr/local/bin/tool": "#!/bin/sh\n"})
    packages = worker.folder("packages")
    tool.make(tmp_path / "plain", packages)
    done = worker.program("lint", "deb", "--packages", packages)
    assert done.status == 1
    assert done.answer["outcome"] == "change-fault"
    assert "error: tool: file-in-usr-local [usr/local/bin/tool]" in done.answer["detail"]
    # They may be accepted in lintian's own way.
    found = sorted({tag["tag"] for tag in done.answer["tags"] if tag["severity"] == "error"})
    overrides = "".join(f"tool: {tag}\n" for tag in found)
    files = tool.files | {"usr/share/lintian/overrides/tool": overrides}
    replace(tool, files=files).make(tmp_path / "accepted", packages)
    done = worker.program("lint", "deb", "--packages", packages)
    assert done.status == 0, done.answer


def test_rpm(worker: Worker, tmp_path: Path) -> None:
    packages, packaging = tmp_path / "packages", worker.folder("packaging")
    packages.mkdir()
    Rpm("tool", files={"usr/bin/tool": "#!/bin/sh\n"}).make(tmp_path, packages)
    (built,) = packages.rglob("*.rpm")
    built.rename(packages / built.name)
    lint = ("lint", "rpm", "--packaging", packaging, "--packages")
    good = worker.program(*lint, worker.tree(packages))
    assert good.status == 0, good.answer
    assert {tag["tag"] for tag in good.answer["tags"]} >= {"no-url-tag"}
    Rpm("bad", files={"usr/bin/bad": "no script\n"}, requires="/usr/local/bin/perl").make(
        tmp_path, packages
    )
    (built,) = packages.rglob("noarch/bad*.rpm")
    built.rename(packages / built.name)
    bad = worker.program(*lint, worker.tree(packages))
    assert bad.status == 1
    assert "bad.noarch" in bad.answer["detail"]
    found = {tag["tag"] for tag in bad.answer["tags"] if tag["severity"] == "error"}
    (packaging / "lint-overrides").write_text("".join(f"bad.*: {tag}\n" for tag in sorted(found)))
    accepted = worker.program(*lint, worker.tree(packages))
    assert accepted.status == 0, accepted.answer
    assert accepted.answer["counts"]["overridden"] >= len(found)


def test_what_rpm_itself_makes_is_not_judged(worker: Worker, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    Rpm("tool", files={"usr/bin/tool": "#!/bin/sh\n"}).make(tmp_path, packages)
    wrong = {"usr/bin/bad": "no script\n"}
    Rpm("tool-debuginfo", files=wrong, requires="/usr/local/bin/perl").make(tmp_path, packages)
    for built in packages.rglob("noarch/*.rpm"):
        built.rename(packages / built.name)
    lint = ("lint", "rpm", "--packaging", worker.folder("packaging"), "--packages")
    done = worker.program(*lint, worker.tree(packages))
    assert done.status == 0, done.answer


def test_what_is_no_package(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "hello_1_all.deb").write_text("no package")
    (tmp_path / "hello-1.noarch.rpm").write_text("no package")
    folder = worker.tree(tmp_path)
    for package_format, linter in (("deb", "lintian"), ("rpm", "rpmlint")):
        packaging = ("--packaging", folder) if package_format == "rpm" else ()
        done = worker.program("lint", package_format, "--packages", folder, *packaging)
        assert done.status == 1
        assert done.answer["reason"] == f"{linter} cannot read the packages"
    empty = worker.program("lint", "deb", "--packages", worker.folder("empty"))
    assert empty.status == 2
    assert "there are no packages in" in empty.answer["reason"]


def test_overrides_are_no_way_out_of_the_tree(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "lint-overrides").symlink_to("/etc/hostname")
    folder = worker.tree(tmp_path)
    done = worker.program("lint", "rpm", "--packages", folder, "--packaging", folder)
    assert done.status == 1
    assert "lint-overrides must be a plain file" in done.answer["reason"]
