"""Real trouble of real disks: full, read-only, unmounted, powered off. Run it in a mount namespace of its own.

``unshare --mount python -m outbox.fault_driver SCENARIO FOLDER`` mounts what it needs below FOLDER; all of it
vanishes with the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from docferry.errors import OutboxError, OutboxUnavailable
from docferry.outbox.delivery import Outbox
from docferry.outbox.originals import put_away
from docferry.outbox.root import Root
from docferry.providers.base import Output
from outbox.samples import OUTPUTS, document_at, receipt_for, tree


def shell(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def unavailable(act: Callable[[], object], *words: str) -> None:
    """Asserts that ``act`` blames the folder, in words that say what and what to do."""
    with pytest.raises(OutboxUnavailable) as caught:
        act()
    assert caught.value.hint is not None
    for word in words:
        assert word in str(caught.value)


def outbox_on(folder: Path, **options: int) -> Outbox:
    outbox = Outbox(folder, **options)
    outbox.prepare()
    return outbox


def full(folder: Path) -> None:
    shell("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder)
    outbox = outbox_on(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 90_000)
    large = [*OUTPUTS, Output(".raw.json", b"y" * 50_000, "raw")]
    unavailable(lambda: outbox.deliver("a", large, receipt_for("one")), "No space left", "free some space")
    assert set(tree(folder)) == {"ballast"}, "nothing half written is left, so that others find the space"
    ballast.unlink()
    outbox.deliver("a", large, receipt_for("one"))
    assert len(tree(folder)) == 5


def out_of_inodes(folder: Path) -> None:
    shell("mount", "-t", "tmpfs", "-o", "nr_inodes=5", "tmpfs", folder)
    outbox = outbox_on(folder)
    unavailable(lambda: outbox.deliver("a", OUTPUTS, receipt_for("one")), "No space left")
    assert tree(folder) == {}
    shell("mount", "-o", "remount,nr_inodes=50", folder)
    outbox.deliver("a", OUTPUTS, receipt_for("one"))


def read_only(folder: Path) -> None:
    shell("mount", "-t", "tmpfs", "tmpfs", folder)
    outbox = outbox_on(folder)
    shell("mount", "-o", "remount,ro", folder)
    unavailable(lambda: outbox.deliver("a", OUTPUTS, receipt_for("one")), "Read-only", "remount")
    unavailable(lambda: outbox.deliver("sub/a", OUTPUTS, receipt_for("one")), "Read-only")
    shell("mount", "-o", "remount,rw", folder)
    outbox.deliver("a", OUTPUTS, receipt_for("one"))


def unmounted(folder: Path) -> None:
    """Nothing is ever written beneath a mount point; a share mounted again is known by its marker."""
    (disk := folder / "disk").mkdir()
    (mount_point := folder / "outbox").mkdir()
    shell("mount", "-t", "tmpfs", "tmpfs", disk)
    shell("mount", "--bind", disk, mount_point)
    outbox = outbox_on(mount_point)
    archive = Root(mount_point)
    archive.prepare()
    source = folder / "work" / "document-1" / "a.pdf"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"%PDF")
    document = document_at(source, "a.pdf", "document-1")
    shell("umount", mount_point)
    unavailable(lambda: outbox.deliver("a", OUTPUTS, receipt_for("one")), "offline", "another filesystem")
    unavailable(lambda: outbox.reserve("a", lambda _: False), "offline")
    unavailable(lambda: put_away(document, archive), "offline")
    unavailable(lambda: Outbox(mount_point).prepare(new=False), "marker is missing")
    assert os.listdir(mount_point) == []
    assert source.exists()
    shell("mount", "--bind", disk, mount_point)
    outbox.deliver("a", OUTPUTS, receipt_for("one"))
    put_away(document, archive)
    shell("mount", "-t", "tmpfs", "another", mount_point)
    unavailable(outbox.check, "another filesystem")
    shutil.copytree(disk, mount_point, dirs_exist_ok=True)  # the same share under a new device number
    outbox.check()
    assert len(outbox.deliver("a", OUTPUTS, receipt_for("one"))) == 4


def not_permitted(folder: Path) -> None:
    """As another user: a folder that is not ours, a group that we are not in, an original that cannot be read."""
    folder.chmod(0o755)
    for parent in folder.parents:
        parent.chmod(parent.stat().st_mode | 0o055)
    theirs, ours = Outbox(folder / "theirs"), Outbox(folder / "ours", group=0)
    theirs.prepare()
    ours.prepare()
    os.chown(ours.root.path, 65534, 65534)
    (folder / "work").mkdir()
    (source := folder / "work" / "a.pdf").write_bytes(b"%PDF")
    source.chmod(0o600)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    unavailable(lambda: theirs.deliver("a", OUTPUTS, receipt_for("one")), "Permission denied", "give docferry's user")
    unavailable(lambda: ours.deliver("a", OUTPUTS, receipt_for("one")), "group 0", "member of that group")
    assert set(tree(ours.root.path)) == set()
    with pytest.raises(OutboxError, match="cannot read") as caught:
        Outbox(ours.root.path).deliver("a", [Output(".raw.json", source, "raw")], receipt_for("one"))
    assert not isinstance(caught.value, OutboxUnavailable), "a file that cannot be read is not the folder's trouble"


ROUNDS = 6
_XFS_IOC_GOINGDOWN = 0x8004587D  # xfs_fs.h of xfsprogs: _IOR('X', 125, uint32_t)
_XFS_FSOP_GOING_FLAGS_NOLOGFLUSH = 2  # what is only in memory of the log is lost, as when the power goes


class Disk:
    """An XFS image whose power can be cut: what was not synced is gone, what was renamed without sync is empty."""

    def __init__(self, folder: Path) -> None:
        self.image, self.mount_point = folder / "disk.img", folder / "disk"
        self.mount_point.mkdir()
        with self.image.open("wb") as file:
            file.truncate(400 << 20)
        shell("mkfs.xfs", "-q", self.image)
        self.power_on()

    def power_on(self) -> None:
        shell("mount", "-o", "loop", self.image, self.mount_point)

    def power_off_after(self, seconds: float, acknowledged: Sequence[object]) -> Callable[[], int]:
        """Cuts the power then. Call what it returns to wait for the cut, and to learn how many were acknowledged by it.

        A machine without power acknowledges nothing, but this one goes on: an fsync that runs while XFS is shut down
        may still report success, when the shutdown has dropped from memory what it would have written to the log.
        """
        counts: list[int] = []

        def cut() -> None:
            time.sleep(seconds)
            fd = os.open(self.mount_point, os.O_RDONLY)
            counts.append(len(acknowledged))
            fcntl.ioctl(fd, _XFS_IOC_GOINGDOWN, struct.pack("I", _XFS_FSOP_GOING_FLAGS_NOLOGFLUSH))
            os.close(fd)

        cutter = threading.Thread(target=cut)
        cutter.start()

        def wait() -> int:
            cutter.join()
            return counts[0]

        return wait

    def unplug(self) -> None:
        shell("umount", self.mount_point)


def power_loss(folder: Path) -> None:
    """Cuts the power at random moments during deliveries; whatever was acknowledged must be there afterwards."""
    disk, rng = Disk(folder), random.Random(7)
    for round_number in range(ROUNDS):
        acknowledged = _deliver_until_power_fails(disk, round_number, rng.uniform(0.005, 0.08))
        disk.unplug()
        disk.power_on()
        _check_after_power_loss(disk.mount_point / "outbox", round_number, acknowledged)
        outbox = outbox_on(disk.mount_point / "outbox")
        for number in range(len(acknowledged) + 1):  # all again, as after a restart
            outbox.deliver(*_set(round_number, number))
        _check_after_power_loss(outbox.root.path, round_number, list(range(len(acknowledged) + 1)))


def power_loss_without_sync(folder: Path) -> None:
    """Proof that the check can fail: with fsync switched off it must see a loss."""
    disk = Disk(folder)
    outbox_on(disk.mount_point / "outbox")
    os.sync()
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
    acknowledged = _deliver_until_power_fails(disk, 0, 0.08)
    disk.unplug()
    disk.power_on()
    with pytest.raises(AssertionError):
        _check_after_power_loss(disk.mount_point / "outbox", 0, acknowledged)


def _set(round_number: int, number: int) -> tuple[str, tuple[Output, ...], dict[str, object]]:
    rng = random.Random(round_number * 1000 + number)
    outputs = tuple(Output(suffix, rng.randbytes(rng.randrange(1, 9000)), "x") for suffix in (".md", ".json", ".csv"))
    return f"folder-{number % 3}/{round_number}-{number}", outputs, receipt_for(f"{round_number}-{number}")


def _deliver_until_power_fails(disk: Disk, round_number: int, after_s: float) -> list[int]:
    outbox = outbox_on(disk.mount_point / "outbox")
    acknowledged: list[int] = []
    acknowledged_before_the_cut = disk.power_off_after(after_s, acknowledged)

    def deliver_for_ever() -> None:
        while True:
            outbox.deliver(*_set(round_number, len(acknowledged)))
            acknowledged.append(len(acknowledged))

    unavailable(deliver_for_ever)
    return acknowledged[: acknowledged_before_the_cut()]


def _check_after_power_loss(outbox: Path, round_number: int, acknowledged: list[int]) -> None:
    for number in acknowledged:
        base, outputs, _ = _set(round_number, number)
        for output in outputs:
            assert (outbox / (base + output.suffix)).exists(), f"{base}{output.suffix} was acknowledged and is gone"
        assert (outbox / (base + ".receipt.json")).exists(), f"the receipt of {base} is gone"
    for path in outbox.rglob("*"):
        if not path.is_file() or path.name.startswith(".docferry-"):
            continue
        if path.name.endswith(".receipt.json"):
            for entry in json.loads(path.read_bytes())["outputs"]:
                content = (path.parent / entry["name"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry["sha256"], f"{entry['name']} is not what was sealed"
        else:
            base, _, _ = path.name.rpartition(".")
            _, outputs, _ = _set(*(int(part) for part in base.split("-")))  # type: ignore[arg-type]
            assert path.read_bytes() in [output.content for output in outputs], f"{path.name} is cut or empty"


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "full": full,
    "out of inodes": out_of_inodes,
    "read-only": read_only,
    "unmounted": unmounted,
    "not permitted": not_permitted,
    "power loss": power_loss,
    "power loss without sync": power_loss_without_sync,
}


def main() -> None:
    try:
        SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
