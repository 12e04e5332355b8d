"""Errors of the programs in workers/, told by commands that run them here."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from workers.outcome import ProgramError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def errors_told() -> Iterator[None]:
    """End the command with the reason, and the status that workers' programs end with."""
    try:
        yield
    except ProgramError as error:
        click.echo(f"Error: {error.reason}", err=True)
        sys.exit(error.status)
