"""Facts of one file, read in the worker process. Each fact is a value, or says why it cannot be read."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from pathlib import Path
from typing import BinaryIO

import regex

from docferry.folders import AWAY
from docferry.models import Json
from docferry.rules.digitaltext import digital_text
from docferry.rules.errors import CannotRead
from docferry.rules.known import AWAY_KEY, SIZE, TEXT, unreadable
from docferry.rules.pagecount import is_encrypted, page_count
from docferry.rules.sniff import media_type

PATTERN_TIME_LIMIT_S = 1.0


def read_facts(path: Path, names: list[str]) -> dict[str, Json]:
    """A value for each of ``names``: type, pages, encrypted, sha256, text:PATTERN. Opens only regular files.

    Where the filesystem is in trouble, nothing is known but why (under ``AWAY_KEY``).
    """
    try:
        with _opened(path) as file:
            opened = _Opened(file)
            return {name: _fact(opened, name) for name in names}
    except CannotRead as error:
        return {name: unreadable(str(error)) for name in names}
    except OSError as error:
        if error.errno in AWAY:
            return {AWAY_KEY: AWAY[error.errno]}
        return {name: unreadable(f"the file cannot be opened: {error.strerror}") for name in names}


class _Opened:
    """One open file, with what was found out about it, so that nothing is read twice."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.type = media_type(file)
        self._text: str | None = None

    def text(self) -> str:
        if self._text is None:
            self._text = digital_text(self.file, self.type)
        return self._text


def _fact(opened: _Opened, name: str) -> Json:
    opened.file.seek(0)
    try:
        if name == SIZE:
            return os.fstat(opened.file.fileno()).st_size
        if name == "type":
            return opened.type
        if name == "pages":
            return page_count(opened.file, opened.type)
        if name == "encrypted":
            return is_encrypted(opened.file, opened.type)
        if name == "sha256":
            return _sha256(opened.file)
        if name.startswith(TEXT):
            return _occurs(name.removeprefix(TEXT), opened.text())
    except CannotRead as error:
        return unreadable(str(error))
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in AWAY:
            raise
        return unreadable(f"the file is damaged or not what it seems ({type(error).__name__})")
    return unreadable("there is no such fact")


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _occurs(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=PATTERN_TIME_LIMIT_S) is not None
    except TimeoutError as error:
        raise CannotRead("the pattern takes too long on this text; make it simpler") from error


def _opened(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise CannotRead("it is not a regular file")
    return file
