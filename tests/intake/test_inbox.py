"""What becomes of what people drop, in a real inbox with real events."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from docferry.errors import LedgerError
from docferry.intake import Candidate, EventKind
from intake.station import CUT_PDF, PDF, HandClock, Station, content_of, make_station, names_in


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path, settle=1, settle_max=60)


def test_a_closed_file_is_claimed_into_its_work_folder(station: Station) -> None:
    with station.running():
        station.until_watching()
        station.drop("a.pdf")
        (claimed,) = station.until_claimed("a.pdf")
        assert content_of(claimed) == PDF
        assert Path(claimed.work_path) == station.path / ".docferry" / claimed.id / "a.pdf"
        status = os.stat(claimed.work_path)
        assert (claimed.identity.inode, claimed.identity.size_bytes) == (status.st_ino, len(PDF))
        assert claimed.identity.ctime_ns == status.st_ctime_ns
        assert names_in(station.path) == set()
        assert station.status.watching == "events"


def test_files_that_were_there_before_are_claimed(station: Station) -> None:
    (station.path / "deep" / "er").mkdir(parents=True)
    station.drop("a.pdf")
    station.drop("deep/er/b.pdf")
    with station.running():
        station.until_claimed("a.pdf", "deep/er/b.pdf")
        assert station.status.directories == 3


def test_a_file_that_lies_there_since_before_the_start_is_not_made_to_settle_again(tmp_path: Path) -> None:
    """The filesystem's own clock says how long ago it changed; ours stands still in this test."""
    station = make_station(tmp_path, clock=HandClock(), settle=0.2)
    first, later = station.drop("a.txt", b"text"), tmp_path / "later"
    os.utime(first, (4_000_000_000, 4_000_000_000))  # mtimes have no say in it

    def is_aged() -> bool:
        later.write_bytes(b"")
        return os.stat(later).st_ctime_ns - os.stat(first).st_ctime_ns > 300_000_000

    station.until(is_aged, "the file is older than the settle time")
    with station.running():
        station.until_claimed("a.txt")


def test_sub_folders_stay_and_are_not_looked_into_when_the_inbox_is_flat(tmp_path: Path) -> None:
    station = make_station(tmp_path, recursive=False)
    (station.path / "sub").mkdir()
    station.drop("sub/inner.pdf")
    with station.running():
        station.until_watching()
        (station.path / "sub2").mkdir()
        station.drop("sub2/inner.pdf")
        station.fence()
        assert not {"sub/inner.pdf", "sub2/inner.pdf"} & station.paths


def test_folders_made_and_filled_at_once_are_found(station: Station) -> None:
    """Row 9: mkdir -p and a write before the kernel watches the new folder give no event of the file."""
    with station.running():
        station.until_events_alone()
        for number in range(20):
            (station.path / f"new{number}" / "a" / "b").mkdir(parents=True)
            station.drop(f"new{number}/a/b/x.pdf")
        station.until_claimed(*(f"new{number}/a/b/x.pdf" for number in range(20)))


def test_a_folder_that_is_moved_in_with_its_content_is_found(station: Station, tmp_path: Path) -> None:
    """Row 10."""
    outside = tmp_path / "outside" / "sub"
    outside.mkdir(parents=True)
    (outside / "x.pdf").write_bytes(PDF)
    (outside / "y.txt").write_bytes(b"text")
    with station.running():
        station.until_events_alone()
        outside.parent.rename(station.path / "moved")
        station.until_claimed("moved/sub/x.pdf", "moved/sub/y.txt")
        station.drop("moved/sub/z.pdf")
        station.until_claimed("moved/sub/z.pdf")


def test_a_file_that_is_moved_or_linked_in_is_found_without_any_close(station: Station, tmp_path: Path) -> None:
    """Row 11."""
    for name in ("moved.txt", "linked.pdf"):
        (tmp_path / name).write_bytes(PDF)
    with station.running():
        station.until_events_alone()
        (tmp_path / "moved.txt").rename(station.path / "moved.txt")
        os.link(tmp_path / "linked.pdf", station.path / "linked.pdf")
        station.until_claimed("moved.txt", "linked.pdf")


def test_a_file_that_is_being_written_is_not_touched(station: Station) -> None:
    """Rows 12 and 14: a slow writer, whose file even looks whole and old."""
    clock = HandClock()
    station = make_station(station.path.parent, clock=clock, settle=1)
    with station.running():
        station.until_watching()
        with (station.path / "slow.pdf").open("wb") as writer:
            writer.write(PDF)
            writer.flush()
            os.utime(writer.fileno(), (0, 0))
            station.look()
            station.until_waiting("slow.pdf", "open for writing")
            for _ in range(5):
                clock.advance(4.0)
                station.look()
            assert station.paths == set()
            writer.write(b"more\n%%EOF\n")
        (claimed,) = station.until_claimed("slow.pdf")
        assert content_of(claimed) == PDF + b"more\n%%EOF\n"


def test_a_scanner_that_reopens_its_file_for_each_page_is_waited_for(tmp_path: Path) -> None:
    """Row 12."""
    station = make_station(tmp_path)
    with station.running():
        station.until_watching()
        target = station.drop("scan.pdf", CUT_PDF)
        for page in range(3):
            station.until_waiting("scan.pdf", "its end")
            with target.open("ab") as writer:
                writer.write(b"page %d\n" % page)
            station.fence()
        with target.open("ab") as writer:
            writer.write(b"%%EOF\n")
        (claimed,) = station.until_claimed("scan.pdf")
        assert content_of(claimed).endswith(b"page 2\n%%EOF\n")


def test_a_writers_gap_is_learned_for_the_next_file(tmp_path: Path) -> None:
    """Row 12: what this inbox's writers did lately."""
    clock = HandClock()
    station = make_station(tmp_path, clock=clock)
    with station.running():
        station.until_watching()
        target = station.drop("first.pdf", CUT_PDF)
        station.until_waiting("first.pdf", "its end")
        station.fence()  # it may have been seen before it was closed
        clock.advance(3.0)
        with target.open("ab") as writer:
            writer.write(b"%%EOF\n")
        station.until_waiting("first.pdf", "4.5 s without a change")
        station.drop("second.pdf")
        station.until_waiting("second.pdf", "4.5 s without a change")
        clock.advance(4.6)
        station.until_claimed("first.pdf", "second.pdf")


def test_a_continuation_of_a_taken_file_teaches_too(tmp_path: Path) -> None:
    """Row 12: the first page was taken because it looked whole; the second comes under the same name."""
    clock = HandClock()
    station = make_station(tmp_path, clock=clock)
    with station.running():
        station.until_watching()
        station.drop("scan.pdf")
        station.until_claimed("scan.pdf")
        clock.advance(2.0)
        station.drop("scan.pdf", b"page two of a PDF, without its beginning\n%%EOF\n")
        station.until_waiting("scan.pdf", "3 s without a change")


def test_empty_and_preallocated_files_wait_and_are_given_up_with_a_reason(tmp_path: Path) -> None:
    """Row 13."""
    clock = HandClock()
    station = make_station(tmp_path, clock=clock, settle_max=60)
    with station.running():
        station.until_watching()
        station.drop("empty.pdf", b"")
        with (station.path / "sparse.pdf").open("wb") as writer:
            writer.truncate(1 << 20)
        station.until_waiting("empty.pdf", "content")
        station.until_waiting("sparse.pdf", "its end")
        for _ in range(13):
            clock.advance(4.9)
            station.look()
        empty, sparse = station.until_claimed("empty.pdf", "sparse.pdf")
        assert "empty" in (empty.problem or "")
        assert "cut off" in (sparse.problem or "")


def test_mtimes_of_the_past_and_the_future_change_nothing(tmp_path: Path) -> None:
    """Rows 14 and 15: cp -p, rsync -t, and a server whose clock is wrong."""
    station = make_station(tmp_path, clock=HandClock())
    for name, mtime in (("old.txt", 0), ("future.txt", 4_000_000_000)):
        os.utime(station.drop(name, b"text"), (mtime, mtime))
    with station.running():
        station.until(lambda: station.waits_for("old.txt") and station.waits_for("future.txt"), "both wait")
        assert isinstance(station.clock, HandClock)
        station.clock.advance(2.1)
        station.look()
        station.until_claimed("old.txt", "future.txt")


def test_how_old_a_file_is_says_the_filesystems_clock_and_not_ours(tmp_path: Path) -> None:
    """Row 15: our clock is the test's, years behind the one that stamps the files, then decades ahead of it."""
    (tmp_path / "behind").mkdir()
    behind = make_station(tmp_path / "behind", clock=HandClock(), settle="0.1s")
    file = behind.drop("old.txt", b"text")
    behind.until(lambda: time.time() - file.stat().st_ctime > 0.1, "old enough by the filesystem's clock")
    assert behind.clock.now() < file.stat().st_ctime
    with behind.running():
        behind.until_claimed("old.txt")
    (tmp_path / "ahead").mkdir()
    clock = HandClock()
    clock.advance(3e9)
    ahead = make_station(tmp_path / "ahead", clock=clock, settle="1h")
    ahead.drop("new.txt", b"text")
    with ahead.running():
        ahead.until_waiting("new.txt", "3600 s without a change")
        ahead.look()
        assert ahead.claimed == []


def test_an_editors_atomic_save_gives_one_whole_document(station: Station) -> None:
    """Row 18: the name changes its inode, and the temporary name is no document."""
    with station.running():
        station.until_watching()
        for number in range(50):
            temporary = station.drop(".report.pdf.AbC123", PDF + b"%d" % number)
            temporary.rename(station.path / "report.pdf")
        station.until(
            lambda: any(content_of(claimed) == PDF + b"49" for claimed in list(station.claimed)), "the last version"
        )
        assert station.paths == {"report.pdf"}


def test_hard_links_are_two_documents(station: Station) -> None:
    """Row 20: whether their content is the same is for the ledger to see."""
    station.drop("one.pdf")
    os.link(station.path / "one.pdf", station.path / "two.pdf")
    with station.running():
        one, two = station.until_claimed("one.pdf", "two.pdf")
        assert content_of(one) == content_of(two) == PDF
        assert one.id != two.id


def test_the_same_name_again_is_a_new_document(station: Station) -> None:
    """Row 22: a scanner's counter starts again."""
    with station.running():
        station.until_watching()
        for number in range(3):
            station.drop("scan0001.pdf", PDF + b"%d" % number)
            station.until(lambda wanted=number + 1: len(station.claimed) == wanted, "one more claim")  # type: ignore[misc]
        assert [content_of(claimed)[-1:] for claimed in station.claimed] == [b"0", b"1", b"2"]
        assert len({claimed.id for claimed in station.claimed}) == 3


NAMES = [
    b"\xff\xfe not utf-8.pdf",
    b"new\nline.pdf",
    b"tab\tand\x1bescape.pdf",
    b"n" * 251 + b".pdf",
    "\u00e9.pdf".encode(),
    "e\u0301.pdf".encode(),
    b"Case.pdf",
    b"case.pdf",
    b"trailing.pdf ",
    b"-rf",
    b"%00.pdf",
    b"$(reboot).pdf",
]


@pytest.mark.parametrize("already_there", [True, False])
def test_any_name_that_the_filesystem_allows_is_taken_as_it_is(tmp_path: Path, already_there: bool) -> None:
    """Rows 24 and 25."""
    station = make_station(tmp_path)
    files = [os.fsdecode(name) for name in NAMES]
    if already_there:
        for name in files:
            station.drop(name)
    with station.running():
        station.until_watching()
        if not already_there:
            for name in files:
                station.drop(name)
        for claimed in station.until_claimed(*files):
            assert os.fsencode(os.path.basename(claimed.work_path)) in NAMES
            assert content_of(claimed) == PDF


def test_what_is_no_file_is_never_opened_and_said_once(tmp_path: Path) -> None:
    """Row 26: opening the FIFO would hang this test; following the link would take what lies outside."""
    station = make_station(tmp_path, clock=HandClock())
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(PDF)
    os.mkfifo(station.path / "fifo")
    (station.path / "link.pdf").symlink_to(secret)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.pdf").write_bytes(PDF)
    (station.path / "linked folder").symlink_to(tmp_path / "elsewhere")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(station.path / "socket"))
    if os.geteuid() == 0:
        os.mknod(station.path / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    specials = names_in(station.path)
    with station.running():
        station.until_watching()
        for _ in range(3):
            station.look()
        station.fence()
        listener.close()
        for name in specials:
            assert len(station.told(EventKind.SPECIAL_FILE, name)) == 1, name
        assert names_in(station.path) == specials
        assert secret.exists()
        assert (tmp_path / "elsewhere" / "x.pdf").exists()


def test_a_folder_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    """Row 26: between an event in a folder and the look, the folder becomes a link to somewhere else."""
    station = make_station(tmp_path, clock=HandClock())
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.pdf").write_bytes(PDF)
    with station.running():
        station.until_watching()
        (station.path / "sub").symlink_to(outside)
        station.inbox.wake("sub")
        station.look()
        station.fence()
        assert (outside / "x.pdf").exists()
        assert "sub/x.pdf" not in station.paths


def test_thousands_of_files_come_in_batches_and_none_is_lost(tmp_path: Path) -> None:
    """Row 37."""
    station = make_station(tmp_path)
    names = {f"f{number}.pdf" for number in range(2000)}
    for name in names:
        station.drop(name)
    with station.running():
        station.until(lambda: len(station.claimed) == 2000, "all claims", 60)
        assert station.paths == names
        assert max(station.batches) <= 512
        assert station.batches[0] <= 32  # the first documents are under way at once
        assert all(station.in_bulk)
        station.until(lambda: not station.status.busy, "the end of the round")
        assert not station.inbox.claims_in_bulk
        station.fence()
        assert not station.in_bulk[-1], "a single file is no bulk"


def test_without_room_nothing_is_claimed_and_with_room_all_is(tmp_path: Path) -> None:
    """Rows 30 and 37: a full state disk or a full queue stops claiming; the files stay where they are."""
    station = make_station(tmp_path)
    station.room = False
    for number in range(50):
        station.drop(f"f{number}.pdf")
    with station.running():
        station.until(lambda: any("room" in file.waits_for for file in station.waiting), "a file waits for room")
        assert station.claimed == []
        assert len(names_in(station.path)) == 50
        station.room = True
        station.until(lambda: len(station.claimed) == 50, "all claims")


def test_what_the_ledger_could_not_take_is_handed_over_again(tmp_path: Path) -> None:
    """Row 30: the rename is done, the ledger's disk is full."""
    station = make_station(tmp_path)
    station.failure = LedgerError("the disk is full")
    with station.running():
        station.until_watching()
        station.drop("a.pdf")
        assert "the disk is full" in station.until_event(EventKind.HAND_OVER_FAILED).detail
        assert station.claimed == []
        station.failure = None
        station.inbox.wake(None)
        station.until_claimed("a.pdf")
        station.fence()
        assert [claimed.path for claimed in station.claimed].count("a.pdf") == 1


def test_a_failure_of_ours_is_told_and_survived(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.failure = ZeroDivisionError("a defect")
    with station.running():
        station.until_watching()
        station.drop("a.pdf")
        assert "ZeroDivisionError" in station.until_event(EventKind.FAILED).detail
        station.failure = None
        station.inbox.wake(None)
        station.until_claimed("a.pdf")


def test_a_done_file_completes_its_document_and_goes_with_it(tmp_path: Path) -> None:
    station = make_station(tmp_path, done_file=True)
    with station.running():
        station.until_watching()
        station.drop("a.pdf", CUT_PDF)
        station.until_waiting("a.pdf", "NAME.done")
        station.drop("a.pdf.done", b"")
        (claimed,) = station.until_claimed("a.pdf")
        assert claimed.problem is None
        assert os.path.exists(claimed.work_path + ".done")
        assert names_in(station.path) == set()


def test_a_sidecar_travels_with_its_document(tmp_path: Path) -> None:
    station = make_station(tmp_path, sidecar=["required", "options.pages"])
    with station.running():
        station.until_watching()
        station.drop("a.pdf")
        station.until_waiting("a.pdf", "its sidecar")
        station.drop("a.pdf.docferry.yaml", b"options: {pages: 1}\n")
        (claimed,) = station.until_claimed("a.pdf")
        assert Path(claimed.work_path + ".docferry.yaml").read_bytes() == b"options: {pages: 1}\n"
        assert names_in(station.path) == set()


def test_a_sidecar_is_never_a_document_and_refused_once_where_it_is_not_allowed(tmp_path: Path) -> None:
    station = make_station(tmp_path, clock=HandClock())
    station.drop("a.pdf.docferry.yaml", b"provider: other\n")
    with station.running():
        station.until_event(EventKind.SIDECAR_REFUSED, "a.pdf.docferry.yaml")
        station.drop("a.pdf")
        (claimed,) = station.until_claimed("a.pdf")
        station.look()
        assert len(station.told(EventKind.SIDECAR_REFUSED, "a.pdf.docferry.yaml")) == 1
        assert not os.path.exists(claimed.work_path + ".docferry.yaml")
        assert station.paths == {"a.pdf"}


def test_a_file_that_no_rule_wants_stays_and_is_asked_about_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def wants(candidate: Candidate) -> bool:
        asked.append(candidate.path)
        return not candidate.path.endswith(".txt")

    clock = HandClock()
    station = make_station(tmp_path, clock=clock, pre_route=wants)
    with station.running():
        station.until_watching()
        station.drop("note.txt", b"text")
        station.drop("a.pdf")
        station.until_claimed("a.pdf")
        station.look()
        station.look()
        assert asked.count("note.txt") == 1
        assert names_in(station.path) == {"note.txt"}
        station.drop("note.txt", b"another text")
        station.until(lambda: asked.count("note.txt") == 2, "asked about the new version")
        station.inbox.rules_changed()
        station.until_waiting("note.txt", "without a change")
        clock.advance(2.1)
        station.look()
        station.until(lambda: asked.count("note.txt") == 3, "asked again under new rules")


def test_files_that_must_stay_are_handed_over_where_they_lie(tmp_path: Path) -> None:
    remembered: set[object] = set()
    station = make_station(
        tmp_path, clock=HandClock(), claim="leave", known=lambda identity, path: (identity, path) in remembered
    )
    station.drop("known.pdf")
    status = os.stat(station.path / "known.pdf")
    with station.running():
        station.until_watching()
        first, second = station.until_claimed("known.pdf", *[]), station.drop("a.pdf")
        (claimed,) = station.until_claimed("a.pdf")
        assert claimed.work_path == str(second)
        assert first[0].identity.inode == status.st_ino
        station.look()
        station.look()
        assert len(station.claimed) == 2
        second.write_bytes(PDF + b"changed")
        station.until(lambda: len(station.claimed) == 3, "the new version")
    remembered.update((claimed.identity, claimed.path) for claimed in station.claimed)
    again = make_station(
        tmp_path, clock=HandClock(), claim="leave", known=lambda identity, path: (identity, path) in remembered
    )
    with again.running():
        again.until_watching()
        again.look()
        assert again.claimed == []


def test_files_that_go_away_are_forgotten(station: Station) -> None:
    with station.running():
        station.until_watching()
        target = station.drop("cut.pdf", CUT_PDF)
        station.until_waiting("cut.pdf", "its end")
        target.unlink()
        station.inbox.wake(None)
        station.until(lambda: station.status.waiting_count == 0, "forgotten")


def test_moves_inside_the_inbox_are_followed(station: Station) -> None:
    """Row 40: a watch on a folder that was renamed speaks under the new name."""
    (station.path / "before").mkdir()
    with station.running():
        station.until_watching()
        (station.path / "before").rename(station.path / "after")
        station.drop("after/x.pdf")
        station.until_claimed("after/x.pdf")
        (station.path / "after").rename(station.path.parent / "outside")
        (station.path.parent / "outside" / "y.pdf").write_bytes(PDF)
        station.fence()
        assert "after/y.pdf" not in station.paths
        assert (station.path.parent / "outside" / "y.pdf").exists()


def test_sleep_counts_for_no_quiet_time(tmp_path: Path) -> None:
    """Row 44: the machine was suspended, and the writer with it."""
    clock = HandClock()
    station = make_station(tmp_path, clock=clock)
    with station.running():
        station.until_watching()
        os.link(station.drop(".x.docferry.AbC123", b"text"), station.path / "text.txt")  # a name, and no close
        station.until_waiting("text.txt", "2 s without a change")
        clock.advance(8 * 3600.0)
        station.look()
        assert station.waits_for("text.txt") == "2 s without a change"
        assert station.claimed == []
        clock.advance(2.1)
        station.look()
        station.until_claimed("text.txt")


def test_stopping_is_quick_and_final(station: Station) -> None:
    with station.running():
        station.until_watching()
    station.drop("late.pdf")
    assert not any(thread.name.startswith("inbox-") and thread.is_alive() for thread in threading.enumerate())
    assert station.claimed == []


def test_the_inbox_waits_for_its_folder(tmp_path: Path) -> None:
    station = Station(tmp_path)
    with station.running():
        assert "missing" in station.until_event(EventKind.OFFLINE).detail
        assert not station.path.exists()
        shutil.copytree(Path(__file__).parent, station.path, ignore=lambda *_: os.listdir(Path(__file__).parent))
        station.until_event(EventKind.ONLINE)
        station.drop("a.pdf")
        station.until_claimed("a.pdf")
