"""``python -m tests.scenarios.run FILE.json [ID ...]``: play scenarios against the real gate."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from pydantic import ValidationError

from tests.scenarios.checking import differences
from tests.scenarios.format import EventStep, Scenario, read
from tests.scenarios.players import NotSupported, World


def play(scenario: Scenario) -> str | None:
    """Play one scenario; answers what was not as expected, None when all was."""
    try:
        world = World(scenario)
    except NotSupported as error:
        return f"config: {error}"
    for number, step in enumerate(scenario.steps, start=1):
        if isinstance(step, EventStep):
            try:
                world.happen(step)
            except (LookupError, AssertionError) as error:
                return f"step {number}: {step.event}: {error!r}"
        else:
            for difference in differences(step.expect, world):
                return f"step {number}: {difference}"
    return None


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("ids", nargs=-1)
def main(file: Path, ids: tuple[str, ...]) -> None:
    """Play the scenarios of FILE, or those with the given IDs; a line for each."""
    try:
        scenarios = read(file)
    except ValidationError as error:
        raise click.ClickException(f"{file}: {error}") from error
    unknown = set(ids) - {scenario.id for scenario in scenarios}
    if unknown:
        raise click.ClickException(f"{file} has no scenario {', '.join(sorted(unknown))}")
    failed = passed = 0
    for scenario in scenarios:
        if ids and scenario.id not in ids:
            continue
        problem = play(scenario)
        failed, passed = failed + (problem is not None), passed + (problem is None)
        click.echo(f"{scenario.id} {'ok' if problem is None else f'FAIL {problem}'}")
    click.echo(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
