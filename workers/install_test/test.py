"""Tests packages one by one: install, smoke test, remove, compare."""

from __future__ import annotations

import contextlib
import enum
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workers.build.failure import first_lines
from workers.install_test.autopkgtest import ALL_BUILT
from workers.install_test.client import DependencyError, SystemFault
from workers.install_test.leftovers import leftovers
from workers.install_test.smoke import declared, packaged_tests, run_test
from workers.outcome import ChangeFault, InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import PurePosixPath

    from workers.clients.repository import Repository
    from workers.install_test.autopkgtest import Test
    from workers.install_test.client import PackageClient
    from workers.install_test.machine import Machine
    from workers.sandbox import Result

_SHOWN = 20
_DEBUGGING = ("-dbgsym", "-debuginfo", "-debugsource")
_TOGETHER = "all packages together"


class Stage(enum.StrEnum):
    """What is done with a package, in this order."""

    INSTALL = "install"
    SMOKE = "smoke"
    REMOVE = "remove"
    COMPARE = "compare"


@dataclass(frozen=True)
class Package:
    """A built package: its name and the version that must be the one installed."""

    name: str
    version: str


@dataclass(frozen=True)
class Asked:
    """What an install test is about."""

    packages: tuple[Package, ...]
    repositories: tuple[Repository, ...]
    smoke: PurePosixPath | None
    """A declared smoke script in the source tree."""
    source: bool
    """Whether machines are given the source tree."""


@dataclass
class Report:
    """How far one package came."""

    name: str
    version: str | None
    stages: dict[str, str] = field(default_factory=lambda: dict.fromkeys(Stage, "not run"))
    skipped: list[dict[str, str]] = field(default_factory=list)
    """Smoke tests that were not run, and why."""
    failure: Failure | None = None

    @property
    def stage(self) -> Stage:
        """The first stage it has not passed."""
        return next(stage for stage in Stage if self.stages[stage] == "not run")

    def answer(self) -> dict[str, Any]:
        """Return what is printed about it."""
        return {
            "name": self.name,
            "version": self.version,
            "stages": dict(self.stages),
            "skipped": self.skipped,
            "result": "passed" if self.failure is None else "failed",
        }


class Failure(Exception):  # noqa: N818 - not an error of this program
    """A package did not pass a stage."""

    def __init__(self, stage: Stage, why: str, lines: Sequence[str]) -> None:
        super().__init__(why)
        self.stage = stage
        self.why = why
        self.detail = "\n".join(lines[:_SHOWN])


class InstallTest:
    """Tests packages on fresh machines."""

    def __init__(
        self, client: PackageClient, new_machine: Callable[[], Machine], asked: Asked
    ) -> None:
        self._client = client
        self._new_machine = new_machine
        self._asked = asked
        self._waiting: list[Test] | None = None
        self._runs = 0

    def run(self) -> dict[str, Any]:
        """Test every package; return the JSON answer.

        Raises ChangeFault naming the first package and stage that did not pass, after all have
        been tried, and InfrastructureFault when a machine or repository fails.
        """
        reports = []
        for package in self._asked.packages:
            report = Report(package.name, package.version)
            with self._reporting(report):
                self._test_alone(package, report)
            reports.append(report)
        if self._waiting and all(report.failure is None for report in reports):
            report = Report(_TOGETHER, None)
            with self._reporting(report):
                self._test_together(self._waiting, report)
            reports.append(report)
        answer = {"packages": [report.answer() for report in reports]}
        for report in reports:
            if report.failure is not None:
                raise ChangeFault(
                    f"{report.name}: {report.failure.stage}: {report.failure.why}",
                    report.failure.detail,
                    **answer,
                )
        return answer

    @contextlib.contextmanager
    def _reporting(self, report: Report) -> Iterator[None]:
        try:
            yield
        except Failure as failure:
            report.stages[failure.stage] = "failed"
            report.failure = failure
        for stage, state in report.stages.items():
            sys.stderr.write(f"{report.name}: {stage}: {state}\n")

    @contextlib.contextmanager
    def _machine(self) -> Iterator[Machine]:
        machine = self._new_machine()
        try:
            machine.prepare()
            self._client.configure(machine, self._asked.repositories)
            yield machine
        finally:
            machine.discard()

    def _test_alone(self, package: Package, report: Report) -> None:
        client, name = self._client, package.name
        with self._machine() as machine:
            if self._waiting is None:
                self._waiting = self._tests(machine, report)
            stays = name in client.installed(machine)
            dependencies = self._fetch(machine, package)
            # What was there before is compared with what is there afterwards; what a dependency
            # leaves behind is not this package's fault, so those are installed before.
            before = machine.manifest(client.ignored)
            added: tuple[str, ...] = ()
            if dependencies:
                self._install(machine, dependencies, "its dependencies cannot be installed")
                if name in client.installed(machine):  # one of them needs it in turn
                    added = dependencies
                else:
                    before = machine.manifest(client.ignored)
            wrong_before = client.audit(machine)
            try:
                self._come(machine, package, report)
                if not stays:
                    self._go(machine, name, added, report)
                wrong = sorted(client.audit(machine) - wrong_before)
            except SystemFault as fault:
                raise Failure(
                    report.stage, f"it broke the system: {fault.reason}", fault.detail.splitlines()
                ) from fault
            if wrong:
                act = "installing" if stays else "removing"
                raise Failure(Stage.COMPARE, f"{act} it broke the system: {wrong[0]}", wrong)
            if stays:  # a part of the minimal system: it was replaced and cannot be removed
                report.stages |= {Stage.REMOVE: "skipped", Stage.COMPARE: "skipped"}
                return
            left = leftovers(before, machine.manifest(client.ignored))
            if left:
                why = f"the system is not as it was before: {left[0]}"
                raise Failure(Stage.COMPARE, f"{why}{_more(left)}", left)
            report.stages[Stage.COMPARE] = "passed"

    def _come(self, machine: Machine, package: Package, report: Report) -> None:
        """Install a package and test it."""
        client, name = self._client, package.name
        self._install(machine, [name], "installing it failed")
        installed = client.installed(machine)
        if installed.get(name) != package.version:
            found = installed.get(name, "none")
            why = f"version {found} is installed afterwards, not {package.version}"
            raise Failure(Stage.INSTALL, why, [])
        report.stages[Stage.INSTALL] = "passed"
        self._run_possible_tests(machine, set(installed), report)

    def _go(self, machine: Machine, name: str, added: Sequence[str], report: Report) -> None:
        """Remove a package with what was ``added`` along with it."""
        client = self._client
        result = client.remove(machine, [name, *added])
        if not result.success:
            raise _failed(Stage.REMOVE, "removing it failed", result)
        if name in client.installed(machine):
            raise Failure(Stage.REMOVE, "it is still installed after its removal", [])
        report.stages[Stage.REMOVE] = "passed"

    def _test_together(self, tests: Sequence[Test], report: Report) -> None:
        """Run the smoke tests that need more than one package and what it depends on."""
        names = sorted({name for test in tests for name in self._needs(test)})
        with self._machine() as machine:
            try:
                self._client.download(machine, names)
            except DependencyError as error:
                raise _uninstallable("they", error) from error
            self._install(machine, names, "installing them failed")
            report.stages[Stage.INSTALL] = "passed"
            self._run_possible_tests(machine, set(self._client.installed(machine)), report)

    def _fetch(self, machine: Machine, package: Package) -> tuple[str, ...]:
        """Bring a package and what it needs onto the machine; return the names of the latter."""
        try:
            plan = self._client.plan(machine, package.name)
            self._client.download(machine, [package.name])
        except DependencyError as error:
            raise _uninstallable("it", error) from error
        if not plan.tested or plan.version != package.version:
            where = "the test repository" if plan.tested else "another repository"
            raise InfrastructureFault(
                f"{package.name} {plan.version} of {where} would be installed, "
                f"not {package.version} of the test repository"
            )
        return plan.dependencies

    def _install(self, machine: Machine, names: Sequence[str], why: str) -> None:
        result = self._client.install(machine, names)
        if not result.success:
            raise _failed(Stage.INSTALL, why, result)

    def _tests(self, machine: Machine, report: Report) -> list[Test]:
        tests = [] if self._asked.smoke is None else [declared(self._asked.smoke)]
        if self._asked.source:
            tests += packaged_tests(machine)
        report.skipped += [
            {"test": test.name, "reason": test.skipped} for test in tests if test.skipped
        ]
        return [test for test in tests if not test.skipped]

    def _run_possible_tests(self, machine: Machine, installed: set[str], report: Report) -> None:
        """Run those not yet run whose needs are met here."""
        waiting = self._waiting or []
        possible = [test for test in waiting if self._needs(test) <= installed]
        self._waiting = [test for test in waiting if test not in possible]
        report.stages[Stage.SMOKE] = "passed" if possible else "skipped"
        for test in possible:
            self._runs += 1
            verdict = run_test(machine, test, self._runs)
            if verdict.skipped:
                report.skipped.append({"test": test.name, "reason": verdict.skipped})
            elif not verdict.passed:
                lines = first_lines(verdict.text)
                why = lines[0].strip() if lines else "it said nothing"
                raise Failure(Stage.SMOKE, f"smoke test {test.name} failed: {why}", lines)

    def _needs(self, test: Test) -> set[str]:
        built = {p.name for p in self._asked.packages if not p.name.endswith(_DEBUGGING)}
        named = set(test.packages)
        return (named - {ALL_BUILT}) | (built if ALL_BUILT in named else set())


def _failed(stage: Stage, what: str, result: Result) -> Failure:
    lines = first_lines(result.tail)
    said = bool(lines) and result.stopped is None
    return Failure(stage, f"{what}: {lines[0].strip() if said else result.why}", lines)


def _uninstallable(what: str, error: DependencyError) -> Failure:
    return Failure(Stage.INSTALL, f"{what} cannot be installed: {error.lines[0]}", error.lines)


def _more(lines: Sequence[str]) -> str:
    return f" and {len(lines) - 1} more" if len(lines) > 1 else ""
