"""A throwaway machine under a real systemd, for tests: boots in about a second, leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

SKIP_SWITCH = "DOCFERRY_SKIP_SYSTEMD_TESTS"
BOOT_DEADLINE_S = 60.0
COMMAND_DEADLINE_S = 90.0


class Impossible(Exception):
    """This machine cannot boot one; the message says what is missing."""


def require_possible() -> None:
    """Raises Impossible unless a container with its own systemd can be booted here."""
    missing = [tool for tool in ("systemd-nspawn", "nsenter", "unshare", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise Impossible(f"not installed: {', '.join(missing)} (see systemd/package/test-requirements.txt)")
    if os.geteuid() != 0:
        raise Impossible("not root")


class Machine:
    """One booted container. ``shared`` appears inside, read-only, as /opt/shared."""

    def __init__(self, shared: Path, log: Path) -> None:
        self._shared = shared
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._init: int | None = None

    def __enter__(self) -> Self:
        name = f"docferry-{uuid.uuid4().hex[:12]}"
        script = Path(__file__).with_name("container.sh")
        command = ["bash", str(script), name, str(self._log), str(self._shared)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        try:
            wait_for(self._booted, BOOT_DEADLINE_S, "the container's systemd", self._boot_log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()  # the script powers the container off when its input ends
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _booted(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the container ended with status {self._process.returncode}: {self._boot_log()}")
        self._init = _descendant(self._process.pid, generations=4)
        if self._init is None:
            return False
        state = self.run("systemctl is-system-running", check=False)
        return state.stdout.strip() in {"running", "degraded"}

    def _boot_log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else "(no console log)"

    def run(self, script: str, *, check: bool = True, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a shell script inside, as root or ``user``; fails the test with its output when it fails."""
        shell = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
        command = ["nsenter", "-t", str(self._init), "-a", "--", *shell, "/bin/bash", "-eu", "-c", script]
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": f"/home/{user}" if user else "/root",
        }
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=COMMAND_DEADLINE_S, env=environment
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}\n{self.story()}"
            raise AssertionError(f"inside: {script}\nstatus {done.returncode}\n{said}")
        return done

    def ask(self, script: str) -> str:
        """What a script prints, without its last newline."""
        return self.run(script).stdout.rstrip("\n")

    def holds(self, script: str) -> bool:
        """Whether a script succeeds."""
        return self.run(script, check=False).returncode == 0

    def write(self, path: str, text: str) -> None:
        """Writes a file inside at once (a rename), as an editor does."""
        self.run(f"printf %s {shlex.quote(text)} > {path}.new && mv {path}.new {path}")

    def until(self, condition: Callable[[], bool], what: str, deadline_s: float = 30.0) -> None:
        """Waits for a condition; fails with the service's journal when it does not come true."""
        wait_for(condition, deadline_s, what, self.story)

    def story(self) -> str:
        """The latest that the journal has of our services, for a failing test."""
        return self.run("journalctl --no-pager -n 60 -u 'docferry*'", check=False).stdout

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.ask(f"systemctl show {unit} --property={name} --value")

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The journal's entries that match, oldest first, with all their fields."""
        self.run("journalctl --sync")
        lines = self.ask("journalctl --no-pager -o json " + " ".join(shlex.quote(match) for match in matches))
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def wait_for(condition: Callable[[], bool], deadline_s: float, what: str, story: Callable[[], str]) -> None:
    """Waits until ``condition`` holds; fails with ``story`` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline_s:.0f} s\n{story()}")
        time.sleep(0.05)


def _descendant(pid: int, generations: int) -> int | None:
    """The first child's first child and so on, or None while it does not exist."""
    for _ in range(generations):
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return None
        if not children:
            return None
        pid = int(children[0])
    return pid
