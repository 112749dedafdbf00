"""How often to look, how long to wait, what to remember."""

from __future__ import annotations

import os
from pathlib import Path

from docferry.intake.listings import Listings
from docferry.intake.mounts import mount_of, parse
from docferry.intake.pace import Gaps, scan_interval_s
from docferry.intake.passed import Passed
from docferry.models import FileIdentity

MOUNTINFO = rb"""22 27 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 27 0:45 / /srv/scans rw,relatime shared:2 - cifs //server/scans rw
41 27 0:46 / /srv/with\040space\011tab rw - nfs4 server:/x rw
42 27 0:47 / /srv/remote rw - fuse.sshfs me@host: rw
43 27 0:48 / /srv/vm rw - 9p hostshare rw
44 40 0:49 / /srv/scans rw - tmpfs none rw
broken line
"""


def place(path: str) -> tuple[str, bool]:
    mount = mount_of(path, 0, MOUNTINFO)
    return mount.filesystem, mount.is_local


def test_the_mounts_type_chooses_events_or_polling() -> None:
    """Rows 4 and 45: inotify never hears of a change made elsewhere."""
    assert place("/home/me/inbox") == ("ext4", True)
    assert place("/srv/with space\ttab/in") == ("nfs4", False)
    assert place("/srv/remote") == ("fuse.sshfs", False)
    assert place("/srv/vm/x") == ("9p", False)
    assert mount_of("/x", 5, b"1 1 0:1 / /x rw - novelfs none rw\n").is_local is False
    assert mount_of("/srv/remote", 0, MOUNTINFO).keeps_folder_times is False


def test_of_mounts_over_one_another_the_last_counts() -> None:
    """Row 6."""
    assert place("/srv/scans/in") == ("tmpfs", True)
    assert place("/srv/scans2") == ("ext4", True)


def test_this_machines_mounts_can_be_read() -> None:
    mounts = parse(Path("/proc/self/mountinfo").read_bytes())
    assert any(mount.mount_point == "/" for mount in mounts)


def test_scans_get_rarer_the_more_they_cost() -> None:
    """Row 38."""
    assert scan_interval_s(60.0, 0.3) == 60.0
    assert scan_interval_s(1.0, 0.325) == 6.5
    assert scan_interval_s(60.0, 10.0) == 200.0


def test_gaps_are_learned_and_forgotten() -> None:
    """Row 12: scanners that reopen a file for each page."""
    gaps = Gaps()
    assert gaps.wait_s(0.0) == 0.0
    gaps.learn(4.0, 100.0)
    gaps.learn(2.0, 101.0)
    gaps.learn(300.0, 102.0)  # a new version after five minutes is no scanner's pause
    assert gaps.wait_s(103.0) == 6.0
    assert gaps.wait_s(101.0 + 25 * 3600) == 0.0


def test_a_passed_file_is_asked_about_again_when_it_is_another_one() -> None:
    """Row 21: an inode number that is used again is another file."""
    identity = FileIdentity(1, 2, 3, 4, 5)
    passed = Passed()
    passed.add("a", identity)
    assert passed.holds("a", identity)
    assert not passed.holds("a", FileIdentity(1, 2, 3, 4, 6))
    assert not passed.holds("b", identity)


def test_passed_files_that_are_gone_are_forgotten() -> None:
    identity = FileIdentity(1, 2, 3, 4, 5)
    passed = Passed()
    passed.add("a", identity)
    passed.add("b", identity)
    passed.begin()
    passed.holds("a", identity)
    passed.end()
    assert passed.holds("a", identity)
    assert not passed.holds("b", identity)


def test_a_folder_is_listed_again_when_its_mtime_moved_or_is_too_fresh(tmp_path: Path) -> None:
    listings = Listings()
    before = os.stat(tmp_path)
    listings.remember("", before, 0.0, 1, ["sub"])
    assert listings.inner_if_unchanged("", before) is None  # a name may still appear within this tick
    listings.remember("", before, 3.0, 1, ["sub"])
    assert listings.inner_if_unchanged("", before) == ["sub"]
    (tmp_path / "new").touch()
    os.utime(tmp_path, ns=(0, before.st_mtime_ns + 1))
    assert listings.inner_if_unchanged("", os.stat(tmp_path)) is None


def test_a_server_that_does_not_keep_mtimes_is_not_trusted_again(tmp_path: Path) -> None:
    listings = Listings()
    status = os.stat(tmp_path)
    listings.remember("", status, 0.0, 1, [])
    listings.remember("", status, 3.0, 1, [])
    listings.remember("", status, 60.0, 2, [])  # another name, and the same mtime
    assert not listings.trusted
    assert listings.inner_if_unchanged("", status) is None
