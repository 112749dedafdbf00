"""Edits of the rules while the daemon runs, seen from outside."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import yaml

from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider

LETTER = b"A letter of the twelfth of May.\n"


def config(fake: FakeProvider, *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "providers": {"peer": {"dialect": "pulse", "url": fake.url}},
        "rules": [*rules, {"name": "all", "provider": "peer", "deliver": {"formats": ["markdown"]}}],
    }


def test_edit_takes_effect_and_a_broken_one_changes_nothing_and_is_shown(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, config(fake)).start() as ferry:
        ferry.config.write_text(ferry.config.read_text() + "nonsense: [\n")
        wait_for(lambda: "not used" in str(ferry.ask("status")["trouble"]), saying=ferry.log_text)
        ferry.drop(LETTER, "before.txt")
        ferry.wait_for_ended(1)
        ferry.write(config(fake, {"name": "letters", "when": {"name": "letter*"}, "provider": "peer"}))
        wait_for(lambda: not ferry.ask("status")["trouble"], saying=ferry.log_text)
        ferry.drop(LETTER, "letter.txt")
        documents = {document.path: document for document in ferry.wait_for_ended(2)}
    assert documents["before.txt"].plan is not None
    assert documents["letter.txt"].plan is not None
    assert documents["before.txt"].plan.rule == "all"
    assert documents["letter.txt"].plan.rule == "letters"
    assert documents["before.txt"].plan.rules_hash != documents["letter.txt"].plan.rules_hash


def test_sighup_reloads(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, config(fake)).start() as ferry:
        assert ferry.process is not None
        ferry.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration taken over" in ferry.log_text(), saying=ferry.log_text)


def test_ignored_file_stays_where_it_is_and_is_recorded_once(tmp_path: Path) -> None:
    rule = {"name": "leave drafts", "when": {"name": "draft*"}, "ignore": True}
    with FakeProvider("pulse", {}) as fake, Ferry(tmp_path, config(fake, rule), rescan="1s").start() as ferry:
        draft = ferry.drop(LETTER, "draft.txt")
        ferry.drop(LETTER * 2, "letter.txt")
        ferry.wait_for_ended(1)

        def recorded() -> list[dict[str, Any]]:
            return [event for event in ferry.events(None) if event["kind"] == "ignored"]

        wait_for(recorded, saying=ferry.log_text)
        ferry.drop(LETTER * 3, "another.txt")  # by then the inbox was looked through again
        ferry.wait_for_ended(2)
        assert draft.read_bytes() == LETTER
        assert len(recorded()) == 1
        assert {document.path for document in ferry.documents()} == {"letter.txt", "another.txt"}


def test_document_no_rule_takes_keeps_its_facts_for_a_replay(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, config(fake))
        values = yaml.safe_load(ferry.config.read_text())
        values["rules"][0]["when"] = {"type": "application/pdf"}
        ferry.config.write_text(yaml.safe_dump(values))
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 1
        [document] = ferry.documents()
        assert document.facts["type"] == "text/plain"
        values["rules"][0]["when"] = {"type": "text/plain"}
        ferry.config.write_text(yaml.safe_dump(values))
        replay = ferry.command("check", "--replay", "10")
    assert "letter.txt" in replay.stdout
