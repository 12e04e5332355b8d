"""The ``lockgate`` command: check a site, see what it makes, see the queue, try it out."""

from __future__ import annotations

import click

from master.commands.audit import audit
from master.commands.demo import demo
from master.commands.generations import generations, rollback
from master.commands.queue import queue
from master.commands.rebuild import rebuild
from master.commands.site import check, show
from master.commands.why import why


@click.group()
@click.version_option(package_name="lockgate")
def main() -> None:
    """Lockgate: from a proposed change to an installable package."""


for command in (check, show, queue, generations, rollback, rebuild, audit, why, demo):
    main.add_command(command)
