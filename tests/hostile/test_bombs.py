"""Bombs through the daemon and the embedded engine: each fails by itself, the others are delivered."""

from __future__ import annotations

import json
from pathlib import Path

from checker import check_all_ended
from daemons import Ferry
from hostile.bombs import BOMBS

JOB_TIME_S = 20
MAY_BE_READ = {"nested.pdf", "stream.pdf"}
"""Where a reader gets past the trap within its limits, an empty page is an honest result."""


def test_bombs_hurt_only_themselves(tmp_path: Path) -> None:
    limits = {"job_time": f"{JOB_TIME_S}s", "memory": "1 GB"}
    good = {f"good-{number}.txt": f"Letter number {number}".encode() for number in range(4)}
    bombs = {name: make() for name, make in BOMBS.items()}
    with Ferry(tmp_path, {"engine": {"workers": 2, "limits": limits}}).start() as ferry:
        for name, content in {**bombs, **good}.items():
            ferry.drop(content, name)
        ended = ferry.wait_for_ended(len(bombs) + len(good), deadline_s=110)
        assert ferry.stop() == 0
    states = {document.path: document.state.value for document in ended}
    assert {name: states[name] for name in good} == dict.fromkeys(good, "delivered")
    for name in bombs:
        assert states[name] == "failed" or name in MAY_BE_READ, f"{name} is {states[name]}"
        if states[name] == "failed":
            why = json.loads((ferry.failed / f"{name}.error.json").read_text())["why"]
            assert why
            assert "Traceback" not in why
            assert "unexpected" not in why
    check_all_ended(ferry, [*bombs.values(), *good.values()])
