"""Link files: a browser's ``.url`` and macOS' ``.webloc`` say where a document is instead of holding it."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from docferry.errors import Rejected

LARGEST_BYTES = 65_536
_URL_LINE = re.compile(r"^\s*URL\s*=\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)


def read_link(path: Path) -> str:
    """The address in a link file. Raises Rejected when there is none that a provider could fetch."""
    content = path.read_bytes()[: LARGEST_BYTES + 1]
    if len(content) > LARGEST_BYTES:
        raise Rejected("the link file is too large to be one", hint="drop the document itself")
    address = _from_plist(content) if path.suffix.lower() == ".webloc" else _from_ini(content)
    parts = urlsplit(address or "")
    if parts.scheme not in ("http", "https") or not parts.hostname or not (address or "").isprintable():
        raise Rejected("the link file holds no http or https address", hint="save the link again, or drop the document")
    assert address is not None
    return address


def _from_ini(content: bytes) -> str | None:
    """Windows writes these in its local code page; an address is ASCII in all of them."""
    found = _URL_LINE.search(content.decode("latin-1"))
    return found.group(1) if found else None


def _from_plist(content: bytes) -> str | None:
    try:
        value = plistlib.loads(content)
    except (plistlib.InvalidFileException, ExpatError, ValueError, OverflowError, RecursionError):
        return None
    address = value.get("URL") if isinstance(value, dict) else None
    return address if isinstance(address, str) else None
