"""Going back to a generation, and making one anew for its date's sake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from debian.deb822 import Release

from tests.workers.repository.generations import files_of, holds, published
from tests.workers.repository.programs import program, refused, succeeded

if TYPE_CHECKING:
    from tests.workers.repository.clients import Client
    from tests.workers.repository.programs import Packages, ReleaseRepository
    from tests.workers.repository.web import Served


def _generations(release: ReleaseRepository) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = succeeded(program(*release.arguments("generations")))[
        "generations"
    ]
    return listed


def _commit(release: ReleaseRepository, staged: dict[str, Any]) -> dict[str, Any]:
    return succeeded(release.commit(staged, release.sign(staged)))


def test_clients_see_the_older_generation_again(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    first = release.publish(packages.make(release.package_format, "1.0"))
    release.publish(packages.make(release.package_format, "1.1"))
    release.publish(packages.make(release.package_format, "1.0", name="other"))
    back = succeeded(program(*release.arguments("rollback", "--to", first["generation"])))
    assert back["added"] == []
    done = _commit(release, back)
    assert {package["name"] for package in done["removed"]} == {"demo", "other"}
    assert done["reason"] == f"rollback to {first['generation']}"
    reader.update()
    assert reader.versions("demo") == {"1.0"}
    assert reader.versions("other") == set()
    assert reader.download("demo")
    # And forward again: what was taken back is published as if it were new.
    release.publish(packages.make(release.package_format, "1.1"))
    reader.update()
    assert reader.versions("demo") == {"1.0", "1.1"}
    assert len(_generations(release)) == 5


def test_only_a_kept_generation_can_be_gone_back_to(
    release: ReleaseRepository, packages: Packages
) -> None:
    first = release.publish(packages.make(release.package_format, "1.0"))
    second = release.publish(packages.make(release.package_format, "1.1"), retention=0)
    before = published(release)
    reason = refused(program(*release.arguments("rollback", "--to", first["generation"])), 2)
    assert second["generation"] in reason
    assert published(release) == before


def test_the_last_generations_stay_however_old(
    release: ReleaseRepository, packages: Packages
) -> None:
    older = []
    for version in ("1.0", "1.1", "1.2", "1.3"):
        staged = release.stage(packages.make(release.package_format, version))
        arguments = release.commit_arguments(staged["stage"], release.sign(staged), retention=0)
        succeeded(program(*arguments, "--generations", "2"))
        older.append(published(release))
    assert len(_generations(release)) == 2
    assert files_of(release, older[-2])
    assert holds(release, "1.3")
    assert not list(release.root.rglob("*1.0-1*"))
    assert list(release.root.rglob("*1.1-1*"))  # still listed by the last but one


def test_a_refresh_changes_the_date_and_nothing_else(
    release: ReleaseRepository, reader: Client, packages: Packages
) -> None:
    release.publish(packages.make(release.package_format, "1.0"))
    before = published(release)
    staged = succeeded(program(*release.arguments("refresh", "--valid-days", "3")))
    done = _commit(release, staged)
    assert (done["added"], done["removed"], done["reason"]) == ([], [], "refresh")
    assert published(release) != before
    assert files_of(release, published(release)) >= files_of(release, before)
    if release.package_format == "deb":
        assert "Valid-Until" in Release(published(release))
    reader.update()
    assert reader.versions("demo") == {"1.0"}


def test_a_generation_is_read_under_its_own_name(
    served: Served, release: ReleaseRepository, packages: Packages
) -> None:
    first = release.publish(packages.make(release.package_format, "1.0"))
    release.publish(packages.make(release.package_format, "1.1"))
    key = release.root / "key.asc"
    stamp = first["generation"]
    client = (
        served.client("rpm", f"release/snapshots/{stamp}", key)
        if release.package_format == "rpm"
        else served.client("deb", "release", key, suite=f"trixie/snapshots/{stamp}")
    )
    client.update()
    assert client.versions("demo") == {"1.0"}
    assert client.download("demo")


@pytest.mark.parametrize("package_format", ["deb"])
def test_old_clients_get_the_indexes_by_their_plain_names(
    release: ReleaseRepository, packages: Packages
) -> None:
    release.publish(packages.make("deb", "1.0"))
    distribution = release.root / "dists" / "trixie"
    for line in Release(published(release))["SHA256"]:
        if line["name"].endswith((".gz", ".xz")):
            assert (distribution / line["name"]).stat().st_size == int(line["size"])


def test_what_never_held_a_package_can_be_read(
    release: ReleaseRepository, packages: Packages, reader: Client
) -> None:
    staged = succeeded(program(*release.arguments("refresh")))
    succeeded(release.commit(staged, release.sign(staged)))
    reader.update()
    assert reader.versions("demo") == set()
    release.publish(packages.make(release.package_format, "1.0"))
    reader.update()
    assert reader.versions("demo") == {"1.0"}
