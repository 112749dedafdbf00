"""Which names are never documents: lock files, partial downloads, editors' and shares' leftovers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wcmatch import glob

OWN_PREFIX = ".docferry"

# Each is what some program leaves beside, or in place of, a document while it works on it.
_BUILT_IN = (
    r"\.docferry.*",  # ours
    r"~\$.*",  # Microsoft Office: owner file
    r"\.~lock\..*#",  # LibreOffice: lock
    r"~WRL\d+\.tmp",  # Word: save in progress
    r".*\.(tmp|temp|part|partial|crdownload|download|opdownload|filepart|!ut|aria2|swp|swx|swo)",
    r"4913",  # vim: may I write here?
    r".*~",  # backup copies of vim, emacs, gedit
    r"#.*#|\.#.*",  # emacs: autosave, lock
    r"\.goutputstream-.*",  # GLib: atomic save
    r"\..+\.[A-Za-z0-9]{6}",  # rsync: .NAME.AbC123
    r"\.syncthing\..*|\.stfolder|\.stversions",
    r"\.nfs[0-9a-f]+|\.smbdelete.*|\.fuse_hidden.*",  # deleted, but still open somewhere
    r"\.DS_Store|\._.*|\.Spotlight-V100|\.Trashes|\.fseventsd|\.apdisk",
    r"Thumbs\.db|ehthumbs\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information",
    r"\.Trash-\d+|lost\+found|@eaDir|#recycle|\.snapshot|\.~tmp~|\.rsync-partial",
)
_MATCH_BUILT_IN = re.compile("|".join(f"(?:{pattern})" for pattern in _BUILT_IN), re.IGNORECASE | re.DOTALL).fullmatch
_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.BRACE | glob.FORCEUNIX

Ignores = Callable[[str, str], str | None]


def ignores(patterns: Iterable[str]) -> Ignores:
    """A function of (folder below the inbox, name) that gives the reason to pass a name over, or None.

    A pattern with a slash is matched with the path below the inbox, one without with the name alone.
    """
    wanted = tuple(patterns)
    by_name = _compiled([pattern for pattern in wanted if "/" not in pattern])
    by_path = _compiled([pattern for pattern in wanted if "/" in pattern])

    def reason(directory: str, name: str) -> str | None:
        if _MATCH_BUILT_IN(name):
            return "a lock, partial or system file by its name"
        if by_name is not None and by_name(name):
            return "its name is in the inbox's ignore list"
        if by_path is not None and by_path(f"{directory}/{name}" if directory else name):
            return "its path is in the inbox's ignore list"
        return None

    return reason


def _compiled(patterns: list[str]) -> Callable[[str], object] | None:
    """One regular expression for all patterns: this runs for every name of every scan."""
    if not patterns:
        return None
    positive, _ = glob.translate(patterns, flags=_FLAGS, limit=0)
    return re.compile("|".join(f"(?:{pattern})" for pattern in positive)).match
