"""The `frwatch` command, put together from what each room offers."""

from __future__ import annotations

import os
import sys
from inspect import cleandoc

import cyclopts
from rich.console import Console
from rich.markup import escape

from deploy.commands import COMMANDS, GROUPS
from schemas.errors import FrwatchError


def build_app() -> cyclopts.App:
    """Return the command with all its parts."""
    app = cyclopts.App(
        name="frwatch",
        help="Makes a ban on commercial face recognition enforceable across a state.\n\n"
        "    frwatch up && frwatch status      # a local broker, engine and worker\n\n"
        "    frwatch demo                      # what it finds, in two minutes",
        version=_version,
        result_action="return_value",
    )
    groups = {name: cyclopts.App(name=name, help=cleandoc(text)) for name, text in GROUPS.items()}
    groups["collect"].default(_collect)
    for name, (place, text) in COMMANDS.items():
        *group, last = name.split(" ")
        owner = groups[group[0]] if group else app
        owner.command(place, name=last, help=cleandoc(text))
    for group_app in groups.values():
        app.command(group_app)
    app.register_install_completion_command(name="--install-completion")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 wrong use, 3 something is not there."""
    error_console = Console(stderr=True)
    try:
        result = build_app()(arguments, exit_on_error=False, print_error=True, error_console=error_console)
    except cyclopts.CycloptsError:
        sys.exit(2)
    except FrwatchError as error:
        error_console.print(f"[bold red]frwatch:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        error_console.print("frwatch: interrupted", highlight=False)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:
        if os.environ.get("FRWATCH_DEBUG"):
            raise
        said = (str(error).splitlines() or [""])[0][:300]
        error_console.print(
            f"[bold red]frwatch:[/] {escape(type(error).__name__)}: {escape(said)}; "
            "this is a fault of frwatch or of its surroundings: FRWATCH_DEBUG=1 shows where",
            soft_wrap=True,
            highlight=False,
        )
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)


def _collect() -> None:
    from streams.inputs.collector.command import run_command

    run_command()


def _version() -> str:
    from importlib.metadata import version

    return version("frwatch")


if __name__ == "__main__":
    main()
