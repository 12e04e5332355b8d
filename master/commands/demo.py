"""``lockgate demo``: the whole chain on real parts, on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The one folder everything lives in; caches in it are kept.",
)
@click.option("--oneshot", is_flag=True, help="End when the story has been told.")
@click.option("--no-story", is_flag=True, help="Start everything and leave the rest to you.")
def demo(data: Path, *, oneshot: bool, no_story: bool) -> None:
    """Start Gerrit, master, workers, repositories and mirrors, and run the main job.

    Ends with status 0 only if every step came out as it should. Ctrl-C stops everything.
    """
    if os.geteuid() != 0:
        raise click.ClickException(
            "the demonstration starts servers under users of their own and needs root; try sudo"
        )
    # What follows forks; import the rest only in the process that goes on.
    from master.demo import isolation  # noqa: PLC0415

    isolation.enter()
    from master.demo.main import run  # noqa: PLC0415

    status = run(data.resolve(), oneshot=oneshot, story=not no_story)
    sys.stdout.flush()
    # Threads of a start that was given up may still be at work: not waited for, they and what
    # they started end with the namespace.
    os._exit(status)
