"""apt on a machine: apt-get(8), sources.list(5), apt_preferences(5), dpkg-query(1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from workers.clients.apt import apt_files
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

    from workers.clients.repository import Repository
    from workers.install_test.machine import Machine
    from workers.sandbox import Result

_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}
_SOURCES = "/etc/apt/sources.list"
_ADDED = "/etc/apt/lockgate.list"
_UNMET = re.compile(r" (Pre-?)?Depends: | Conflicts: | Breaks: ")
# The tested version is the one to be installed, even where the minimal system has a higher one.
_APT = ("apt-get", "--yes", "--quiet", "--no-install-recommends", "--allow-downgrades")
# A package of the minimal system may have the very version that is tested.
_INSTALL = ("install", "--reinstall")


class Apt(PackageClient):
    """Debian's package manager."""

    root_kind = "deb-install"
    ignored = ALWAYS_IGNORED | frozenset(
        {
            *("/etc/apt", "/var/cache/apt", "/var/lib/apt", "/var/lib/dpkg"),
            *("/var/cache/debconf", "/var/lib/ucf", "/var/lib/pam"),
            "/var/lib/systemd/deb-systemd-helper-enabled",
            "/var/lib/systemd/deb-systemd-user-helper-enabled",
            # Indexes that triggers of other packages keep:
            *("/usr/share/info/dir", "/usr/share/info/dir.old", "/usr/share/mime"),
            *(
                "/usr/share/applications/mimeinfo.cache",
                "/usr/share/icons/hicolor/icon-theme.cache",
            ),
            *("/usr/share/glib-2.0/schemas/gschemas.compiled", "/var/cache/fontconfig"),
            *("/var/cache/man", "/var/cache/dictionaries-common", "/var/lib/emacsen-common"),
        }
    )

    def __init__(self) -> None:
        self._tested_url = ""

    def configure(self, machine: Machine, repositories: Sequence[Repository]) -> None:
        """Add them before the base distribution's; read only what they hold."""
        self._tested_url = f"{repositories[0].url}/"
        lines, files = apt_files(repositories)
        for path, content in files.items():
            machine.put(path, content)
        machine.put(_ADDED, lines.encode())
        machine.put(_SOURCES, lines.encode() + machine.fetch(_SOURCES))
        self._update(machine, _ADDED)  # the base's lists are in the image

    def plan(self, machine: Machine, name: str) -> Plan:
        """Ask apt where it would fetch from."""
        result = self._apt(machine, *_INSTALL, "--print-uris", name, capture=True)
        if not result.success:
            raise DependencyError(_unmet(result))
        lines = result.output.decode().splitlines()
        archives = [line.split() for line in lines if line.startswith("'")]
        files = {
            file.split("_")[0]: (uri.strip("'"), unquote(file.split("_")[1]))
            for uri, file, *_ in archives
        }
        if name not in files:
            raise InfrastructureFault(f"apt would not fetch {name} to install it")
        uri, version = files.pop(name)
        return Plan(version, uri.startswith(self._tested_url), tuple(sorted(files)))

    def download(self, machine: Machine, names: Sequence[str]) -> None:
        """Fetch, once more with new lists if the base distribution moved on since the image."""
        simulated = self._apt(machine, *_INSTALL, "--simulate", *names, capture=True)
        if not simulated.success:
            raise DependencyError(_unmet(simulated))
        fetch = (*_INSTALL, "--download-only", *names)
        if not self._apt(machine, *fetch, network=True).success:
            self._update(machine)
            expect(self._apt(machine, *fetch, network=True), f"downloading {', '.join(names)}")

    def install(self, machine: Machine, names: Sequence[str]) -> Result:
        """Install from apt's cache."""
        return self._apt(machine, *_INSTALL, "--no-download", *names)

    def installed(self, machine: Machine) -> dict[str, str]:
        """Ask dpkg for packages that are unpacked and configured."""
        form = "${db:Status-Status}\\t${Package}\\t${Version}\\n"
        query = machine.run(["dpkg-query", "--show", f"--showformat={form}"], capture=True)
        found = {}
        for line in expect(query, "dpkg-query").splitlines():
            status, _, package = line.partition("\t")
            if status == "installed":
                name, _, version = package.partition("\t")
                found[name] = version
        return found

    def remove(self, machine: Machine, names: Sequence[str]) -> Result:
        """Purge them."""
        return self._apt(machine, "purge", *names)

    def audit(self, machine: Machine) -> set[str]:
        """Ask dpkg for half-installed packages and apt for broken dependencies."""
        found: set[str] = set()
        for command in (["dpkg", "--audit"], ["apt-get", "check", "--quiet=2"]):
            result = machine.run(command, as_root=True, capture=True)
            text = result.output.decode(errors="replace")
            if not result.success:
                text += result.tail or result.why
            found |= {line for line in text.splitlines() if line.strip()}
        return found

    def _update(self, machine: Machine, source: str | None = None) -> None:
        only = (
            ()
            if source is None
            else (
                *("-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=/dev/null"),
                *("-o", "APT::Get::List-Cleanup=false"),
            )
        )
        result = self._apt(machine, "update", "--error-on=any", *only, network=True)
        expect(result, "reading the repositories")

    def _apt(
        self, machine: Machine, *arguments: str, network: bool = False, capture: bool = False
    ) -> Result:
        return machine.run(
            [*_APT, *arguments],
            as_root=True,
            network=network,
            environment=_ENVIRONMENT,
            capture=capture,
        )


def _unmet(result: Result) -> list[str]:
    """Return apt's own account of what is missing, or else its errors."""
    printed = result.output.decode(errors="replace").splitlines() + result.tail.splitlines()
    unmet = [line.strip() for line in printed if _UNMET.search(line)]
    errors = [line.strip() for line in printed if line.startswith("E: ")]
    return unmet or errors or [result.why]
