"""Inboxes on filesystems that vanish, fill up, freeze or lose power; each in namespaces of its own."""

from __future__ import annotations

import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docferry.clock import SystemClock
from docferry.intake import Candidate, EventKind
from docferry.intake.claiming import Claimer
from docferry.intake.record import RECORD, parse
from docferry.intake.root import Home
from docferry.intake.values import identity_of
from docferry.models import new_id
from intake.namespaces import MOUNTS, alone, image, mount_loop, sh, umount
from intake.station import PDF, HandClock, Station, content_of, make_station, names_in

NOBODY = 65534
_SHUTDOWN = 0x8004587D  # ext4's and xfs's own, as a disk's sudden end
_WITHOUT_FLUSH = 2


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that anybody may enter; what is mounted in it goes with this process's namespace."""
    path = Path(tempfile.mkdtemp(prefix="docferry-intake-"))
    path.chmod(0o755)
    yield path


def tmpfs(where: Path, options: str = "size=8m") -> None:
    sh("mount", "-t", "tmpfs", "-o", options, "none", where)


def cut_power(where: Path) -> None:
    """The filesystem stops as if the power had gone: what was not synced is lost."""
    fd = os.open(where, os.O_RDONLY)
    fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
    os.close(fd)


def become_nobody() -> None:
    """This process gives up root for good; it is ours alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


@alone(*MOUNTS)
def test_an_unmounted_inbox_is_offline_and_comes_back_with_what_is_new() -> None:
    """Row 5: nothing of ours keeps the share busy, nothing is written beneath its mount point."""
    with folder() as here:
        station = make_station(here)
        disk = image(here, "ext4", 16)
        mount_loop(disk, station.path)
        with station.running():
            station.until_watching()
            station.drop("a.pdf")
            station.until_claimed("a.pdf")
            umount(station.path)
            station.until(lambda: "another filesystem" in (station.status.reason or ""), "the reason")
            station.drop("beneath.pdf")
            (here / "elsewhere").mkdir()
            mount_loop(disk, here / "elsewhere")
            (here / "elsewhere" / "b.pdf").write_bytes(PDF)
            sh("umount", here / "elsewhere")
            assert os.listdir(station.path) == ["beneath.pdf"]
            mount_loop(disk, station.path)
            station.until_claimed("b.pdf")
            station.until_watching()
            station.drop("c.pdf")
            station.until_claimed("c.pdf")
            assert "beneath.pdf" not in station.paths
            assert station.status.watching == "events"


@alone(*MOUNTS)
def test_a_restart_while_the_share_is_away_concludes_nothing() -> None:
    """Row 5: the marker is remembered, so the empty mount point is not taken for the inbox."""
    with folder() as here:
        first = make_station(here)
        disk = image(here, "ext4", 16)
        mount_loop(disk, first.path)
        with first.running():
            first.until_watching()
        marker_id = first.status.marker_id
        umount(first.path)
        second = Station(here, marker_id=marker_id)
        with second.running():
            assert "another filesystem" in second.until_event(EventKind.OFFLINE).detail
            assert os.listdir(second.path) == []
            mount_loop(disk, second.path)
            second.until_watching()
            assert second.status.marker_id == marker_id


@alone(*MOUNTS)
def test_a_share_mounted_over_the_watched_folder_is_noticed() -> None:
    """Row 6: the watches hang on the folder beneath."""
    with folder() as here:
        station = make_station(here)
        with station.running():
            station.until_watching()
            tmpfs(station.path)
            station.drop("strange.pdf")
            station.until(lambda: not station.status.online, "offline")
            assert os.listdir(station.path) == ["strange.pdf"]
            umount(station.path)
            station.until(lambda: station.status.online, "online again")
            station.drop("a.pdf")
            station.until_claimed("a.pdf")
            assert "strange.pdf" not in station.paths


@alone(*MOUNTS)
def test_a_replica_mounted_over_the_inbox_is_watched_in_its_place() -> None:
    """Row 6: the same marker on another folder, as after a failover; nothing but its identity tells."""
    with folder() as here:
        station = make_station(here)
        with station.running():
            station.until_events_alone()
            sh("cp", "-a", station.path, here / "replica")
            sh("mount", "--bind", here / "replica", station.path)
            station.drop("a.pdf")
            station.until_claimed("a.pdf")
            station.drop("b.pdf")
            station.until_claimed("b.pdf")
            assert "a.pdf" in {path.name for path in (here / "replica" / ".docferry").rglob("*.pdf")}


@alone(*MOUNTS)
def test_a_disk_that_fails_parks_the_inbox_until_it_works_again() -> None:
    """Row 5: EIO, as from a disk that was pulled out."""
    with folder() as here:
        station = make_station(here)
        disk = image(here, "ext4", 16)
        mount_loop(disk, station.path)
        with station.running():
            station.until_watching()
            station.drop("a.pdf")
            station.until_claimed("a.pdf")
            cut_power(station.path)
            station.until(lambda: not station.status.online, "offline")
            umount(station.path)
            mount_loop(disk, station.path)
            station.until(lambda: station.status.online, "online again")
            station.drop("b.pdf")
            station.until_claimed("b.pdf")


@alone(*MOUNTS)
def test_a_read_only_inbox_is_parked_and_goes_on_by_itself() -> None:
    """Row 29."""
    with folder() as here:
        station = make_station(here, clock=HandClock())
        tmpfs(station.path)
        with station.running():
            station.until_watching()
            station.room = False
            station.drop("a.pdf")
            station.until_waiting("a.pdf", "room")
            sh("mount", "-o", "remount,ro", station.path)
            station.room = True
            station.until_ticking(lambda: "read-only" in (station.status.reason or ""), "parked")
            station.some_rounds()
            assert len(station.told(EventKind.OFFLINE)) == 1  # said once, not at every try
            assert names_in(station.path) == {"a.pdf"}
            sh("mount", "-o", "remount,rw", station.path)
            station.until_claimed("a.pdf")


@alone(*MOUNTS)
def test_a_full_inbox_disk_parks_the_inbox_and_nothing_is_half_claimed() -> None:
    """Row 29."""
    with folder() as here:
        station = make_station(here, clock=HandClock())
        tmpfs(station.path, "size=256k")
        with station.running():
            station.until_watching()
            station.room = False
            station.drop("a.pdf")
            station.until_waiting("a.pdf", "room")
            ballast = station.path / "ballast.part"
            with pytest.raises(OSError, match="No space"):
                ballast.write_bytes(bytes(1 << 20))
            station.room = True
            station.until_ticking(lambda: "full" in (station.status.reason or ""), "parked")
            station.some_rounds()
            assert len(station.told(EventKind.OFFLINE)) == 1  # said once, not at every try
            assert names_in(station.path) == {"a.pdf", "ballast.part"}
            assert not [entry for entry in os.listdir(station.path / ".docferry") if len(entry) == 16]
            ballast.unlink()
            (claimed,) = station.until_claimed("a.pdf")
            assert content_of(claimed) == PDF


@alone(*MOUNTS)
def test_an_inbox_that_hangs_holds_up_nobody_else_and_can_be_left_behind() -> None:
    """Row 39: every write to a frozen filesystem waits, as on a share whose server does not answer."""
    with folder() as here:
        (here / "hung").mkdir()
        (here / "fine").mkdir()
        clock = HandClock()
        hung = make_station(here / "hung", clock=clock)
        disk = image(here, "ext4", 16)
        mount_loop(disk, hung.path)
        fine = make_station(here / "fine", watcher=hung.watcher)
        with hung.running(), fine.running():
            hung.until_watching()
            fine.until_watching()
            hung.room = False
            hung.drop("a.pdf")
            hung.until_waiting("a.pdf", "room")
            sh("fsfreeze", "-f", hung.path)
            try:
                hung.room = True
                hung.inbox.wake(None)
                clock.advance(2.0)
                hung.until_ticking(lambda: hung.status.hung_since, "hung")
                for number in range(5):
                    fine.drop(f"{number}.pdf")
                    fine.until_claimed(f"{number}.pdf")
                hung.inbox.stop()
                assert hung.claimed == []
            finally:
                sh("fsfreeze", "-u", hung.path)
            # The abandoned thread may be moving it just now.
            hung.until(lambda: [path.read_bytes() for path in hung.path.rglob("a.pdf")] == [PDF], "there once")


@alone(*MOUNTS)
def test_another_filesystem_inside_the_inbox_is_told_and_left_alone() -> None:
    """Row 34: a rename cannot take a file from there."""
    with folder() as here:
        station = make_station(here)
        for name in ("disk", "bound"):
            (station.path / name).mkdir()
        (here / "other").mkdir()
        tmpfs(station.path / "disk")
        sh("mount", "--bind", here / "other", station.path / "bound")
        station.drop("disk/a.pdf")
        station.drop("bound/b.pdf")
        with station.running():
            station.until_event(EventKind.OTHER_FILESYSTEM, "disk")
            station.until_event(EventKind.OTHER_FILESYSTEM, "bound/b.pdf")
            station.until_waiting("disk", "another filesystem")
            station.until_waiting("bound/b.pdf", "another mount")
            station.fence()
            assert (station.path / "disk" / "a.pdf").exists()
            assert (station.path / "bound" / "b.pdf").exists()
            assert not [claimed for claimed in station.claimed if "fence" not in claimed.path]


@alone(*MOUNTS)
def test_an_inbox_mounted_into_itself_is_walked_once() -> None:
    """Row 36: a bind mount that would make the walk endless."""
    with folder() as here:
        station = make_station(here)
        (station.path / "loop").mkdir()
        sh("mount", "--bind", station.path, station.path / "loop")
        with station.running():
            station.until_watching()
            station.fence()
            assert station.status.directories == 1


@alone(*MOUNTS)
def test_changes_behind_a_mount_give_no_event_and_are_polled() -> None:
    """Rows 4 and 45: somebody writes to the layer beneath an overlay, as a server does to its share."""
    with folder() as here:
        tmpfs(here)
        for name in ("lower", "upper", "work", "inbox"):
            (here / name).mkdir()
        options = f"lowerdir={here}/lower,upperdir={here}/upper,workdir={here}/work"
        sh("mount", "-t", "overlay", "overlay", "-o", options, here / "inbox")
        station = Station(here, watch="poll")
        with station.running():
            station.until(lambda: station.status.scanned_once, "scanned")
            (here / "upper" / "a.pdf").write_bytes(PDF)
            station.until_claimed("a.pdf")


@alone(*MOUNTS)
def test_an_unreadable_file_is_told_and_taken_once_it_may_be_read() -> None:
    """Row 27: nothing happens, for ever, and nobody says why."""
    with folder() as here:
        clock = HandClock()
        station = make_station(here, clock=clock)
        (station.path / "closed").mkdir()
        os.chown(station.path, NOBODY, NOBODY)
        os.chown(station.path / "closed", NOBODY, NOBODY)
        become_nobody()
        station.drop("private.pdf").chmod(0)
        (station.path / "closed").chmod(0)
        with station.running():
            station.until_watching()
            assert "may not read" in station.until_event(EventKind.UNREADABLE, "private.pdf").detail
            station.until_event(EventKind.UNREADABLE, "closed")
            station.until_waiting("private.pdf", "permission")
            station.until_waiting("closed", "may not open")
            station.fence()
            station.look()
            (station.path / "private.pdf").chmod(0o600)
            clock.advance(5.1)
            station.inbox.wake(None)
            station.until_claimed("private.pdf")
            assert len(station.told(EventKind.UNREADABLE, "private.pdf")) == 1
            assert len(station.told(EventKind.UNREADABLE, "closed")) == 1


@alone(*MOUNTS)
def test_a_file_in_a_sticky_folder_is_told_and_stays() -> None:
    """Row 28: readable, and not ours to move."""
    with folder() as here:
        station = make_station(here)
        station.path.chmod(0o1777)
        station.drop("theirs.pdf").chmod(0o644)
        become_nobody()
        with station.running():
            station.until_watching()
            told = station.until_event(EventKind.NOT_MOVABLE, "theirs.pdf").detail
            assert "claim: leave" in told
            station.fence()
            station.until_waiting("theirs.pdf", "may not move")
            assert names_in(station.path) == {"theirs.pdf"}
            folders = [name for name in os.listdir(station.path / ".docferry") if len(name) == 16]
            assert len(folders) == len(station.claimed)  # nothing is left of the tries
            assert len(station.told(EventKind.NOT_MOVABLE, "theirs.pdf")) == 1


@alone(*MOUNTS)
def test_files_may_stay_on_a_share_where_nothing_may_be_written() -> None:
    """`claim: leave` on a read-only filesystem: no marker, no canary, polling as well."""
    with folder() as here:
        station = make_station(here, claim="leave")
        tmpfs(station.path)
        station.drop("a.pdf")
        sh("mount", "-o", "remount,ro", station.path)
        with station.running():
            (claimed,) = station.until_claimed("a.pdf")
            assert claimed.work_path == str(station.path / "a.pdf")
            assert station.status.watching == "both"
            assert names_in(station.path) == {"a.pdf"}


def lose_power_after_claims(kind: str, megabytes: int, count: int) -> None:
    with folder() as here:
        inbox = here / "inbox"
        inbox.mkdir()
        disk = image(here, kind, megabytes)
        mount_loop(disk, inbox)
        (inbox / "sub").mkdir()
        for number in range(count):
            (inbox / "sub" / f"{number}.pdf").write_bytes(PDF)
        claimer = Claimer("me", lambda: new_id(SystemClock().now()), SystemClock().now)
        with Home(str(inbox), None).open() as root:
            os.sync()
            candidates = [
                Candidate("scans", path, f"{inbox}/{path}", identity_of(os.stat(inbox / path)), 1.5)
                for path in (f"sub/{number}.pdf" for number in range(count))
            ]
            batch = claimer.claim(root, candidates)
            cut_power(inbox)
        assert len(batch.claimed) == count
        umount(inbox)
        mount_loop(disk, inbox)
        for claimed in batch.claimed:
            assert content_of(claimed) == PDF
            record = parse((Path(claimed.work_path).parent / RECORD).read_bytes())[claimed.id]
            assert record.path == claimed.path
        assert os.listdir(inbox / "sub") == []


@alone(*MOUNTS)
def test_power_loss_after_a_claim_keeps_it_on_ext4() -> None:
    lose_power_after_claims("ext4", 32, 1)
    lose_power_after_claims("ext4", 32, 60)


@alone(*MOUNTS)
def test_power_loss_after_a_claim_keeps_it_on_xfs() -> None:
    lose_power_after_claims("xfs", 400, 1)
    lose_power_after_claims("xfs", 400, 60)
