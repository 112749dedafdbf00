"""Archives are looked at before anything is unpacked from them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from docferry.engine.extraction.errors import CorruptDocument, TooLarge
from docferry.engine.extraction.options import MEGABYTE, Limits

SMALL_BYTES = 20 * MEGABYTE  # unpacked; empty sheets and styles of honest files compress a thousandfold


def check_archive(path: Path, limits: Limits) -> None:
    """Refuses a ZIP file, such as every newer Office file is, that would unpack to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CorruptDocument("the file is damaged or incomplete; save or send it again") from error
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    bomb = unpacked > SMALL_BYTES and unpacked / packed > limits.unpacked_ratio
    if len(entries) > limits.archive_entries or unpacked > limits.unpacked_bytes or bomb:
        raise TooLarge(
            f"the file would unpack to {unpacked // MEGABYTE} MB in {len(entries)} parts, which is not allowed; "
            "send it as PDF"
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise CorruptDocument("parts of the file are encrypted; save it without a password")
