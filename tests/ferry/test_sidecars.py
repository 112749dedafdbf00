"""Sidecars through the whole daemon, and a provider that refuses a type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commands import docferry
from daemons import Ferry, wait_for
from peers.fake_provider import FakeProvider

LETTER = b"A letter of the twelfth of May.\n"


def config(fake: FakeProvider) -> dict[str, Any]:
    return {
        "providers": {"peer": {"dialect": "pulse", "url": fake.url}},
        "rules": [{"name": "all", "provider": "peer", "deliver": {"formats": ["markdown"]}}],
    }


def test_sidecar_sets_what_the_inbox_allows(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, config(fake), sidecar=["options.pages", "deliver.formats"])
        ferry.drop(b"options: {pages: '1-2'}\ndeliver: {formats: [json]}\n", "letter.txt.docferry.yaml")
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        [submission] = fake.accepted()
    assert submission.fields["pages"] == "1-2"
    assert (ferry.outbox / "letter.txt.json").exists()
    assert not (ferry.outbox / "letter.txt.md").exists()


def test_bad_sidecar_fails_its_document_with_the_reason(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, config(fake), sidecar=["options.pages"])
        ferry.drop(b"options: {model: pulse-ultra-2}\n", "letter.txt.docferry.yaml")
        ferry.drop(LETTER, "letter.txt")
        ferry.drop(LETTER * 2, "other.txt")
        assert ferry.run_once().returncode == 1
        assert len(fake.accepted()) == 1
    error = json.loads((ferry.failed / "letter.txt.error.json").read_text())
    assert "model" in error["why"]
    assert (ferry.archive / "other.txt").exists()
    assert (ferry.failed / "letter.txt.docferry.yaml").read_bytes() == b"options: {model: pulse-ultra-2}\n"


def test_document_that_is_done_again_keeps_its_sidecar(tmp_path: Path) -> None:
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(tmp_path, config(fake), sidecar=["options.pages", "required"])
        ferry.drop(b"options: {pages: '1-2'}\n", "letter.txt.docferry.yaml")
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert (ferry.archive / "letter.txt.docferry.yaml").exists()
        [document] = ferry.documents()
        assert docferry("retry", "-c", ferry.config, document.id).returncode == 0
        assert not (ferry.archive / "letter.txt.docferry.yaml").exists()
        assert ferry.run_once().returncode == 0
        assert [submission.fields["pages"] for submission in fake.accepted()] == ["1-2", "1-2"]
    assert ferry.ask("audit", "--deep")["ok"]


def test_document_waits_for_a_sidecar_that_is_required(tmp_path: Path) -> None:
    with (
        FakeProvider("pulse", {}) as fake,
        Ferry(tmp_path, config(fake), sidecar=["options.pages", "required"]).start() as ferry,
    ):
        ferry.drop(LETTER, "letter.txt")
        waiting = wait_for(lambda: ferry.ask("status")["inboxes"][0]["waiting_files"], saying=ferry.log_text)
        assert "sidecar" in waiting[0]["waits_for"] or "docferry.yaml" in waiting[0]["waits_for"]
        assert ferry.documents() == []
        ferry.drop(b"options: {pages: '1'}\n", "letter.txt.docferry.yaml")
        assert [document.state for document in ferry.wait_for_ended(1)] == ["delivered"]


def test_provider_that_refuses_a_type_hands_over_to_the_fallback(tmp_path: Path) -> None:
    refuses = {"on": "submit", "do": "status", "status": 400, "times": 0}
    refuses["body"] = {"error": {"code": "FILE_001", "message": "unsupported type"}}
    with FakeProvider("pulse", {"faults": [refuses]}) as picky, FakeProvider("pulse", {}) as fake:
        providers = {"picky": {"dialect": "pulse", "url": picky.url}, "peer": {"dialect": "pulse", "url": fake.url}}
        rule = {"name": "all", "provider": "picky", "fallback": {"provider": "peer", "after": "1h"}}
        ferry = Ferry(tmp_path, {"providers": providers, "rules": [rule]})
        ferry.drop(LETTER, "letter.txt")
        assert ferry.run_once().returncode == 0
        assert len(fake.accepted()) == 1
    [receipt] = ferry.receipts().values()
    assert any("instead of picky" in warning for warning in receipt["warnings"])
