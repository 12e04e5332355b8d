"""dnf and rpm on a machine: dnf(8), dnf.conf(5), rpm(8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workers.clients.dnf import FIRST, dnf_files
from workers.install_test.client import (
    ALWAYS_IGNORED,
    DependencyError,
    PackageClient,
    Plan,
    expect,
)
from workers.outcome import InfrastructureFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.clients.repository import BaseRepository, Repository
    from workers.install_test.machine import Machine
    from workers.sandbox import Result

_DNF = (
    *("dnf", "--assumeyes", "--setopt=install_weak_deps=False"),
    *("--setopt=keepcache=True", "--setopt=clean_requirements_on_remove=False"),
)
_OFFLINE = "--cacheonly"
_CACHE = "/var/cache/dnf"
# Folders of an RPM distribution's `filesystem` and `pkgconf` packages, which no other package owns:
# rpm leaves one that it had to make.
_FOLDERS = (
    *("/etc/X11", "/etc/bash_completion.d", "/etc/pki", "/etc/sysconfig", "/etc/xdg"),
    *("/usr/include", "/usr/lib64/pkgconfig", "/usr/libexec"),
    *(
        f"/usr/share/{name}"
        for name in (
            *("applications", "augeas", "bash-completion/completions", "doc", "games", "icons"),
            *("info", "licenses", "locale", "pixmaps", "pkgconfig", "sounds", "themes"),
            "xsessions",
            *(f"man/man{section}" for section in "123456789n"),
        )
    ),
    "/usr/src/debug",
    "/var/games",
)
_PROBLEM = re.compile(
    r"^Problem|nothing provides|conflicts with|Unable to find a match|No match for argument"
)


class Dnf(PackageClient):
    """The package manager of RPM distributions."""

    root_kind = "rpm-install"
    ignored = ALWAYS_IGNORED | frozenset(
        {
            *("/etc/yum.repos.d", "/etc/pki/rpm-gpg", "/etc/dnf", "/var/cache/dnf", "/var/lib/dnf"),
            *("/var/lib/rpm", "/usr/lib/sysimage/rpm", "/root/.rpmdb", "/build/.rpmdb"),
        }
    )

    def __init__(self, base: Sequence[BaseRepository]) -> None:
        self._base = base

    def configure(self, machine: Machine, repositories: Sequence[Repository]) -> None:
        """Add them."""
        folders = machine.run(["mkdir", "--parents", *_FOLDERS], as_root=True)
        expect(folders, "making an RPM distribution's folders")
        for path, content in dnf_files(repositories, self._base).items():
            machine.put(path, content)
        expect(self._dnf(machine, "makecache", network=True), "reading the repositories")

    def plan(self, machine: Machine, name: str) -> Plan:
        """Let dnf fetch what it would install and look at that: it takes priorities into account
        only when it resolves.
        """
        self.download(machine, [name])
        found = machine.run(["find", _CACHE, "-name", "*.rpm"], as_root=True, capture=True)
        files = expect(found, "listing the downloaded packages").splitlines()
        form = "%{NAME}\\t%{EVR}"
        of = {}
        for file in files:
            query = ["rpm", "-qp", "--queryformat", form, file]
            about = expect(machine.run(query, as_root=True, capture=True), f"reading {file}")
            package, _, version = about.partition("\t")
            of[package] = (version, file)
        if name not in of:
            raise InfrastructureFault(f"dnf would not fetch {name} to install it")
        version, file = of.pop(name)
        return Plan(version, file.startswith(f"{_CACHE}/{FIRST}-"), tuple(sorted(of)))

    def download(self, machine: Machine, names: Sequence[str]) -> None:
        """Fetch into dnf's cache."""
        result = self._dnf(machine, "install", "--downloadonly", *names, network=True)
        if result.success:
            return
        printed = result.output.decode(errors="replace") + result.tail
        problems = _problems(printed)
        if problems and result.stopped is None:
            raise DependencyError(problems)
        raise InfrastructureFault(f"downloading {', '.join(names)}: {result.why}", printed)

    def install(self, machine: Machine, names: Sequence[str]) -> Result:
        """Install from dnf's cache."""
        return self._dnf(machine, _OFFLINE, "install", *names, capture=False)

    def installed(self, machine: Machine) -> dict[str, str]:
        """Ask rpm."""
        form = "%{NAME}\\t%{EVR}\\n"
        query = machine.run(["rpm", "-qa", "--queryformat", form], as_root=True, capture=True)
        lines = (line.partition("\t") for line in expect(query, "rpm -qa").splitlines())
        return {name: version for name, _, version in lines}

    def remove(self, machine: Machine, names: Sequence[str]) -> Result:
        """Remove them."""
        return self._dnf(machine, _OFFLINE, "remove", *names, capture=False)

    def audit(self, machine: Machine) -> set[str]:
        """Ask rpm for files that are not as packaged and dnf for broken dependencies."""
        found: set[str] = set()
        checks = (
            machine.run(["rpm", "-Va"], as_root=True, capture=True),
            self._dnf(machine, _OFFLINE, "check"),
        )
        for result in checks:
            text = result.output.decode(errors="replace")
            found |= {line for line in text.splitlines() if line.strip()}
        return found

    def _dnf(
        self, machine: Machine, *arguments: str, network: bool = False, capture: bool = True
    ) -> Result:
        return machine.run([*_DNF, *arguments], as_root=True, network=network, capture=capture)


def _problems(printed: str) -> list[str]:
    """Return dnf's own account of why it finds no solution."""
    lines = [line.strip() for line in printed.splitlines()]
    return [line for line in lines if _PROBLEM.search(line)]
