"""Clients to whom every name must belong to the generation they read: old and strict ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workers.repository.clients import Apt, Client, Dnf

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.mirrors.conftest import Mirror


class _AptByName(Apt):
    """Asks for indexes by their names, as apt before 1.2 does."""

    def _configure(self, configuration: Path) -> None:
        super()._configure(configuration)
        with configuration.open("a") as file:
            file.write('Acquire::By-Hash "no";\n')


class _StrictDnf(Dnf):
    """Wants the metadata signed as well."""

    def update(self) -> None:
        # The key is asked about.
        self._run("makecache", "--refresh", "--assumeyes")

    def _configure(self, configuration: Path) -> None:
        super()._configure(configuration)
        with configuration.open("a") as file:
            file.write("repo_gpgcheck=1\n")


def plain_client(mirror: Mirror) -> Client:
    """One that has never read the mirror."""
    usual = mirror.client()
    kind = _AptByName if mirror.repository.package_format == "deb" else _StrictDnf
    return kind(usual.state, usual.url, usual.key, usual.suite)
