"""One package of a thousand changes: what that costs on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.debs import make_debs
from tests.benchmarks.rpms import make_rpms
from tests.benchmarks.sketches import sketch
from tests.workers.repository.programs import succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.repository.programs import Packages

_PACKAGES = 1000
_MOST_BYTES = 50_000
_MOST_SESSIONS = 3


def test_one_package_of_a_thousand(mirror: Mirror, packages: Packages, tmp_path: Path) -> None:
    kind = mirror.repository.package_format
    thousand = tmp_path / "thousand"
    thousand.mkdir()
    (make_debs if kind == "deb" else make_rpms)(range(_PACKAGES), thousand)
    repository = mirror.repository
    # Signing them would take minutes.
    staged = (repository.stage if kind == "deb" else repository.stage_unsigned)(thousand)
    succeeded(repository.commit(staged, repository.sign(staged)))
    whole = mirror.sync()
    assert whole["packages_added"] == _PACKAGES
    name = sketch(_PACKAGES // 2).name
    repository.publish(packages.make(kind, "99.0", name=name))
    done = mirror.sync()
    assert done["packages_added"] == 1
    assert done["bytes_sent"] <= _MOST_BYTES
    assert done["bytes_read"] <= _MOST_BYTES
    assert done["sessions"] <= _MOST_SESSIONS
    assert mirror.is_exact()
