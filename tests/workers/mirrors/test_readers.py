"""Clients that read a mirror all the time while connections to it break: none ever fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.mirrors.cutter import Cutter
from tests.workers.mirrors.reading import reading

if TYPE_CHECKING:
    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.repository.programs import Packages

# A hundred are made by `make test-faults`.
_SYNCS = [pytest.param(100, marks=pytest.mark.faults), 8]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("syncs", _SYNCS)
def test_clients_never_fail_while_connections_break(
    mirror: Mirror, packages: Packages, syncs: int
) -> None:
    kind = mirror.repository.package_format
    folders = packages.series(kind, [f"1.{number}" for number in range(1 + syncs)])
    known = {file.read_bytes() for folder in folders for file in folder.iterdir()}
    mirror.repository.publish(folders[0])
    mirror.sync()
    with Cutter(mirror.daemon.port, kind) as cutter, reading(mirror.client(), known) as got:
        for folder in folders[1:]:
            mirror.repository.publish(folder)
            assert mirror.try_sync(port=cutter.port).status in (0, 75)
        cutter.tired = True
        mirror.sync(port=cutter.port)
    assert len(got) >= syncs
    assert cutter.cuts >= syncs // 2
    assert mirror.is_exact()
    assert not mirror.hidden()
    late = mirror.client()
    late.update()
    assert late.versions("demo") == {f"1.{syncs}", f"1.{syncs - 1}"}
