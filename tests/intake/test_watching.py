"""Events are hints: lost, late, wrong or none at all, every file is found; and a blind watcher is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docferry.intake import EventKind, Watcher
from docferry.intake.values import Hint
from docferry.intake.watcher import OVERFLOW, Listener
from intake.namespaces import USER_LIMITS, alone
from intake.station import PDF, HandClock, Station, make_station

# As many as the kernel's queue holds, with two events for each file.
QUEUE = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.stop()


class Heard:
    """What one group was told."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, str, Hint]] = []
        self.doubts: list[str] = []
        self.arrived = threading.Event()

    def listener(self, wait: threading.Event | None = None) -> Listener:
        def on_hint(folder: str, name: str, hint: Hint) -> None:
            self.hints.append((folder, name, hint))
            if name == "fence" and hint is Hint.CLOSED:
                self.arrived.set()
            if wait is not None:
                wait.wait(60)

        return Listener(on_hint, self.doubts.append)


def watch(watcher: Watcher, folder: Path, listener: Listener) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        watcher.group(listener).watch("", fd)
    finally:
        os.close(fd)


def test_closing_creating_and_moving_in_are_heard(watcher: Watcher, tmp_path: Path) -> None:
    heard = Heard()
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "b").write_bytes(b"x")
    watch(watcher, inside, heard.listener())
    (inside / "a").write_bytes(b"x")
    (outside / "b").rename(inside / "b")
    (inside / "fence").write_bytes(b"")
    assert heard.arrived.wait(30)
    assert heard.hints[:3] == [("", "a", Hint.CREATED), ("", "a", Hint.CLOSED), ("", "b", Hint.MOVED_IN)]


def test_reading_and_moving_out_wake_nobody(watcher: Watcher, tmp_path: Path) -> None:
    """Rows 41 and 42: our own reading and our own claims are no news, and delay none."""
    heard = Heard()
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "a").write_bytes(b"x")
    (inside / "b").write_bytes(b"x")
    watch(watcher, inside, heard.listener())
    (inside / "a").read_bytes()
    os.listdir(inside)
    (inside / "a").rename(tmp_path / "a")
    (inside / "b").rename(inside / "sub" / "b")
    (inside / "fence").write_bytes(b"")
    assert heard.arrived.wait(30)
    assert [hint for hint in heard.hints if hint[1] != "fence"] == []


@pytest.mark.skipif(QUEUE > 65536, reason="this machine's event queue is too long to be filled in a test")
def test_an_overflow_of_the_kernels_queue_loses_no_file(watcher: Watcher, tmp_path: Path) -> None:
    """Row 1: while the reader is held up, more happens than the queue holds; there is no rescan to help."""
    held = threading.Event()
    blocker = Heard()
    (tmp_path / "blocked").mkdir()
    station = make_station(tmp_path, watcher=watcher)
    (station.path / "deep").mkdir()
    with station.running():
        station.until_watching()
        watch(watcher, tmp_path / "blocked", blocker.listener(held))
        (tmp_path / "blocked" / "x").touch()
        station.until(lambda: blocker.hints, "the reader is held up")
        count = QUEUE // 2 + 200
        for number in range(count):
            station.drop(f"{'deep/' if number % 2 else ''}f{number}.pdf")
        held.set()
        station.until(lambda: len(station.claimed) >= count, "all claims", 100)
        assert len(station.paths) == count
        station.until_event(EventKind.OVERFLOW)
        assert OVERFLOW in blocker.doubts


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_died_is_replaced_and_its_inboxes_look_again(watcher: Watcher, tmp_path: Path) -> None:
    """Row 7 of watchdog's list: an exception in a callback ends the thread for all inboxes."""

    def fails(folder: str, name: str, hint: Hint) -> None:
        sys.exit()  # ends the reader's thread as an exception does, without the noise of one

    station = make_station(tmp_path, watcher=watcher)
    (tmp_path / "poisoned").mkdir()
    with station.running():
        station.until_watching()
        generation = watcher.generation
        watch(watcher, tmp_path / "poisoned", Listener(fails, lambda reason: None))
        (tmp_path / "poisoned" / "x").touch()
        station.until(lambda: watcher.generation > generation, "a new reader")
        station.drop("a.pdf")
        station.until_claimed("a.pdf")
        station.until_watching()


def test_all_inboxes_share_one_inotify_instance_and_children_get_none(watcher: Watcher, tmp_path: Path) -> None:
    """Rows 3 and 43."""
    stations = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        stations.append(make_station(tmp_path / str(number), watcher=watcher))
    instances_before = _inotify_instances()
    with stations[0].running(), stations[1].running(), stations[2].running():
        for station in stations:
            station.until_watching()
        assert _inotify_instances() == instances_before + 1
        script = "import os; print(sum('inotify' in os.readlink(f'/proc/self/fd/{fd}') for fd in (3, 4, 5, 6, 7, 8, 9)"
        script += " if os.path.islink(f'/proc/self/fd/{fd}')))"
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
        assert child.stdout.strip() == "0"


def _inotify_instances() -> int:
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            count += "inotify" in os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue
    return count


def test_a_symlinked_root_is_watched_at_its_target(tmp_path: Path) -> None:
    """Row 8."""
    (tmp_path / "real").mkdir()
    (tmp_path / "inbox").symlink_to(tmp_path / "real")
    station = Station(tmp_path)
    with station.running():
        station.until_watching()
        station.drop("a.pdf")
        station.until_claimed("a.pdf")
        assert (tmp_path / "real" / ".docferry").is_dir()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "b.pdf").write_bytes(PDF)
        (tmp_path / "swap").symlink_to(tmp_path / "other")
        (tmp_path / "swap").rename(tmp_path / "inbox")
        station.until_claimed("b.pdf")


def test_a_root_that_is_deleted_and_made_anew_is_watched_again(tmp_path: Path) -> None:
    """Row 7: same place, same filesystem, so its marker is made anew."""
    station = make_station(tmp_path)
    with station.running():
        station.until_watching()
        marker_id = station.status.marker_id
        while station.path.exists():  # the inbox may put its marker back while it is being removed
            shutil.rmtree(station.path, ignore_errors=True)
        station.until(lambda: not station.status.online, "offline")
        assert not station.path.exists()
        station.path.mkdir()
        station.until(lambda: station.status.online, "online again")
        station.drop("a.pdf")
        station.until_claimed("a.pdf")
        assert station.status.marker_id == marker_id


def test_a_root_that_is_replaced_within_a_moment_is_noticed(tmp_path: Path) -> None:
    """Row 7: no event says that the watched folder is not the one at this path any more."""
    station = make_station(tmp_path)
    with station.running():
        station.until_events_alone()
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "a.pdf").write_bytes(PDF)
        station.path.rename(tmp_path / "old")
        (tmp_path / "new").rename(station.path)
        station.until_claimed("a.pdf")
        station.drop("b.pdf")
        station.until_claimed("b.pdf")
        (tmp_path / "old" / "c.pdf").write_bytes(PDF)
        station.fence()
        assert (tmp_path / "old" / "c.pdf").exists()


def test_a_root_that_is_renamed_is_offline_until_it_is_back(tmp_path: Path) -> None:
    """Row 7."""
    station = make_station(tmp_path)
    with station.running():
        station.until_watching()
        station.path.rename(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "a.pdf").write_bytes(PDF)
        station.until_event(EventKind.OFFLINE)
        assert station.claimed == []
        (tmp_path / "elsewhere").rename(station.path)
        station.until_claimed("a.pdf")


def test_another_folder_than_the_known_one_is_offline_until_a_person_says_it_is_right(tmp_path: Path) -> None:
    """Row 5: the marker is remembered over restarts."""
    station = make_station(tmp_path, marker_id="0123|nfs4|abc|/mnt/share")
    station.drop("a.pdf")
    with station.running():
        assert "another filesystem" in station.until_event(EventKind.OFFLINE).detail
        assert not (station.path / ".docferry").exists()
        (station.path / ".docferry").mkdir()
        (station.path / ".docferry" / "marker").touch()
        station.until_claimed("a.pdf")
        assert (station.status.marker_id or "").startswith("0123|ext") or station.status.marker_id != "0123"


def test_a_work_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    (tmp_path / "outside").mkdir()
    (station.path / ".docferry").symlink_to(tmp_path / "outside")
    station.drop("a.pdf")
    with station.running():
        assert "must be a folder" in station.until_event(EventKind.OFFLINE).detail
        assert os.listdir(tmp_path / "outside") == []


def test_polling_finds_files_without_any_event(tmp_path: Path) -> None:
    """Row 4: `watch: poll`, as on a network share."""
    station = make_station(tmp_path, watch="poll")
    (station.path / "sub").mkdir()
    with station.running():
        station.until(lambda: station.status.scanned_once, "scanned")
        station.drop("sub/a.pdf")
        station.until_claimed("sub/a.pdf")
        (station.path / "new").mkdir()
        station.drop("new/b.pdf")
        station.until_claimed("new/b.pdf")
        assert station.status.watching == "poll"
        assert station.watcher.generation == 0


def test_polling_lists_again_only_what_changed(tmp_path: Path) -> None:
    """Row 38: names appear in a folder that polling had stopped to list."""
    clock = HandClock()
    station = make_station(tmp_path, watch="poll", clock=clock)
    (station.path / "sub").mkdir()
    station.drop("sub/never.tmp")
    with station.running():
        station.until(lambda: station.status.scanned_once, "scanned")
        for _ in range(5):
            clock.advance(1.1)
            station.inbox.wake("sub")
        station.drop("sub/a.pdf")
        station.until_ticking(lambda: "sub/a.pdf" in station.paths, "the poll finds it")


def test_events_that_do_not_come_are_noticed_and_polled_for(watcher: Watcher, tmp_path: Path) -> None:
    """Rows 4 and 45: the canary is touched and nothing is heard of it, so nothing is believed of the silence."""
    clock = HandClock()
    station = make_station(tmp_path, watcher=watcher, clock=clock)
    held = threading.Event()
    blocker = Heard()
    (tmp_path / "blocked").mkdir()
    with station.running():
        station.until_watching()
        watch(watcher, tmp_path / "blocked", blocker.listener(held))
        (tmp_path / "blocked" / "x").touch()
        station.until(lambda: blocker.hints, "the reader is held up")
        station.until_ticking(lambda: station.status.events_proven is False, "noticed")
        station.until_event(EventKind.EVENTS_UNPROVEN)
        assert station.status.watching == "both"
        station.drop("a.pdf")
        station.until_ticking(lambda: "a.pdf" in station.paths, "the poll finds it")
        held.set()
        station.until_ticking(lambda: station.status.events_proven, "proven again")
        assert station.status.watching == "events"
        assert len(station.told(EventKind.EVENTS_UNPROVEN)) == 1


def in_fresh_folder(test: Callable[[Path], None]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="docferry-intake-"))
    try:
        test(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _limit(name: str, value: int) -> None:
    Path("/proc/sys/user", name).write_text(str(value))


@alone(*USER_LIMITS)
def test_too_few_watches_mean_polling_as_well_and_the_number_that_is_wanted() -> None:
    """Row 2."""

    def test(folder: Path) -> None:
        station = make_station(folder)
        for number in range(20):
            (station.path / f"sub{number}").mkdir()
        _limit("max_inotify_watches", 6)
        with station.running():
            told = station.until_event(EventKind.WATCH_LIMIT).detail
            assert "needs 22" in told
            assert "fs.inotify.max_user_watches" in told
            assert station.status.watching == "both"
            for number in range(20):
                station.drop(f"sub{number}/a.pdf")
            station.until_claimed(*(f"sub{number}/a.pdf" for number in range(20)))
            assert len(station.told(EventKind.WATCH_LIMIT)) == 1
            _limit("max_inotify_watches", 1000)
            station.inbox.wake(None)
            station.until(lambda: station.status.watching == "events", "watches for all")

    in_fresh_folder(test)


@alone(*USER_LIMITS)
def test_no_inotify_instance_means_polling() -> None:
    """Row 3."""

    def test(folder: Path) -> None:
        _limit("max_inotify_instances", 0)
        station = make_station(folder)
        with station.running():
            assert "max_user_instances" in station.until_event(EventKind.WATCH_LIMIT).detail
            station.drop("a.pdf")
            station.until_claimed("a.pdf")
            station.drop("b.pdf")
            station.until_claimed("b.pdf")
            assert station.status.watching == "poll"

    in_fresh_folder(test)
