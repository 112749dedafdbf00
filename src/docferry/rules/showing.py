"""Numbers and moments as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_STEPS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def bytes_shown(size_bytes: int) -> str:
    """``1500000`` as ``1.5 MB``."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= factor:
            return (
                f"{size_bytes / factor:.3g} {unit}" if size_bytes < 1000 * factor else f"{size_bytes // factor} {unit}"
            )
    return f"{size_bytes} bytes"


def moment_shown(moment: float) -> str:
    """A Unix moment as local date and time."""
    try:
        return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{moment:.0f} s after 1970"


def ago(age_s: float) -> str:
    """An age in the largest fitting unit."""
    if age_s < 0:
        return "in the future"
    for factor, unit in _STEPS:
        if age_s >= factor:
            count = int(age_s // factor)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
