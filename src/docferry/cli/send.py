"""``docferry send``: one document through the same path, its result on stdout."""

from __future__ import annotations

from pathlib import Path

import click

from docferry.cli.common import config_option, load_config
from docferry.errors import ExitCode
from docferry.models import Document, DocumentState, display


@click.command()
@config_option
@click.option("--provider", help="This one, whatever the rules say.")
@click.option("--inbox", help="As if dropped there. Default: the first inbox.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(config_path: Path | None, provider: str | None, inbox: str | None, files: tuple[Path, ...]) -> int:
    """Put FILES through and print what came out; the files themselves stay where they are."""
    from docferry.daemon.sending import send
    from docferry.observe import logs

    config = load_config(config_path)
    logs.configure(level="error", names=config.log.names)
    documents = send(config, files, inbox=inbox, provider=provider, progress=_Sayer().say)
    for document in documents:
        if document.state is DocumentState.DELIVERED and document.output_base is not None:
            _print_result(Path(config.inbox(document.inbox).outbox) / document.output_base)
        else:
            click.echo(f"{display(document.path)}: {document.state}: {document.error}", err=True)
            if document.error_hint:
                click.echo(f"  {document.error_hint}", err=True)
    delivered = all(document.state is DocumentState.DELIVERED for document in documents)
    return ExitCode.OK if delivered else ExitCode.FAILED


class _Sayer:
    """Says on stderr how a document gets on, each news once."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def say(self, document: Document) -> None:
        waits = f": waits for {document.waits_for}" if document.waits_for else ""
        line = f"{display(document.path)}  {document.state}{waits}"
        if self._said.get(document.id) != line:
            self._said[document.id] = line
            click.echo(line, err=True)


def _print_result(base: Path) -> None:
    """The most readable of the results on stdout; all of them by name on stderr."""
    results = sorted(path for path in base.parent.iterdir() if path.name.startswith(f"{base.name}."))
    for path in results:
        click.echo(f"  {path}", err=True)
    for suffix in (".md", ".html", ".json", ".csv"):
        path = base.with_name(base.name + suffix)
        if path in results:
            click.echo(path.read_text(encoding="utf-8", errors="replace"))
            return
