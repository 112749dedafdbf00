"""A real SMB share: a Samba server of our own, mounted through FUSE, in namespaces that end with the test.

What is written on the server's side gives no event here, and when the server goes, every call on the mount fails. The
mount has no hard links, cannot rename without replacing, and makes its folders' times up. ``smbd`` is the machine's,
or the one that ``tests/setup`` has unpacked without installing it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

from checker import check_all_ended
from daemons import Ferry, wait_for
from intake.namespaces import alone, sh
from peers.fake_provider import FakeProvider

PORT = 445
UNPACKED = Path(sys.prefix) / "samba"

CONFIGURATION = """
[global]
  server role = standalone server
  map to guest = Bad User
  guest account = {user}
  interfaces = lo
  bind interfaces only = yes
  load printers = no
  disable spoolss = yes
  log file = {own}/log
  pid directory = {own}
  lock directory = {own}
  state directory = {own}
  cache directory = {own}
  private dir = {own}
  ncalrpc dir = {own}/ncalrpc
[scans]
  path = {share}
  guest ok = yes
  read only = no
  force user = {user}
"""


class Server:
    """Samba with one share, which a test can end without warning and start again."""

    def __init__(self, folder: Path) -> None:
        self.share = folder / "on-the-server"
        own = folder / "samba"
        own.mkdir()
        self.share.mkdir()
        self._configuration = own / "smb.conf"
        self._configuration.write_text(CONFIGURATION.format(user="root", own=own, share=self.share))
        self._log = own / "smbd.log"

    def start(self) -> Self:
        program, environment = smbd()
        with self._log.open("ab") as log:
            command = [program, "--foreground", "--configfile", str(self._configuration), "--debug-stdout"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)  # in its own session
        wait_for(_answers, saying=lambda: self._log.read_text(errors="replace")[-2000:])
        return self

    def kill(self) -> None:
        """As if the machine had gone: with every connection."""
        for entry in Path("/proc").iterdir():  # this process namespace is ours alone
            with suppress(OSError, ValueError):
                if (entry / "comm").read_text().strip() == "smbd":
                    os.kill(int(entry.name), 9)
        self._process.wait()


def smbd() -> tuple[str, dict[str, str]]:
    """The server's program and the environment it needs."""
    if installed := shutil.which("smbd"):
        return installed, dict(os.environ)
    libraries = sorted({str(path.parent) for path in UNPACKED.rglob("*.so*")}, key=len)
    return str(UNPACKED / "usr/sbin/smbd"), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def _answers() -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", PORT)) == 0


@contextmanager
def mounted(where: Path, folder: Path) -> Iterator[None]:
    """The share below ``where``, without any cache that would hide what others do."""
    obscure = subprocess.run(["rclone", "obscure", "guest"], capture_output=True, text=True, check=True)
    fresh = ["--dir-cache-time", "0s", "--attr-timeout", "0s", "--poll-interval", "0"]
    writes = ["--vfs-cache-mode", "writes", "--vfs-write-back", "1s", "--cache-dir", str(folder / "rclone")]
    hasty = ["--contimeout", "2s", "--timeout", "5s", "--low-level-retries", "1"]
    share = f":smb,host=127.0.0.1,user=guest,pass={obscure.stdout.strip()}:scans"
    environment = {**os.environ, "RCLONE_CONFIG": str(folder / "rclone.conf")}
    (folder / "rclone.conf").touch()
    with (folder / "rclone.log").open("wb") as log:
        command = ["rclone", "mount", share, str(where), *fresh, *writes, *hasty]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        wait_for(lambda: os.path.ismount(where), saying=lambda: (folder / "rclone.log").read_text())
        yield
    finally:
        sh("umount", "--lazy", where)
        process.terminate()
        process.wait()


def put(server: Server, name: str, content: bytes) -> bytes:
    """Writes a file on the server's side, where this kernel sees nothing of it."""
    (server.share / name).write_bytes(content)
    return content


@alone("-n", "-m", "--pid", "--fork", "--kill-child", "--mount-proc")
def test_a_share_is_polled_goes_offline_with_its_server_and_comes_back() -> None:
    """Rows 4, 5 and 45."""
    sh("ip", "link", "set", "lo", "up")
    folder = Path(tempfile.mkdtemp(prefix="docferry-smb-"))
    server = Server(folder).start()
    with FakeProvider("pulse", {}) as fake:
        ferry = Ferry(folder, {"providers": {"local": {"dialect": "pulse", "url": fake.url}}}, settle="0.5s")
        with mounted(ferry.inbox, folder), ferry.start():
            assert ferry.ask("status")["inboxes"][0]["watching"] == "poll"
            first = put(server, "first.txt", b"written on the server")
            ferry.wait_for_ended(1)
            server.kill()
            wait_for(lambda: "offline" in inbox_state(ferry), saying=ferry.log_text)
            second = put(server, "second.txt", b"written while nobody could see it")
            server.start()
            documents = ferry.wait_for_ended(2)
            assert {document.state for document in documents} == {"delivered"}
            assert inbox_state(ferry) == "watched"
            many = [put(server, f"{number}.txt", b"one of many: %d" % number) for number in range(4)]
            ferry.wait_for_ended(6)
            assert ferry.stop() == 0
            check_all_ended(ferry, [first, second, *many])
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


def inbox_state(ferry: Ferry) -> str:
    return str(ferry.ask("status")["inboxes"][0]["state"])
