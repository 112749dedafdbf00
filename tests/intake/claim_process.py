"""An inbox in a process of its own, to be killed: claims what lies there, and notes what was handed over."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from docferry.clock import SystemClock
from docferry.config.models import InboxConfig
from docferry.intake import Claimed, Inbox, Watcher


def main(folder: Path, journal: Path) -> None:
    def enter(batch: list[Claimed]) -> None:
        with journal.open("a") as opened:
            for claimed in batch:
                opened.write(json.dumps({"id": claimed.id, "path": claimed.path}) + "\n")
            opened.flush()
            os.fsync(opened.fileno())

    config = InboxConfig.model_validate(
        {
            "name": "killed",
            "path": folder,
            "outbox": folder / "../o",
            "archive": folder / "../a",
            "failed": folder / "../f",
        }
    )
    inbox = Inbox(config, SystemClock(), lambda event: None, watcher=Watcher(), on_claimed=enter, owner="killed")
    inbox.start()
    time.sleep(30)  # the test's failpoint ends it long before


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
