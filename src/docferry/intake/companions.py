"""The files that lie beside a document and are none: its sidecar NAME.docferry.yaml and its NAME.done."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from docferry.intake.inspection import NotAFile, inspect
from docferry.intake.readiness import Settings
from docferry.intake.values import DONE_SUFFIX, SIDECAR_SUFFIX
from docferry.models import FileIdentity

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Companions:
    """What lies beside one document. ``settled``: the sidecar, if there is one, is whole."""

    names: tuple[str, ...] = ()
    done_file: bool = False
    sidecar: bool = False
    settled: bool = True


_NONE = Companions()


class CompanionWatch:
    """Finds companions, and remembers since when a sidecar has not changed. For the inbox's thread alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sidecars: dict[str, tuple[FileIdentity, float]] = {}

    def beside(self, folder_fd: int, is_local: bool, path: str, name: str, now: float) -> Companions:
        """The companions of the document ``name`` in the open folder."""
        done_file = self._settings.done_file and _is_file(folder_fd, name + DONE_SUFFIX)
        sidecar = self._settings.sidecar_allowed and _is_file(folder_fd, name + SIDECAR_SUFFIX)
        if not (done_file or sidecar):
            return _NONE
        names = [name + DONE_SUFFIX] * done_file + [name + SIDECAR_SUFFIX] * sidecar
        settled = not sidecar or self._is_settled(folder_fd, is_local, path, name + SIDECAR_SUFFIX, now)
        return Companions(tuple(names), done_file, sidecar, settled)

    def _is_settled(self, folder_fd: int, is_local: bool, path: str, sidecar: str, now: float) -> bool:
        """Whether nobody writes the sidecar, or, where the kernel cannot say, whether it is quiet."""
        try:
            inspected = inspect(folder_fd, sidecar, is_local=is_local)
        except (OSError, NotAFile):
            return False
        identity, since = self._sidecars.get(path, (None, now))
        if identity != inspected.identity:
            if len(self._sidecars) >= _MOST_REMEMBERED:
                self._sidecars.clear()  # their documents wait a little longer
            since = now
            self._sidecars[path] = (inspected.identity, since)
        if inspected.inside.writer is False and inspected.identity.size_bytes:
            return True
        return inspected.inside.writer is not True and now - since >= self._settings.settle_s


def _is_file(folder_fd: int, name: str) -> bool:
    """False also for a name that is too long to exist."""
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
    except OSError:
        return False
