"""Folders that would lose or swallow documents are refused before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.work import VALID, read, write
from docferry.config.folders import check_folders
from docferry.config.mounts import locate, read_mounts

TWO = VALID.replace(
    "providers:",
    "  - {name: mail, path: ./mail, outbox: ./mail-out, archive: ./mail-archive, failed: ./mail-failed}\nproviders:",
)


def _made(folder: Path, text: str = VALID) -> Path:
    for name in ("inbox", "outbox", "archive", "failed", "mail", "mail-out", "mail-archive", "mail-failed"):
        (folder / name).mkdir(exist_ok=True)
    return folder


def test_folders_that_are_there_are_fine(tmp_path: Path) -> None:
    assert check_folders(read(_made(tmp_path), TWO)) == []


def test_every_missing_folder_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "outbox").touch()

    assert check_folders(read(tmp_path)) == [
        f"inboxes.scans.path: {tmp_path}/inbox does not exist (create it: mkdir -p {tmp_path}/inbox)",
        f"inboxes.scans.outbox: {tmp_path}/outbox is not a folder",
        f"inboxes.scans.archive: {tmp_path}/archive does not exist (create it: mkdir -p {tmp_path}/archive)",
        f"inboxes.scans.failed: {tmp_path}/failed does not exist (create it: mkdir -p {tmp_path}/failed)",
    ]


def test_folders_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    # Root may write everywhere, so the question is asked by a process that has given up being root.
    _made(tmp_path)
    write(tmp_path, VALID)
    tmp_path.chmod(0o755)
    (tmp_path / "outbox").chmod(0o555)
    for name in ("inbox", "archive", "failed"):
        (tmp_path / name).chmod(0o777)
    (tmp_path / "state").mkdir(mode=0o777)
    (tmp_path / "state").chmod(0o777)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from docferry.config import load; from docferry.config.folders import check_folders\n"
        "config = load(Path(sys.argv[1]), environ={})\n"
        "if os.getuid() == 0: os.chroot('/'); os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print('\\n'.join(check_folders(config)))"
    )
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)

    answer = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "docferry.yaml"], capture_output=True, text=True, check=True
    )

    assert answer.stdout.splitlines() == [
        f"inboxes.scans.outbox: {tmp_path}/outbox is not writable for this user "
        "(check its owner, its mode and its filesystem)"
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("outbox: ./outbox", "outbox: ./inbox/out", "inboxes.scans.outbox: {0}/inbox/out lies inside the inbox scans"),
        ("failed: ./failed", "failed: ./link/out", "inboxes.scans.failed: {0}/link/out lies inside the inbox scans"),
        ("outbox: ./outbox", "outbox: .", "the inbox scans ({0}/inbox) lies inside {0}"),
        (
            "path: ./mail",
            "path: ./inbox/out",
            "{0}/inbox/out and {0}/inbox of inbox scans are nested",
        ),
        ("path: ./mail", "path: ./link", "inboxes.mail.path: {0}/link and {0}/inbox of inbox scans are nested"),
        ("state: ./state", "state: ./inbox/state", "state: {0}/inbox/state lies inside the inbox scans"),
        ("./mail-out", "./outlink", "inboxes.mail.outbox: {0}/outlink is the same folder as inboxes.scans.outbox"),
        ("archive: ./archive", "archive: ./outlink", "{0}/outlink is the same folder as inboxes.scans.outbox"),
    ],
)
def test_folders_inside_each_other_are_refused_also_through_symlinks(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    _made(tmp_path)
    (tmp_path / "inbox" / "out").mkdir()
    (tmp_path / "link").symlink_to("inbox")
    (tmp_path / "outlink").symlink_to("outbox")
    assert old in TWO

    problems = check_folders(read(tmp_path, TWO.replace(old, new, 1)))

    assert any(line.format(tmp_path) in problem for problem in problems), problems


def test_one_outbox_for_two_inboxes_under_one_name_is_fine(tmp_path: Path) -> None:
    assert check_folders(read(_made(tmp_path), TWO.replace("./mail-out", "./outbox"))) == []


@pytest.mark.skipif(os.getuid() != 0, reason="a mount of one's own needs root")
def test_a_bind_mount_cannot_hide_an_outbox_in_an_inbox(tmp_path: Path) -> None:
    _made(tmp_path)
    write(tmp_path, VALID)
    (tmp_path / "inbox" / "results").mkdir()
    script = (
        "import sys; from pathlib import Path\n"
        "from docferry.config import load; from docferry.config.folders import check_folders\n"
        "print('\\n'.join(check_folders(load(Path(sys.argv[1]), environ={}))))"
    )
    mount = f'mount --bind {tmp_path}/inbox/results {tmp_path}/outbox && exec "$@"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", sys.executable, "-c", script]

    answer = subprocess.run([*command, tmp_path / "docferry.yaml"], capture_output=True, text=True, check=False)

    if answer.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {answer.stderr.strip()[:100]}")
    assert answer.stdout.startswith(f"inboxes.scans.outbox: {tmp_path}/outbox lies inside the inbox scans")


MOUNTINFO = b"""\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /srv/share rw shared:5 - nfs4 server:/export rw
31 22 8:1 /srv/in\\040box/results /mnt/out rw shared:1 - ext4 /dev/root rw
32 22 0:41 / /mnt/ssh rw - fuse.sshfs me@there: rw
"""


@pytest.mark.parametrize(
    ("path", "device", "inner", "kind"),
    [
        ("/etc/docferry", "8:1", "/etc/docferry", "ext4"),
        ("/srv/share/state", "0:40", "/state", "nfs4"),
        ("/srv/shared", "8:1", "/srv/shared", "ext4"),
        ("/mnt/out/a", "8:1", "/srv/in box/results/a", "ext4"),
        ("/mnt/ssh", "0:41", "/", "fuse.sshfs"),
    ],
)
def test_paths_are_found_in_their_filesystems(path: str, device: str, inner: str, kind: str) -> None:
    location = locate(Path(path), read_mounts(MOUNTINFO))

    assert (location.device, str(location.inner), location.kind) == (device, inner, kind)


def test_a_ledger_on_a_network_filesystem_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the kernel would say of a share mounted at the state folder; a network filesystem itself is rarely at hand.
    (_made(tmp_path) / "state").mkdir()
    mountinfo = write(
        tmp_path,
        Path("/proc/self/mountinfo").read_text() + f"99 1 0:99 / {tmp_path}/state rw - nfs4 s:/e rw\n",
        "mountinfo",
    )
    monkeypatch.setattr("docferry.config.folders.MOUNTINFO", mountinfo)

    (problem,) = check_folders(read(tmp_path))

    assert problem.startswith(f"state: {tmp_path}/state is on a network filesystem (nfs4)")


def _group(text: str) -> str:
    return text.replace("failed: ./failed", "failed: ./failed\n    output_group: no-such-group-here")


def _bundle(text: str) -> str:
    return text.replace("local: {", "local: {ca_bundle: ./ca.pem, ")


@pytest.mark.parametrize(("change", "line"), [(_group, "there is no group"), (_bundle, "ca.pem cannot be read")])
def test_groups_and_certificates_must_exist(tmp_path: Path, change: Callable[[str], str], line: str) -> None:
    (problem,) = check_folders(read(_made(tmp_path), change(VALID)))

    assert line in problem
