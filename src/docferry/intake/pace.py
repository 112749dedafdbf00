"""How often to look, and how long this inbox's writers pause: pure bookkeeping of moments and lengths."""

from __future__ import annotations

from collections import deque

# A scan may cost a twentieth of the time: the larger or slower the folder, the rarer the scans.
_LARGEST_SHARE = 0.05
POLL_S = 1.0

_GAP_MARGIN = 1.5
_LONGEST_GAP_S = 30.0
_GAP_IS_REMEMBERED_S = 24 * 3600.0
_GAPS_KEPT = 32


def scan_interval_s(wanted_s: float, took_s: float) -> float:
    """The wish, stretched so that scanning stays cheap."""
    return max(wanted_s, took_s / _LARGEST_SHARE)


class Gaps:
    """Learns how long this inbox's writers leave a file closed before they open it again and go on.

    Some scanners do so for each page. Moments are on the elapsed clock.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=_GAPS_KEPT)

    def learn(self, gap_s: float, now: float) -> None:
        """A file that was closed went on growing ``gap_s`` later. Long gaps are somebody's second version."""
        if 0 < gap_s * _GAP_MARGIN <= _LONGEST_GAP_S:
            self._seen.append((now, gap_s))

    def wait_s(self, now: float) -> float:
        """How long a closed file should rest before it is taken; 0 where nobody ever reopened one."""
        lately = [gap_s for at, gap_s in self._seen if now - at < _GAP_IS_REMEMBERED_S]
        return max(lately, default=0.0) * _GAP_MARGIN
