"""Where the daemon's Unix sockets are: beside the ledger, or in a short private folder when that path is too long."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from docferry.config.folders import ENGINE_VARIABLE
from docferry.errors import UsageError

LONGEST_PATH_BYTES = 100  # sun_path holds 108 with its final NUL; some room for temporary names

CONTROL = "control.sock"
ENGINE = "engine.sock"


def socket_path(state: Path, name: str) -> Path:
    """The path of one of our sockets; the same for the daemon and the commands that look for it."""
    path = state.resolve() / name
    if len(os.fsencode(path)) <= LONGEST_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"docferry-{os.getuid()}-{digest}"
    return folder / name


def engine_socket(state: Path, environ: Mapping[str, str]) -> Path:
    """Where the embedded engine listens: our child's socket, or that of the service the unit names."""
    named = environ.get(ENGINE_VARIABLE)
    return Path(named) if named else socket_path(state, ENGINE)


def prepare_folder(path: Path) -> None:
    """Makes the socket's folder private to us, and clears away a socket that a dead daemon left."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = path.parent.stat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{path.parent} belongs to someone else", hint="remove it, or shorten the path of state:")
    path.unlink(missing_ok=True)
