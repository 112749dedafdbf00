"""The starting configuration: the commented file that ``docferry init`` writes, and its folders."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from docferry.config.load import NAME
from docferry.errors import UsageError

FOLDERS = ("inbox", "outbox", "archive", "failed", "state")


def starting_text() -> str:
    """The commented starting configuration."""
    return files("docferry.config").joinpath("start.yaml").read_text(encoding="utf-8")


def write_start(folder: Path) -> tuple[Path, list[Path]]:
    """Writes the configuration and makes its folders; returns the file, and the folders that were made.

    An existing configuration is never overwritten: UsageError. Existing folders are left as they are.
    """
    target = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(starting_text())
    except FileExistsError as error:
        hint = "edit it, or name another folder"
        raise UsageError(f"{target} exists already; nothing was changed", hint=hint) from error
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    made = [folder / name for name in FOLDERS if not (folder / name).exists()]
    for path in made:
        path.mkdir(mode=0o700 if path.name == "state" else 0o777)
    return target, made
