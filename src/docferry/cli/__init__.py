"""The command line: arguments in, words out; decisions are made elsewhere.

Every command lives in a module of its own that is imported only when it is called, so that
``docferry --help`` is quick however much a command needs.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from docferry import __version__
from docferry.errors import ConfigError, DocferryError, ExitCode, UsageError

COMMANDS = {
    "run": "Watch the inboxes and deliver what comes; --once works off what is there.",
    "init": "Write a commented starting configuration and its folders.",
    "check": "Validate configuration and rules, run the rules' own tests.",
    "explain": "Say which rule takes a file and why, and what would be sent; sends nothing.",
    "status": "What is going on.",
    "jobs": "The latest documents and what became of them.",
    "why": "Everything known about one document, by id or path.",
    "audit": "Reconcile inbox, ledger, outbox, archive and failed folder by hash.",
    "retry": "Bring documents back that failed, were canceled or are held.",
    "cancel": "Give documents up, here and at the provider.",
    "send": "Put one document through and print its result.",
    "pause": "Stop claiming from an inbox or submitting to a provider.",
    "resume": "Go on after a pause.",
    "reload": "Make the running daemon read its configuration again.",
    "backup": "Copy the ledger, consistently, also while the daemon runs.",
    "engine": "Serve both extraction APIs locally, without the daemon.",
    "schema": "Print the JSON Schema of the configuration, for editors.",
    "doctor": "Check folders, limits, providers and keys, and say what to mend.",
}
"""Every command with its one-line help, so that listing them imports none of them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"docferry.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all well; 1 something failed; 2 wrong usage or configuration.",
)
@click.version_option(__version__, prog_name="docferry")
def group() -> None:
    """Drop a document into a folder; its data comes back in another."""


def say(error: DocferryError) -> None:
    """The error in one line, and what to do about it in another."""
    click.echo(f"docferry: {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)


def _as_ours(error: click.ClickException) -> UsageError:
    """click's complaint in the words and the form that every other error has."""
    text = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "docferry"
    if isinstance(error, click.NoSuchOption) and path == "docferry":  # the group itself
        return UsageError(f"no option {error.option_name} before a command", hint="options stand after the command")
    return UsageError(text[:1].lower() + text[1:], hint=f"{path} --help says more")


def main() -> None:
    """The ``docferry`` command: errors a person can mend are one line, never a traceback."""
    try:
        result = group.main(prog_name="docferry", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        say(_as_ours(error))
        sys.exit(ExitCode.USAGE)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except DocferryError as error:
        say(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    sys.exit(result if isinstance(result, int) else ExitCode.OK)
