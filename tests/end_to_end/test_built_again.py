"""A published package is built again from git, and comes out as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from master.cli import main

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Chain, Story

pytestmark = pytest.mark.timeout(1200)  # the first test may wait for the whole story


@pytest.mark.parametrize(
    ("package", "made"), [("ncompress", "ncompress_4.2.4.6-6.1_amd64.deb"), ("tree", "tree-")]
)
def test_a_published_package_can_be_made_again(
    chain: Chain, story: Story, package: str, made: str
) -> None:
    site = str(chain.layout.site_file)
    result = CliRunner().invoke(main, ["rebuild", package, "--site", site, "--timeout", "300"])
    assert result.exit_code == 0, result.output
    assert "the same, byte for byte" in result.output
    assert f"\n  {made}" in result.output


def test_what_is_not_declared_cannot_be_built_again(chain: Chain, story: Story) -> None:
    site = str(chain.layout.site_file)
    result = CliRunner().invoke(main, ["rebuild", "nothing", "--site", site])
    assert result.exit_code == 1
    assert "there is no [packages.nothing]" in result.output
