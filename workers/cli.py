"""The ``lockgate-worker`` command: every program a step calls, usable from a shell."""

from __future__ import annotations

import click

from workers.outcome import ProgramError, fail


class _Program(click.Group):
    """Turns a ProgramError of any sub-command into its JSON answer and exit status."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ProgramError as error:
            fail(error)


@click.group(cls=_Program)
@click.version_option(package_name="lockgate")
def main() -> None:
    """Run one of Lockgate's worker programs; each prints one JSON object."""
