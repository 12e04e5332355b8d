"""``lockgate queue``: what the gate has in its queues, read from the master's database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import sqlalchemy

from master.commands.site_file import read_site, site_argument

_STATE = sqlalchemy.text(
    "SELECT objects.name, object_state.value_json FROM object_state "
    "JOIN objects ON objects.id = object_state.objectid "
    "WHERE object_state.name = 'view' AND objects.class_name LIKE '%GateScheduler%' "
    "ORDER BY objects.name"
)


@click.command()
@site_argument
@click.option("--json", "as_json", is_flag=True, help="Print the whole state for programs.")
def queue(site_file: Path, *, as_json: bool) -> None:
    """Show each gate queue: the order of merging and what each change waits for."""
    site = read_site(site_file)
    views = _views(site.master.database, site_file.resolve().parent)
    if as_json:
        click.echo(json.dumps(views, indent=2, sort_keys=True))
        return
    for name, view in views.items():
        for line in lines(name, view):
            click.echo(line)


def lines(name: str, view: dict[str, Any]) -> list[str]:
    """A gate's view in words, one line an item."""
    found = [f"{name}:"]
    for queue_view in view.get("queues", []):
        for position, item in enumerate(queue_view["items"], start=1):
            changes = " + ".join(item["changes"])
            built_on = ", ".join(item["ahead"]) or "the tip"
            running = ", ".join(item["running"]) or "nothing"
            failing = f"; failing: {'; '.join(item['failing'])}" if item["failing"] else ""
            found.append(f"  {position}. {changes} on {built_on}; running: {running}{failing}")
    return found if len(found) > 1 else [f"{name}: empty"]


def _views(database: str, base: Path) -> dict[str, Any]:
    url = sqlalchemy.make_url(database)
    if url.drivername == "sqlite" and url.database and not Path(url.database).is_absolute():
        # Buildbot takes such a path from the master's own folder, where the site file is.
        url = url.set(database=str(base / url.database))
        if not Path(str(url.database)).exists():
            raise click.ClickException(f"{url.database}: no master has run with this site file yet")
    try:
        with sqlalchemy.create_engine(url).connect() as connection:
            return {name: json.loads(value) for name, value in connection.execute(_STATE)}
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise click.ClickException(f"the master's database cannot be read: {error}") from error
