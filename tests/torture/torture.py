"""Drops documents, kills daemon and engine, makes the provider misbehave; at the end everything must be accounted for.

    python tests/torture/torture.py --seconds 1800 [--seed 7]

Everything random comes from the seed; when a run fails, the seed and the folder with all its state are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from checker import check_all_ended, check_submitted_once
from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider

FAULTS: list[dict[str, Any]] = [
    {"on": "submit", "do": "status", "status": 429, "headers": {"retry-after": "1"}},
    {"on": "submit", "do": "status", "status": 503},
    {"on": "submit", "do": "accept_then_cut"},
    {"on": "submit", "do": "accept_then_status", "status": 500},
    {"on": "submit", "do": "cut"},
    {"on": "submit", "do": "cut_early"},
    {"on": "submit", "do": "delay", "delay_s": 1.0},
    {"on": "poll", "do": "status", "status": 502, "body": "<html>bad gateway</html>"},
    {"on": "poll", "do": "cut_body"},
    {"on": "poll", "do": "answer", "body": "{not json"},
    {"on": "poll", "do": "delay", "delay_s": 0.5},
    {"on": "submit", "do": "job", "status": "failed", "message": "corrupted document"},
]

WORDS = ("invoice", "receipt", "letter", "contract", "Übersicht", "año 2026", "new\nline", "-dash", "a" * 200)


@dataclass
class Story:
    """What was done, for the report."""

    seed: int
    folder: Path
    dropped: list[bytes] = field(default_factory=list)
    daemon_kills: int = 0
    engine_kills: int = 0
    stops: int = 0
    faults: int = 0

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.dropped)} documents, {self.daemon_kills} kills of the daemon,"
            f" {self.engine_kills} of the engine, {self.stops} orderly stops, {self.faults} faults"
        )


def configuration(fake: FakeProvider) -> dict[str, Any]:
    """Most documents go to the scripted provider, one in ten to the real engine."""
    return {
        "providers": {
            "fake": {"dialect": "pulse", "url": fake.url, "idempotent": True},
            "engine": {"dialect": "pulse", "engine": "embedded"},
        },
        "rules": [
            {"name": "to the engine", "when": {"name": "engine*"}, "provider": "engine"},
            {"name": "in one call if small", "when": {"name": "letter*"}, "provider": "fake"},
            {"name": "to the fake", "provider": "fake", "mode": "async"},
        ],
        "shutdown_grace": "5s",
    }


def torture(folder: Path, seconds: float, seed: int) -> Story:
    """One run. Raises AssertionError when a promise is broken."""
    chance = random.Random(seed)
    story = Story(seed, folder)
    script = {"idempotent": True, "job_s": [0, 0.2, 1.5], "faults": []}
    with FakeProvider("pulse", script) as fake, Ferry(folder, configuration(fake)) as ferry:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            one_life(ferry, fake, story, chance)
        fake.script["faults"] = []
        print(f"{story}; working off the rest", flush=True)
        settle(ferry, story)
        (folder / "submissions.json").write_text(
            json.dumps(fake.stats())
        )  # what the provider counted, should a check fail
        check_all_ended(ferry, story.dropped)
        check_submitted_once(fake.stats())
    return story


def one_life(ferry: Ferry, fake: FakeProvider, story: Story, chance: random.Random) -> None:
    """Starts the daemon, keeps it busy for a moment, and ends it, mostly without warning."""
    deadly = {"DOCFERRY_FAILPOINT": f"*:{chance.randint(1, 400)}"} if chance.random() < 0.5 else {}
    ferry.start(deadly, ready=False)
    assert ferry.process is not None
    until = time.monotonic() + chance.uniform(1.0, 6.0)
    while time.monotonic() < until and ferry.process.poll() is None:
        act(ferry, fake, story, chance)
        time.sleep(chance.uniform(0.0, 0.1))
    if ferry.process.poll() is not None:
        assert ferry.process.returncode == -signal.SIGKILL, f"{story}: {ferry.log_text()}"
        story.daemon_kills += 1
    elif chance.random() < 0.2:
        code = ferry.stop()
        # SIGTERM: it was still being imported, and had nothing to stop.
        assert code in (0, -signal.SIGTERM) or (deadly and code == -signal.SIGKILL), f"{code}: {ferry.log_text()}"
        story.stops += 1
    else:
        ferry.kill()
        story.daemon_kills += 1


def act(ferry: Ferry, fake: FakeProvider, story: Story, chance: random.Random) -> None:
    """One of the things that happen to a daemon."""
    what = chance.random()
    if what < 0.7:
        drop(ferry, story, chance)
    elif what < 0.95:
        story.faults += 1
        fake.script["faults"] = [*fake.script["faults"][-5:], {**chance.choice(FAULTS), "tag": story.faults}]
    elif engine := engine_of(ferry):
        try:
            os.kill(engine, signal.SIGKILL)
            story.engine_kills += 1
        except ProcessLookupError:
            pass  # it was just ending by itself


def drop(ferry: Ferry, story: Story, chance: random.Random) -> None:
    """A new document, copied in slowly, at once, or by a rename from beside the inbox."""
    number = len(story.dropped)
    content = f"Document {number} of seed {story.seed}\n".encode() * chance.randint(1, 400)
    name = f"{chance.choice(['engine-', '', '', '', '', '', '', '', '', ''])}{chance.choice(WORDS)}-{number % 7}.txt"
    target = ferry.inbox / chance.choice(["", "sub", "deep/er"]) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # still waits there from the last life: a person would not overwrite it
        return
    if chance.random() < 0.5:
        beside = ferry.folder / f"beside-{number}"
        beside.write_bytes(content)
        beside.rename(target)
    else:
        target.write_bytes(content)
    story.dropped.append(content)


def engine_of(ferry: Ferry) -> int | None:
    """The process id of the embedded engine, the daemon's child that was started as one."""
    assert ferry.process is not None
    try:
        children = Path(f"/proc/{ferry.process.pid}/task/{ferry.process.pid}/children").read_text().split()
        for child in children:
            if b"docferry.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    except OSError:
        return None
    return None


def settle(ferry: Ferry, story: Story) -> None:
    """A last, quiet life: runs until every document has ended."""
    ferry.start(ready=False)

    def all_ended() -> bool:
        documents = ferry.documents()
        held = [document.id for document in documents if document.state == "held"]
        if held:
            ferry.command("retry", *held)
        return len(documents) >= len(story.dropped) and all(document.filed for document in documents)

    deadline_s = 300 + 0.5 * len(story.dropped)  # a long torture leaves a long backlog
    wait_for(all_ended, deadline_s=deadline_s, saying=lambda: f"{story}; {open_documents(ferry)}; {ferry.log_text()}")
    assert ferry.stop() == 0


def open_documents(ferry: Ferry) -> list[str]:
    return [f"{d.id} {d.state} {d.waits_for}" for d in ferry.documents() if not d.filed][:20]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(1, 1_000_000))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="docferry-torture-"))
    print(f"seed {given.seed}, state in {folder}", flush=True)
    story = torture(folder, given.seconds, given.seed)
    print(f"{story}\nlost 0, delivered twice 0, submitted twice 0")


if __name__ == "__main__":
    main()
