"""The ``lockgate-worker`` command: every program a step calls, usable from a shell."""

from __future__ import annotations

import traceback
from importlib import import_module

import click

from workers.outcome import InfrastructureFault, ProgramError, fail

# Imported when asked for: a program starts in a fraction of the time all would take.
_PROGRAMS = {
    "artifacts": "workers.artifacts.cli:artifacts",
    "build": "workers.build.cli:build",
    "lint": "workers.lint.cli:lint",
    "mirror": "workers.mirrors.cli:mirror",
    "repository": "workers.repository.cli:repository",
    "root": "workers.roots.cli:root",
    "run": "workers.process:run",
    "serve": "workers.serving.cli:serve",
    "sign": "workers.signing.cli:sign",
    "source": "workers.source.cli:source",
    "test": "workers.install_test.cli:test",
}


class _Programs(click.Group):
    """Finds programs by name and turns a ProgramError into its JSON answer and exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_PROGRAMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _PROGRAMS:
            return None
        module, _, name = _PROGRAMS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is our own
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ProgramError as error:
            fail(error)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the step must be told
            traceback.print_exc()
            words = str(error) or type(error).__name__
            fail(InfrastructureFault(f"{ctx.command_path} broke down: {words.splitlines()[0]}"))


@click.group(cls=_Programs)
@click.version_option(package_name="lockgate")
def main() -> None:
    """Run one of Lockgate's worker programs; each prints one JSON object."""


if __name__ == "__main__":
    main()
