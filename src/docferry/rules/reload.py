"""Whether the configuration's files changed: asked often, answered from stat alone.

Polling sees what events miss: editors that rename over the file, a symlink that is turned to another target,
a whole folder swapped as ConfigMaps are, a change behind a network mount.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Signature = tuple[tuple[str, int, int, int, int, int], ...]


class ConfigWatcher:
    """Watches the main file (the first of ``paths``) and every file in rules.d beside it, also new ones."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._main = paths[0]
        self._seen = signature(self._main)

    def changed(self) -> bool:
        """True once for each change since the last call, or since the watcher was made."""
        now = signature(self._main)
        before, self._seen = self._seen, now
        return now != before


def signature(main: Path) -> Signature:
    """What stat tells of the files now. A file that is gone for a moment is a change like any other."""
    files = [main, *sorted((main.parent / "rules.d").glob("*.yaml"))]
    return tuple(_one(file) for file in files)


def _one(file: Path) -> tuple[str, int, int, int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (str(file), 0, 0, 0, 0, 0)
    return (str(file), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
