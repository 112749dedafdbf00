"""Every sample goes in, its data comes out; what cannot be read fails where a person sees why."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from daemons import SAMPLES, Ferry

TRUTH = json.loads((SAMPLES.parent.parent / "tests" / "corpus" / "truth.json").read_text())
GOOD = sorted(path for path in SAMPLES.iterdir() if path.is_file())
BAD = sorted((SAMPLES / "bad").iterdir())


@pytest.fixture(scope="module")
def worked_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ferry, int]:
    """All samples, in a sub-folder each second one, worked off by ``run --once``; with its exit code."""
    ferry = Ferry(tmp_path_factory.mktemp("samples"))
    for number, sample in enumerate(GOOD):
        ferry.drop(sample, f"year 2026/Q{number}/{sample.name}" if number % 2 else sample.name)
    shutil.copytree(SAMPLES / "bad", ferry.inbox / "bad")
    done = ferry.run_once()
    assert done.returncode in (0, 1), done.stderr
    return ferry, done.returncode


def where(ferry: Ferry, name: str) -> str:
    """The path below the inbox that a sample was dropped under."""
    document = next(document for document in ferry.documents() if document.path.endswith(name))
    return document.path


@pytest.mark.parametrize("sample", GOOD, ids=lambda path: path.name)
def test_sample_is_delivered_with_its_real_text(worked_off: tuple[Ferry, int], sample: Path) -> None:
    ferry, _ = worked_off
    path = where(ferry, sample.name)
    markdown = (ferry.outbox / f"{path}.md").read_text()
    for phrase in TRUTH[sample.name]:
        assert phrase in markdown
    content = json.loads((ferry.outbox / f"{path}.json").read_text())
    assert content


@pytest.mark.parametrize("sample", GOOD, ids=lambda path: path.name)
def test_receipt_names_the_whole_set_and_the_original(worked_off: tuple[Ferry, int], sample: Path) -> None:
    ferry, _ = worked_off
    path = where(ferry, sample.name)
    receipt = json.loads((ferry.outbox / f"{path}.receipt.json").read_text())
    assert receipt["sha256"] == hashlib.sha256(sample.read_bytes()).hexdigest()
    assert {output["format"] for output in receipt["outputs"]} == {"markdown", "json"}
    for output in receipt["outputs"]:
        written = (ferry.outbox / path).parent / output["name"]
        assert hashlib.sha256(written.read_bytes()).hexdigest() == output["sha256"]
        assert written.stat().st_mtime_ns <= (ferry.outbox / f"{path}.receipt.json").stat().st_mtime_ns


@pytest.mark.parametrize("sample", GOOD, ids=lambda path: path.name)
def test_original_is_in_the_archive_unchanged(worked_off: tuple[Ferry, int], sample: Path) -> None:
    ferry, _ = worked_off
    assert (ferry.archive / where(ferry, sample.name)).read_bytes() == sample.read_bytes()


@pytest.mark.parametrize("sample", BAD, ids=lambda path: path.name)
def test_unreadable_file_fails_with_a_reason_beside_it(worked_off: tuple[Ferry, int], sample: Path) -> None:
    ferry, _ = worked_off
    original = ferry.failed / "bad" / sample.name
    assert original.read_bytes() == sample.read_bytes()
    error = json.loads(original.with_name(original.name + ".error.json").read_text())
    assert error["why"]
    assert "docferry retry" in error["how_to_retry"]
    assert not list(ferry.outbox.rglob(f"{sample.name}*"))


def test_exit_code_says_that_something_failed(worked_off: tuple[Ferry, int]) -> None:
    assert worked_off[1] == 1


def test_nothing_is_left_in_the_inbox(worked_off: tuple[Ferry, int]) -> None:
    ferry, _ = worked_off
    left = [path for path in ferry.inbox.rglob("*") if path.is_file() and ".docferry" not in path.parts]
    assert left == []
    assert all(document.filed for document in ferry.documents())


def test_audit_finds_nothing_missing(worked_off: tuple[Ferry, int]) -> None:
    ferry, _ = worked_off
    report = ferry.ask("audit", "--deep")
    assert report["findings"] == []
    assert report["documents"] == len(GOOD) + len(BAD)


def test_exit_code_is_zero_when_all_is_delivered(tmp_path: Path) -> None:
    ferry = Ferry(tmp_path)
    ferry.drop(SAMPLES / "notes.txt")
    assert ferry.run_once().returncode == 0
    assert ferry.run_once().returncode == 0  # nothing to do
