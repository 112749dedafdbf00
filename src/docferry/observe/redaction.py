"""Keeps secrets, and file names where that is wished, out of everything that is logged.

Redaction works on finished text, not on arguments: whatever way a key finds into a message, an exception or a
traceback, it leaves as ``[secret]``. The journal's CODE_ARGS field is never sent for the same reason.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import quote

from docferry.models import display

SECRET_MARK = "[secret]"  # noqa: S105 - what stands in a secret's place


def name_token(name: str) -> str:
    """A short stable stand-in for a name: equal names give equal tokens, so a document can still be followed.

    It is the start of the name's SHA-256: ``printf %s NAME | sha256sum`` tells whether a token is a given name.
    """
    return "name:" + hashlib.sha256(os.fsencode(name)).hexdigest()[:10]


class Redactor:
    """Replaces registered secrets, and names of documents when ``names`` is false."""

    def __init__(self) -> None:
        self.names = True
        self._secrets: tuple[str, ...] = ()  # replaced as a whole: read without a lock by every logging thread

    def register(self, value: str) -> None:
        """From now on ``value`` appears nowhere, nor the spellings it takes in URLs, JSON and ``repr``."""
        secret = value.strip()
        if not secret:
            return
        spellings = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
        # Longest first: a secret that contains another must not leave its rest behind.
        self._secrets = tuple(sorted({*self._secrets, *spellings}, key=len, reverse=True))

    def clean(self, text: str, names: Iterable[str] = ()) -> str:
        """``text`` without secrets and, when names are hidden, without any of ``names``."""
        for secret in self._secrets:
            text = text.replace(secret, SECRET_MARK)
        if not self.names:
            for name in sorted(set(names), key=len, reverse=True):
                text = text.replace(name, name_token(name))
        return text

    def names_in(self, record: logging.LogRecord) -> list[str]:
        """Every spelling of a document's name that this record is known to carry."""
        if self.names:
            return []
        paths = [getattr(record, "path", None), *_arguments(record), *_paths_of_error(record)]
        spellings: set[str] = set()
        for path in paths:
            spellings |= _spellings(path)
        return sorted(spellings, key=len, reverse=True)


def _arguments(record: logging.LogRecord) -> list[object]:
    """The record's arguments that are paths by their type. A plain string may be anything, and is left alone."""
    arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
    return [argument for argument in arguments if isinstance(argument, PurePath)]


def _paths_of_error(record: logging.LogRecord) -> list[object]:
    error = record.exc_info[1] if record.exc_info else None
    paths: list[object] = []
    while error is not None:
        if isinstance(error, OSError):
            paths += [error.filename, error.filename2]
        error = error.__cause__ or error.__context__
    return paths


def _spellings(path: object) -> set[str]:
    """The path itself, its last part, and its last part without suffix where that is long enough to be a name.

    Each also as it is shown to people, where control characters are spelled out.
    """
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str | PurePath) or str(path) in {"", ".", "/"}:
        return set()
    pure = PurePath(path)
    plain = {str(path), pure.name, *(part for part in [pure.stem] if len(part) > 3)}
    return (plain | {display(part) for part in plain}) - {""}
