"""What is measured and how it is shown: processes' CPU and memory, percentiles, and one row of the table."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ratio`` is ours beside theirs, so that 1.0 or ``better`` holds the aim."""

    what: str
    ratio: float | None
    aim: str
    holds: bool | None
    ours: str
    theirs: str = ""
    figures: dict[str, object] = field(default_factory=dict)


def at_least(what: str, ratio: float, aim: float, ours: str, theirs: str, **figures: object) -> Row:
    """A row whose ratio shall not fall below ``aim``."""
    return Row(what, ratio, f">= {aim:g}", ratio >= aim, ours, theirs, figures)


def at_most(what: str, ratio: float, aim: float, ours: str, theirs: str, **figures: object) -> Row:
    """A row whose ratio shall not rise above ``aim``."""
    return Row(what, ratio, f"<= {aim:g}", ratio <= aim, ours, theirs, figures)


def below(what: str, value: float, aim: float, unit: str, **figures: object) -> Row:
    """A row whose aim is a figure, not a ratio."""
    return Row(what, None, f"<= {aim:g} {unit}", value <= aim, f"{value:.3g} {unit}", "", figures)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, of its children, and of those that it waited for."""
    return sum(_cpu_of(one) for one in family(pid))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:  # which grows while it is gone through
        found += [int(child) for task in _tasks(one) for child in _words(task / "children")]
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_of(pid: int) -> float:
    words = " ".join(_words(Path(f"/proc/{pid}/stat"))).rpartition(")")[2].split()
    return sum(int(ticks) for ticks in words[11:15]) / TICKS_PER_S if words else 0.0


def memory_mb(pid: int, name: str = "VmRSS") -> float:
    """A process's memory as the kernel counts it: VmRSS now, VmHWM at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def reset_peak(pid: int) -> None:
    """VmHWM counts from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def table(rows: Sequence[Row]) -> str:
    """The rows for a reader, as Markdown."""
    lines = ["| what | ratio | aim | holds | docferry | instead |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        holds = {True: "yes", False: "no", None: ""}[row.holds]
        lines.append(f"| {row.what} | {ratio} | {row.aim} | {holds} | {row.ours} | {row.theirs} |")
    return "\n".join(lines)
