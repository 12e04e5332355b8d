"""``lockgate-worker source``: make speculative states and compare what was merged with them."""

from __future__ import annotations

import re
from pathlib import Path

import click

from workers.names import branch_name
from workers.outcome import BadRequest, succeed
from workers.source.merged import compare_merged
from workers.source.request import git_url, read_request
from workers.source.state import make_state


@click.group()
def source() -> None:
    """Speculative states of source trees."""


@source.command("merge")
@click.option("--request", type=click.Path(path_type=Path), required=True, help="A JSON file.")
def merge(request: Path) -> None:
    """Merge changes on their branches as Gerrit would submit them; export the trees."""
    try:
        text = request.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadRequest(f"cannot read the request {request}: {error}") from error
    succeed(make_state(read_request(text)))


@source.command("merged")
@click.option("--url", required=True, help="The project's address.")
@click.option("--branch", required=True)
@click.option("--expect-tree", required=True, help="The tested tree.")
@click.option("--commit", help="What the change was merged as; else the branch's tip.")
@click.option(
    "--work", type=click.Path(path_type=Path), help="Folder of git mirrors kept between runs."
)
def merged(url: str, branch: str, expect_tree: str, commit: str | None, work: Path | None) -> None:
    """Compare a branch's tree with the tested one."""
    _object_id("--expect-tree", expect_tree)
    if commit is not None:
        _object_id("--commit", commit)
    succeed(compare_merged(git_url(url), branch_name(branch), expect_tree, commit, work))


def _object_id(option: str, text: str) -> None:
    if re.fullmatch("[0-9a-f]{40}", text) is None:
        raise BadRequest(f"{option} is 40 hexadecimal digits, not {text[:80]!a}")
