"""Receipts as they lie in the outboxes, compared with what they name. They may be anybody's: nothing is believed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from docferry.models import display
from docferry.outbox.receipt import RECEIPT_SUFFIX

LARGEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ReceiptProblem:
    """One thing that is not as a receipt says. ``kind`` as in an audit's findings."""

    kind: str
    path: str
    document: str | None
    said: str


def receipts_below(folder: Path) -> Iterator[Path]:
    """Every receipt below a folder; links are not followed."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names if name.endswith(RECEIPT_SUFFIX))


def examine_receipt(
    path: Path, known: Callable[[str], bool], forgotten_before: float | None
) -> Iterator[ReceiptProblem]:
    """What is wrong with one receipt. Documents that were delivered ``forgotten_before`` need not be known any more."""
    try:
        receipt = json.loads(_read(path))
        document = str(receipt["document"])
        outputs = [(str(entry["name"]), int(entry["bytes"])) for entry in receipt["outputs"]]
        delivered_at = _moment(receipt)
    except FileNotFoundError:
        return  # replaced while we looked
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        yield ReceiptProblem("extra", os.fspath(path), None, "a receipt that cannot be read")
        return
    if not known(document) and (forgotten_before is None or delivered_at >= forgotten_before):
        yield ReceiptProblem("extra", os.fspath(path), None, "a receipt of a document that the ledger does not know")
        return
    for name, size_bytes in outputs:
        if "/" in name or "\0" in name:
            yield ReceiptProblem("extra", os.fspath(path), None, "a receipt that names files outside its folder")
        else:
            yield from _examine_output(path.parent / _real_name(path, name), size_bytes, document)


def _real_name(receipt: Path, shown: str) -> str:
    """A receipt shows names fit to be read; the file beside it may have characters that are not, such as U+00A0."""
    base = receipt.name.removesuffix(RECEIPT_SUFFIX)
    return base + shown.removeprefix(display(base)) if shown.startswith(display(base)) else shown


def _examine_output(path: Path, size_bytes: int, document: str) -> Iterator[ReceiptProblem]:
    try:
        status = path.lstat()
    except OSError as error:
        said = f"named in a receipt, not there: {error.strerror}"
        yield ReceiptProblem("missing", os.fspath(path), document, said)
        return
    if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
        said = f"has {status.st_size} bytes, its receipt says {size_bytes}"
        yield ReceiptProblem("changed", os.fspath(path), document, said)


def _read(path: Path) -> bytes:
    """The content of a regular file of sensible size; ValueError for anything else, such as a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_BYTES:
            raise ValueError("not a receipt")
        return file.read(LARGEST_BYTES)


def _moment(receipt: Any) -> float:
    return datetime.fromisoformat(str(receipt["delivered_at"])).timestamp()
