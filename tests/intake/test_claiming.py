"""The claim itself: one rename, whose outcome is known; and what a crash in the middle leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docferry.clock import SystemClock
from docferry.intake import Candidate, Claimed, EventKind, recover
from docferry.intake.claiming import Claimer
from docferry.intake.record import RECORD, parse
from docferry.intake.root import Home, Root
from docferry.intake.values import identity_of
from docferry.models import FileIdentity, new_id
from intake.station import PDF, Station, content_of, make_station, names_in

CLAIMER = Claimer("me", lambda: new_id(SystemClock().now()), SystemClock().now)


@contextmanager
def opened(folder: Path) -> Iterator[Root]:
    folder.mkdir(exist_ok=True)
    with Home(str(folder), None).open() as root:
        yield root


def candidate(folder: Path, path: str) -> Candidate:
    status = os.stat(folder / path, follow_symlinks=False)
    return Candidate("scans", path, str(folder / path), identity_of(status), seen_at=1.5)


def work_folders(inbox: Path) -> list[Path]:
    return [entry for entry in (inbox / ".docferry").iterdir() if entry.is_dir()]


def test_a_batch_is_moved_and_each_work_folder_says_whose_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as root:
        (tmp_path / "sub").mkdir()
        for path in ("a.pdf", "b.pdf", "sub/c.pdf"):
            (tmp_path / path).write_bytes(PDF)
        batch = CLAIMER.claim(root, [candidate(tmp_path, path) for path in ("a.pdf", "b.pdf", "sub/c.pdf")])
    assert (batch.refused, batch.error) == ([], None)
    assert {claimed.path for claimed in batch.claimed} == {"a.pdf", "b.pdf", "sub/c.pdf"}
    for claimed in batch.claimed:
        folder = Path(claimed.work_path).parent
        record = parse((folder / RECORD).read_bytes())[claimed.id]
        assert (record.path, record.owner, record.inbox, record.seen_at) == (claimed.path, "me", "scans", 1.5)
        assert content_of(claimed) == PDF
    assert names_in(tmp_path) == {"sub"}


def test_a_file_that_went_away_is_no_document_and_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as root:
        (tmp_path / "a.pdf").write_bytes(PDF)
        gone = candidate(tmp_path, "a.pdf")
        (tmp_path / "a.pdf").unlink()
        batch = CLAIMER.claim(root, [gone])
    assert batch.claimed == []
    assert [refused.error for refused in batch.refused] == [None]
    assert work_folders(tmp_path) == []


def test_a_folder_that_went_away_does_not_hold_up_the_others(tmp_path: Path) -> None:
    with opened(tmp_path) as root:
        for path in ("one/a.pdf", "two/b.pdf"):
            (tmp_path / path).parent.mkdir()
            (tmp_path / path).write_bytes(PDF)
        candidates = [candidate(tmp_path, path) for path in ("one/a.pdf", "two/b.pdf")]
        (tmp_path / "one" / "a.pdf").unlink()
        (tmp_path / "one").rmdir()
        batch = CLAIMER.claim(root, candidates)
    assert [claimed.path for claimed in batch.claimed] == ["two/b.pdf"]
    assert [refused.candidate.path for refused in batch.refused] == ["one/a.pdf"]
    assert len(work_folders(tmp_path)) == 1


def test_a_file_that_changed_since_it_was_judged_is_put_back(tmp_path: Path) -> None:
    """Row 19: the rename caught a version that nobody looked at."""
    with opened(tmp_path) as root:
        (tmp_path / "a.pdf").write_bytes(PDF)
        judged = candidate(tmp_path, "a.pdf")
        (tmp_path / "a.pdf").write_bytes(PDF + b"more")
        batch = CLAIMER.claim(root, [judged])
    assert batch.claimed == []
    assert (tmp_path / "a.pdf").read_bytes() == PDF + b"more"
    assert work_folders(tmp_path) == []


def test_a_link_swapped_in_since_it_was_judged_is_put_back_and_not_followed(tmp_path: Path) -> None:
    """Rows 18 and 26."""
    inbox = tmp_path / "inbox"
    (tmp_path / "secret").write_bytes(b"secret")
    with opened(inbox) as root:
        (inbox / "a.pdf").write_bytes(PDF)
        judged = candidate(inbox, "a.pdf")
        (inbox / "a.pdf").unlink()
        (inbox / "a.pdf").symlink_to(tmp_path / "secret")
        batch = CLAIMER.claim(root, [judged])
    assert batch.claimed == []
    assert (inbox / "a.pdf").is_symlink()
    assert work_folders(inbox) == []


def test_the_first_of_a_batch_may_be_refused_without_harm_to_the_others_records(tmp_path: Path) -> None:
    with opened(tmp_path) as root:
        for name in ("a.pdf", "b.pdf"):
            (tmp_path / name).write_bytes(PDF)
        candidates = [candidate(tmp_path, name) for name in ("a.pdf", "b.pdf")]
        (tmp_path / "a.pdf").unlink()
        batch = CLAIMER.claim(root, candidates)
    (claimed,) = batch.claimed
    assert claimed.id in parse((Path(claimed.work_path).parent / RECORD).read_bytes())


def test_two_daemons_on_one_inbox_share_the_documents(tmp_path: Path) -> None:
    """The rename decides who has a document."""
    first, second = make_station(tmp_path, owner="one"), make_station(tmp_path, owner="two")
    with first.running(), second.running():
        first.until_watching()
        second.until_watching()
        names = {f"f{number}.pdf" for number in range(200)}
        for name in names:
            first.drop(name)
        first.until(lambda: len(first.claimed) + len(second.claimed) == 200, "all claims")
        assert first.paths | second.paths == names
        assert first.paths & second.paths == set()


# What a crash leaves.


def kill_at(failpoint: str, inbox: Path, journal: Path) -> None:
    """Runs an inbox in a process that kills itself at the failpoint."""
    result = subprocess.run(
        [sys.executable, "-m", "intake.claim_process", str(inbox), str(journal)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "DOCFERRY_FAILPOINT": failpoint},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == -signal.SIGKILL, result.stdout + result.stderr


def entered(journal: Path) -> list[str]:
    return [json.loads(line)["id"] for line in journal.read_text().splitlines()] if journal.exists() else []


@pytest.mark.parametrize(
    "failpoint",
    [
        "intake.work-folder-made",
        "intake.work-folder-made:3",
        "intake.renamed",
        "intake.renamed:3",
        "intake.claims-synced",
    ],
)
def test_a_kill_in_the_middle_of_a_claim_loses_nothing_and_doubles_nothing(tmp_path: Path, failpoint: str) -> None:
    """Rows 31 and 32, as far as intake goes."""
    journal = tmp_path / "journal"
    (tmp_path / "inbox" / "sub").mkdir(parents=True)
    paths = {"a.pdf", "sub/b.pdf", "sub/c.pdf", "d.pdf"}
    for path in paths:
        (tmp_path / "inbox" / path).write_bytes(PDF + path.encode())
    kill_at(failpoint, tmp_path / "inbox", journal)
    known = entered(journal)
    station = make_station(tmp_path, owner="killed", known_ids=lambda ids: set(ids) & set(known))
    with station.running():
        station.until(lambda: len(known) + len(station.claimed) >= len(paths), "all documents")
        station.fence()
        fences = {path for path in station.paths if path.startswith("fence")}
        assert station.paths - fences == paths
        assert len(known) + len(station.claimed) == len(paths) + 1
        assert all(content_of(claimed) == PDF + claimed.path.encode() for claimed in station.claimed[:-1])
        assert names_in(station.path) == {"sub"}
        assert len(work_folders(station.path)) == len(station.claimed)


# Recovery.


def claim_one(inbox: Path, path: str = "sub/a.pdf", owner: str = "me") -> Claimed:
    (inbox / path).parent.mkdir(parents=True, exist_ok=True)
    (inbox / path).write_bytes(PDF)
    claimer = Claimer(owner, CLAIMER.new_id, CLAIMER.now)
    with opened(inbox) as root:
        return claimer.claim(root, [candidate(inbox, path)]).claimed[0]


def recovered(inbox: Path, known: set[str] | None = None, owner: str = "me", fresh_s: float = 60.0) -> list[Claimed]:
    return recover(Station(inbox.parent, path=inbox).config, known or set(), owner=owner, now=99.0, fresh_s=fresh_s)


def test_a_document_is_taken_up_again_from_its_work_folder(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    (again,) = recovered(tmp_path / "inbox")
    assert (again.id, again.path, again.work_path, again.seen_at) == (claimed.id, "sub/a.pdf", claimed.work_path, 1.5)
    assert again.identity == claimed.identity


def test_what_the_ledger_knows_and_what_another_daemon_claimed_is_left_alone(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    assert recovered(tmp_path / "inbox", {claimed.id}) == []
    assert recovered(tmp_path / "inbox", owner="another") == []
    assert Path(claimed.work_path).exists()


def test_stored_answers_are_not_taken_for_the_original(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    for name in ("0-extract.json", "zz.bin"):
        (Path(claimed.work_path).parent / name).write_bytes(b"{}")
    (again,) = recovered(tmp_path / "inbox")
    assert again.work_path == claimed.work_path


def test_a_work_folder_whose_original_never_came_is_removed(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    Path(claimed.work_path).unlink()
    assert recovered(tmp_path / "inbox") == []
    assert work_folders(tmp_path / "inbox") == []


def test_a_fresh_folder_without_a_record_is_somebodys_work_in_progress(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    (Path(claimed.work_path).parent / RECORD).unlink()
    assert recovered(tmp_path / "inbox") == []
    assert Path(claimed.work_path).exists()


@pytest.mark.parametrize("torn", [b"", b'{"version": 1, "docum'])
def test_a_torn_record_costs_only_the_folders_name(tmp_path: Path, torn: bytes) -> None:
    """Power failed between the rename and the ledger's commit."""
    claimed = claim_one(tmp_path / "inbox")
    folder = Path(claimed.work_path).parent
    (folder / RECORD).write_bytes(torn)
    (folder / ".docferry-1.tmp").write_bytes(b"half an answer")
    (again,) = recovered(tmp_path / "inbox", fresh_s=0.0)
    assert (again.id, again.path, again.work_path) == (claimed.id, "a.pdf", claimed.work_path)


def test_a_sidecar_that_a_crash_left_behind_is_brought_along(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox")
    (tmp_path / "inbox" / "sub" / "a.pdf.docferry.yaml").write_bytes(b"{}")
    recovered(tmp_path / "inbox")
    assert Path(claimed.work_path + ".docferry.yaml").exists()
    assert not (tmp_path / "inbox" / "sub" / "a.pdf.docferry.yaml").exists()


def test_the_same_name_dropped_again_keeps_its_own_sidecar(tmp_path: Path) -> None:
    claim_one(tmp_path / "inbox")
    (tmp_path / "inbox" / "sub" / "a.pdf").write_bytes(PDF)
    (tmp_path / "inbox" / "sub" / "a.pdf.docferry.yaml").write_bytes(b"{}")
    recovered(tmp_path / "inbox")
    assert (tmp_path / "inbox" / "sub" / "a.pdf.docferry.yaml").exists()


def test_an_inbox_that_comes_online_takes_up_what_was_forgotten(tmp_path: Path) -> None:
    claimed = claim_one(tmp_path / "inbox", owner="station")
    station = make_station(tmp_path, known_ids=lambda ids: set())
    with station.running():
        (again,) = station.until_claimed("sub/a.pdf")
        assert again.id == claimed.id
        station.until_event(EventKind.ADOPTED, "sub/a.pdf")


def test_what_a_crash_left_of_ended_documents_is_cleared_away_and_never_an_original(tmp_path: Path) -> None:
    ended = claim_one(tmp_path / "inbox")
    Path(ended.work_path).unlink()
    (Path(ended.work_path).parent / ".docferry.1-0-1.answer.json").write_bytes(b"{}")
    returned = claim_one(tmp_path / "inbox")  # was brought back by a person a moment ago
    probe = tmp_path / "inbox" / ".docferry" / "probe.0123"
    probe.mkdir()
    os.utime(probe, (0, 0))
    station = make_station(tmp_path, known_ids=set, finished_ids=set)
    with station.running():
        station.until(lambda: not Path(ended.work_path).parent.exists(), "cleared away")
        station.until(lambda: station.status.online, "online")
    assert content_of(returned) == PDF
    assert probe.exists(), "it may be another daemon's, which is just at it"


def test_ids_are_unique_however_fast_they_are_made() -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.extend(CLAIMER.new_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 2000


def test_an_identity_tells_versions_apart() -> None:
    """Row 21: the same inode number with other times is another file."""
    assert FileIdentity(1, 2, 3, 4, 5) != FileIdentity(1, 2, 3, 4, 6)
