"""What a sync reports: the packages that came and went for the mirror's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.workers.repository.programs import program, succeeded
from workers.mirrors.report import between
from workers.repository.generations import Generation

if TYPE_CHECKING:
    from tests.workers.mirrors.conftest import Mirror
    from tests.workers.repository.programs import Packages


def _step(added: str = "", removed: str = "") -> Generation:
    def packages(names: str) -> list[dict[str, str]]:
        return [{"file": name} for name in names]

    return Generation("", None, "", {}, packages(added), packages(removed))


def _files(packages: list[dict[str, str]]) -> str:
    return "".join(package["file"] for package in packages)


def test_generations_taken_together() -> None:
    steps = [_step(added="bc", removed="a"), _step(added="d", removed="bx"), _step(added="a")]
    added, removed = between(steps)
    assert (_files(added), _files(removed)) == ("cd", "x")


def test_the_story_of_a_mirror(mirror: Mirror, packages: Packages) -> None:
    stamps = {}

    def publish(version: str) -> None:
        made = mirror.repository.publish(packages.make(mirror.repository.package_format, version))
        stamps[version] = made["generation"]

    publish("1.0")
    mirror.sync()
    assert _told(mirror) == (None, stamps["1.0"], ["1.0"], [])
    # Two at once, and of three versions the newest two stay listed.
    publish("1.1")
    publish("1.2")
    mirror.sync()
    assert _told(mirror) == (stamps["1.0"], stamps["1.2"], ["1.1", "1.2"], ["1.0"])
    text = (mirror.report / "sync.txt").read_text()
    assert "\n+ demo 1.1-1 " in text
    assert "\n- demo 1.0-1 " in text

    repository = mirror.repository
    staged = succeeded(program(*repository.arguments("rollback", "--to", stamps["1.0"])))
    back = succeeded(repository.commit(staged, repository.sign(staged)))["generation"]
    done = mirror.sync()
    assert _told(mirror) == (stamps["1.2"], back, ["1.0"], ["1.1", "1.2"])
    # Counts alone, however much there is.
    assert (done["packages_added"], done["packages_removed"]) == (1, 2)
    assert not any(isinstance(value, list | dict) for value in done.values())

    mirror.sync()
    assert _told(mirror) == (back, back, [], [])


def _told(mirror: Mirror) -> tuple[Any, Any, list[str], list[str]]:
    told = mirror.reported()
    assert told["mirror"] == mirror.url
    versions = (
        sorted(package["version"].rpartition("-")[0] for package in told[name])
        for name in ("added", "removed")
    )
    return (told["from"], told["to"], *versions)
