"""Layers over images: found by their note, forgotten when there is no room, gone with the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.roots import RootImage, used_layer
from workers.roots.folders import remove
from workers.roots.layers import keep_layer
from workers.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.as_user import Worker

_SIZE = 33 << 20


def _keep(image: RootImage, name: str, limit: int) -> None:
    with Sandbox(image.path) as sandbox:
        sandbox.write(f"/srv/{name}", bytes(_SIZE))
        keep_layer(image, sandbox, {"name": name}, limit)


def _held(image: RootImage, name: str) -> list[str] | None:
    """What a sandbox over the layer of that name has, if there is one."""
    with used_layer(image, lambda note: note["name"] == name) as layer:
        if layer is None:
            return None
        with Sandbox(image.path, over=layer.path) as sandbox:
            return sandbox.names("/srv")


def _names(image: RootImage) -> list[str]:
    """Of all layers that there are; none is used by this."""
    seen: list[str] = []

    def see(note: dict[str, str]) -> bool:
        seen.append(note["name"])
        return False

    with used_layer(image, see):
        return seen


def _found(image: RootImage) -> list[list[str] | None]:
    _keep(image, "one", 10 * _SIZE)
    _keep(image, "one", 10 * _SIZE)
    return [_held(image, "one"), _held(image, "two")]


def _forgotten(image: RootImage) -> tuple[list[str], list[str]]:
    for name in ("one", "two", "three"):
        _keep(image, name, 10 * _SIZE)
    with used_layer(image, lambda note: note["name"] == "two"):
        _held(image, "one")  # used last now
        _keep(image, "four", 2 * _SIZE + _SIZE // 2)
        while_used = sorted(_names(image))
    _keep(image, "four", 2 * _SIZE + _SIZE // 2)
    return while_used, sorted(_names(image))


def _left_after_a_killed_maker(image: RootImage) -> int:
    layers = image.path.parent / "layers"
    (layers / ".making-killed" / "root").mkdir(parents=True)
    _keep(image, "one", 10 * _SIZE)
    return len(list(layers.iterdir()))


def _left_after_removal(image: RootImage) -> bool:
    _keep(image, "one", 10 * _SIZE)
    remove(image.path.parent)
    return image.path.parent.exists()


@pytest.fixture
def image(worker: Worker, deb_install_root: Path) -> RootImage:
    """An image without layers."""
    folder = worker.folder("image")
    (folder / "root").symlink_to(deb_install_root)
    return RootImage(folder / "root", "id", "codename", "architecture", 0)


def test_a_layer_is_found_by_its_note(worker: Worker, image: RootImage) -> None:
    assert worker.call(_found, image) == [["one"], None]


def test_the_layer_used_longest_ago_is_forgotten_unless_it_is_used(
    worker: Worker, image: RootImage
) -> None:
    while_used, then = worker.call(_forgotten, image)
    assert while_used == ["four", "one", "two"]
    assert then == ["four", "one"]


def test_what_a_killed_maker_left_is_removed(worker: Worker, image: RootImage) -> None:
    assert worker.call(_left_after_a_killed_maker, image) == 1


def test_layers_go_with_their_image(worker: Worker, image: RootImage) -> None:
    assert worker.call(_left_after_removal, image) is False
