"""The smoke tests of a source tree, run on a machine as an ordinary user without network."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.install_test.autopkgtest import ALL_BUILT, Test, read_tests
from workers.install_test.client import expect
from workers.outcome import ChangeFault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from workers.install_test.machine import Machine

_CONTROL = "debian/tests/control"
_COULD_NOT_RUN = 77


@dataclass(frozen=True)
class Verdict:
    """How one smoke test ended."""

    passed: bool
    skipped: str | None
    """Why it was not run, or said itself that it could not."""
    text: str
    """What it printed, and how it ended."""


def declared(script: PurePosixPath) -> Test:
    """Make a test of a script in the tree that needs all built packages."""
    return Test(
        name=str(script),
        command='exec "./$0"',
        packages=(ALL_BUILT,),
        allow_stderr=True,
        skippable=False,
        skipped=None,
    )


def packaged_tests(machine: Machine) -> list[Test]:
    """Read ``debian/tests/control`` of the tree on a machine; empty without one."""
    file = f"{machine.SOURCE}/{_CONTROL}"
    if not machine.run(["test", "-e", file]).success:
        return []
    architecture = machine.run(["dpkg", "--print-architecture"], capture=True)
    try:
        text = machine.fetch(file).decode()
    except UnicodeDecodeError as error:
        raise ChangeFault(f"{_CONTROL} is not UTF-8 text") from error
    return read_tests(text, expect(architecture, "dpkg").strip())


def run_test(machine: Machine, test: Test, number: int) -> Verdict:
    """Run one test in a copy of the tree of its own."""
    place = f"{machine.HOME}/smoke-{number}"
    folders = {key: f"{place}/{key}" for key in ("tmp", "artifacts")}
    expect(machine.run(["mkdir", place, *folders.values()]), "preparing a smoke test")
    tree = f"{place}/source"
    copy = ["cp", "--recursive", "--preserve=mode,timestamps,links", machine.SOURCE, tree]
    expect(machine.run(copy), "copying the source tree for a smoke test")
    result = machine.run(
        ["bash", "-ec", test.command, test.name],
        folder=tree,
        environment=_environment(folders),
        capture=True,
    )
    printed = result.output.decode(errors="replace")
    sys.stderr.write(printed)
    text = "\n".join(part for part in (printed.strip(), result.tail.strip(), result.why) if part)
    if result.status == _COULD_NOT_RUN and test.skippable and result.stopped is None:
        return Verdict(passed=True, skipped="it says it cannot be run here", text=text)
    if result.success and result.tail.strip() and not test.allow_stderr:
        said = f"{text}\nit wrote to standard error, which its control file does not allow"
        return Verdict(passed=False, skipped=None, text=said)
    return Verdict(passed=result.success, skipped=None, text=text)


def _environment(folders: Mapping[str, str]) -> dict[str, str]:
    return {
        "AUTOPKGTEST_TMP": folders["tmp"],
        "AUTOPKGTEST_ARTIFACTS": folders["artifacts"],
        "ADTTMP": folders["tmp"],
        "TMPDIR": folders["tmp"],
    }
