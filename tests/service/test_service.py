"""docferry from its package under a real systemd: installed, used, reloaded, killed, hung, stopped, upgraded, purged.

The tests run in order on one machine. A second inbox sends to an engine of its own, which wants a key and is reached
through a proxy that can be made slow; a third instance gets a share that hangs.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from service.machine import Machine

pytestmark = pytest.mark.timeout(400)

MANUAL = Path(__file__).parents[2] / "systemd" / "docferry.8.in"
HUNG = "docferry@hung"
KEY = "k-9f2c7d1e-of-the-test"
KEYED_ENGINE = f"""
mkdir -p /etc/docferry/credentials /etc/systemd/system/docferry-engine@keyed.service.d
umask 077
echo {KEY} > /etc/docferry/credentials/pulse-key
cat > /etc/systemd/system/docferry-engine@keyed.service.d/test.conf <<END
[Service]
LoadCredential=keys:/etc/docferry/credentials/pulse-key
ExecStart=
ExecStart=/opt/docferry/bin/python -m docferry engine --port 8642 --workers 1 --key-file %d/keys \\
  --state /var/lib/docferry-engine-keyed
END
systemctl daemon-reload
systemctl start docferry-engine@keyed
systemd-run --quiet --unit=slow-proxy /usr/bin/python3 /opt/shared/slow_proxy.py 8700 8642
"""

CONFIG = """
state: /var/lib/docferry
control: {socket: /run/docferry/control.sock}
metrics: {listen: "127.0.0.1:9464"}
shutdown_grace: 3 s
engine: {workers: 1}
inboxes:
  - {name: inbox, path: /srv/docferry/inbox, outbox: /srv/docferry/outbox, archive: /srv/docferry/archive,
     failed: /srv/docferry/failed}
  - {name: keyed, path: /srv/docferry/keyed/inbox, outbox: /srv/docferry/keyed/outbox,
     archive: /srv/docferry/keyed/archive, failed: /srv/docferry/keyed/failed}
providers:
  local: {dialect: pulse, engine: embedded}
  keyed: {dialect: pulse, url: "http://127.0.0.1:8700", key: {credential: pulse-key}, idempotent: true}
rules:
  - {name: keyed, when: {inbox: keyed}, provider: keyed}
  - {name: everything, provider: local, mode: async}
"""

HUNG_CONFIG = """
state: /var/lib/docferry-hung
control: {socket: /run/docferry-hung/control.sock}
inboxes:
  - {name: share, path: /srv/docferry/hung/share, outbox: /srv/docferry/hung/outbox,
     archive: /srv/docferry/hung/archive, failed: /srv/docferry/hung/failed}
  - {name: disk, path: /srv/docferry/hung/disk, outbox: /srv/docferry/hung/outbox,
     archive: /srv/docferry/hung/archive, failed: /srv/docferry/hung/failed}
providers:
  keyed: {dialect: pulse, url: "http://127.0.0.1:8642", key: {credential: pulse-key}, idempotent: true}
rules: [{name: everything, provider: keyed}]
"""


def receipt(machine: Machine, outbox: str, name: str) -> dict[str, object]:
    """The receipt of a delivered document, waited for; its original is in the archive, which comes after that."""
    archive = outbox.removesuffix("outbox") + "archive"
    path, original = shlex.quote(f"{outbox}/{name}.receipt.json"), shlex.quote(f"{archive}/{name}")
    machine.until(lambda: machine.holds(f"test -s {path} -a -e {original}"), f"the receipt of {name}", 60)
    content: dict[str, object] = json.loads(machine.ask(f"cat {path}"))
    return content


def folders(*names: str) -> str:
    """The command that makes folders as the package does."""
    return f"install -d -o docferry -g docferry -m 2770 {' '.join(f'/srv/docferry/{name}' for name in names)}"


def drop(machine: Machine, sample: str, inbox: str, name: str, user: str = "alice") -> None:
    """Copies a sample into an inbox as an ordinary member of the group would."""
    machine.run(f"umask 022; cp /opt/shared/{sample} {shlex.quote(f'{inbox}/{name}')}", user=user)


def main_pid(machine: Machine, unit: str = "docferry") -> str:
    return machine.show(unit, "MainPID")


def until_active(machine: Machine, unit: str = "docferry", deadline_s: float = 60) -> None:
    machine.until(lambda: machine.show(unit, "ActiveState") == "active", f"{unit} is ready", deadline_s)


@pytest.fixture(scope="module")
def service(machine: Machine) -> Machine:
    """The machine with the test's configuration running, and the hanging instance ready for its test."""
    until_active(machine)
    machine.run(KEYED_ENGINE)
    machine.run(folders("keyed/inbox", "keyed/outbox", "keyed/archive", "keyed/failed"))
    machine.write("/etc/docferry/docferry.yaml", CONFIG)
    machine.run("systemctl restart docferry")
    return machine


def test_the_package_installs_a_service_that_is_ready(machine: Machine) -> None:
    until_active(machine)
    assert machine.ask("systemctl is-enabled docferry") == "enabled"
    assert machine.show("docferry", "User") == "docferry"
    assert machine.ask("stat -c '%a %U %G' /srv/docferry/inbox") == "2770 docferry docferry"
    assert machine.ask("stat -c '%a %U' /var/lib/docferry") == "750 docferry"
    assert machine.ask("stat -c '%a %U' /etc/docferry/credentials") == "700 root"
    assert machine.ask("docferry --version").startswith("docferry")
    assert machine.holds("man -w docferry")
    assert machine.holds("bash -n /usr/share/bash-completion/completions/docferry")
    completed = machine.ask("COMP_WORDS='docferry sta' COMP_CWORD=1 _DOCFERRY_COMPLETE=bash_complete docferry")
    assert completed == "plain,status"
    assert machine.ask("systemctl --failed --no-legend") == ""


def test_keys_that_do_not_exist_yet_do_not_keep_the_service_down(machine: Machine) -> None:
    assert not machine.holds("test -e /etc/docferry/credentials/pulse-key")
    until_active(machine)


def test_a_document_comes_back_and_the_journal_tells_its_story(service: Machine) -> None:
    until_active(service)
    # A folder of its own, made with an ordinary umask: the default ACL keeps it open to the service.
    service.run("umask 022; mkdir -p /srv/docferry/inbox/acme", user="alice")
    drop(service, "notes.txt", "/srv/docferry/inbox", "acme/my notes.txt")
    document = receipt(service, "/srv/docferry/outbox", "acme/my notes.txt")
    assert service.holds("test -e '/srv/docferry/archive/acme/my notes.txt'")
    assert service.run("cat '/srv/docferry/outbox/acme/my notes.txt.md'", user="alice").stdout != ""
    story = service.journal(f"DOCFERRY_DOCUMENT={document['document']}")
    assert {"submitting", "delivered"} <= {entry.get("DOCFERRY_STATE") for entry in story}
    assert {entry.get("DOCFERRY_PATH") for entry in story} >= {"acme/my notes.txt"}
    assert "local" in {entry.get("DOCFERRY_PROVIDER") for entry in story}
    assert "everything" in {entry.get("DOCFERRY_RULE") for entry in story}
    assert [entry for entry in story if entry.get("DOCFERRY_JOB")]
    assert all(entry["_SYSTEMD_UNIT"] == "docferry.service" for entry in story)


def test_the_key_comes_from_systemd_and_is_seen_nowhere_else(service: Machine) -> None:
    drop(service, "notes.txt", "/srv/docferry/keyed/inbox", "keyed.txt", user="root")
    assert receipt(service, "/srv/docferry/keyed/outbox", "keyed.txt")["provider"] == "keyed"
    pid = main_pid(service)
    assert not service.holds(f"grep -raq {KEY} /proc/{pid}/cmdline /proc/{pid}/environ")
    assert not service.holds(f"grep -raq {KEY} /var/lib/docferry /srv/docferry /run/docferry")
    assert not service.holds(f"journalctl -o json --all | grep -q {KEY}")
    assert not service.holds(f"nsenter -t {pid} -m -- ls /etc/docferry/credentials/pulse-key")


def test_a_second_instance_works_beside_the_first(service: Machine) -> None:
    service.run(folders("hung/share", "hung/disk", "hung/outbox", "hung/archive", "hung/failed"))
    service.run(
        "mkdir -p /etc/systemd/system/docferry@hung.service.d;"
        "printf '[Service]\\nWatchdogSec=5\\n' > /etc/systemd/system/docferry@hung.service.d/test.conf;"
        "systemctl daemon-reload; test -e /dev/fuse || mknod /dev/fuse c 10 229"
    )
    service.write("/etc/docferry/hung.yaml", HUNG_CONFIG)
    service.run(f"systemctl start {HUNG}")
    drop(service, "notes.txt", "/srv/docferry/hung/share", "first.txt", user="root")
    receipt(service, "/srv/docferry/hung/outbox", "first.txt")
    assert service.holds("test -e /var/lib/docferry-hung/ledger.sqlite")
    # From now on its share hangs. What becomes of that is looked at further down, since it takes its time.
    hang = "/usr/bin/python3 /opt/shared/hung_share.py /srv/docferry/hung/share"
    service.run(f"systemd-run --quiet --unit=hung-share {hang}")


def test_an_instance_made_as_the_manual_says_works(service: Machine) -> None:
    example = re.search(r"^\.SS Several instances$.*?^\.nf$(.*?)^\.fi$", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    assert example is not None
    # The copy is made from the package's configuration; by now the test has put its own in its place.
    service.write("/run/packaged.yaml", MANUAL.with_name("docferry.yaml").read_text())
    script = example[1].replace("\\\\", "\\").replace("\\-", "-")
    service.run(script.replace("/etc/docferry/docferry.yaml", "/run/packaged.yaml"))
    until_active(service, "docferry@legal")
    drop(service, "page.html", "/srv/docferry/legal/inbox", "contract.html", user="root")
    receipt(service, "/srv/docferry/legal/outbox", "contract.html")
    assert service.show("docferry-engine@legal", "ActiveState") == "active"
    service.run("systemctl disable --now docferry@legal")
    service.until(lambda: service.show("docferry-engine@legal", "ActiveState") == "inactive", "its engine stops too")


def test_a_member_of_the_group_may_ask_and_others_may_not(service: Machine) -> None:
    status = json.loads(service.run("docferry status --json", user="alice").stdout)
    assert status["running"] is True
    assert service.ask("stat -c '%a %G' /run/docferry/control.sock") == "660 docferry"
    refused = service.run("docferry status --json", user="nobody", check=False)
    assert refused.returncode != 0


def test_metrics_and_health_are_served(service: Machine) -> None:
    curl = "curl --silent --fail http://127.0.0.1:9464"
    assert service.holds(f"{curl}/readyz")
    assert service.holds(f"{curl}/healthz")
    metrics = service.ask(f"{curl}/metrics")
    assert 'docferry_documents{state="delivered"} 2.0' in metrics
    assert 'docferry_submissions_total{endpoint="extract",outcome="accepted",provider="local"} 1.0' in metrics


def test_a_reload_takes_a_good_edit_and_refuses_a_bad_one(service: Machine) -> None:
    pid = main_pid(service)
    before = json.loads(service.ask("docferry status --json"))["rules_hash"]

    def rules_hash() -> str:
        return str(json.loads(service.run("docferry status --json", check=False).stdout)["rules_hash"])

    service.write("/etc/docferry/docferry.yaml", CONFIG.replace("name: everything", "name: renamed"))
    service.run("systemctl reload docferry")
    service.until(lambda: rules_hash() != before, "the good edit is taken over")
    service.write("/etc/docferry/docferry.yaml", CONFIG.replace("provider: local", "provider: nobody"))
    service.run("systemctl reload docferry")
    service.until(lambda: "not used" in service.show("docferry", "StatusText"), "the bad edit is shown")
    drop(service, "notes.txt", "/srv/docferry/inbox", "after a bad edit.txt")
    assert receipt(service, "/srv/docferry/outbox", "after a bad edit.txt")["rule"] == "renamed"
    assert main_pid(service) == pid
    service.write("/etc/docferry/docferry.yaml", CONFIG)
    service.until(lambda: "not used" not in service.show("docferry", "StatusText"), "the mended edit is taken over")


def test_a_killed_daemon_comes_back_and_delivers_once(service: Machine) -> None:
    restarts = int(service.show("docferry", "NRestarts"))
    # An engine that is held still keeps the documents on their way until the daemon is dead, however slow we are.
    service.run("systemctl kill --signal=STOP docferry-engine")
    for number in range(3):
        drop(service, "page.html", "/srv/docferry/inbox", f"killed {number}.html")
    claimed = "test $(find /srv/docferry/inbox/.docferry -name 'killed*.html' | wc -l) = 3"
    service.until(lambda: service.holds(claimed), "they were claimed")
    service.run(f"kill -9 {main_pid(service)}; systemctl kill --signal=CONT docferry-engine")
    for number in range(3):
        receipt(service, "/srv/docferry/outbox", f"killed {number}.html")
    service.until(lambda: int(service.show("docferry", "NRestarts")) == restarts + 1, "it was started again")
    assert service.ask("ls /srv/docferry/outbox | grep -c 'killed.*receipt.json'") == "3"
    assert service.ask("ls /srv/docferry/archive | grep -c killed") == "3"
    assert service.run("docferry audit", check=False).returncode == 0


def test_a_killed_engine_comes_back_and_its_documents_with_it(service: Machine) -> None:
    until_active(service)
    daemon, engine = main_pid(service), main_pid(service, "docferry-engine")
    drop(service, "report.pdf", "/srv/docferry/inbox", "engine killed.pdf")
    service.run(f"kill -9 {engine}")
    receipt(service, "/srv/docferry/outbox", "engine killed.pdf")
    assert main_pid(service, "docferry-engine") not in {engine, "0"}
    assert main_pid(service) == daemon


def test_a_stop_during_an_upload_is_quick_and_loses_nothing(service: Machine) -> None:
    until_active(service)
    service.run("touch /run/slow; rm -f /run/uploading")
    service.run("head -c 3000000 /dev/urandom | base64 > /srv/docferry/keyed/inbox/large.txt")
    service.until(lambda: service.holds("test -e /run/uploading"), "the upload is under way")
    service.run("timeout 30 systemctl stop docferry")
    assert service.show("docferry", "Result") == "success"
    service.run("rm /run/slow; systemctl start docferry")
    receipt(service, "/srv/docferry/keyed/outbox", "large.txt")
    assert service.ask("ls /srv/docferry/keyed/outbox | grep -c 'large.*receipt.json'") == "1"
    assert service.ask("ls /srv/docferry/keyed/archive | grep -c large") == "1"


def test_the_cage_holds(service: Machine) -> None:
    until_active(service)
    pid = main_pid(service)
    status = dict(line.split(":\t", 1) for line in service.ask(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0000000000000000"}
    inside = f"nsenter -t {pid} -m -- setpriv --reuid=docferry --regid=docferry --clear-groups --"
    for path in ("/etc/docferry", "/etc", "/usr", "/opt/docferry", "/var/lib", "/srv", "/home/alice", "/root"):
        assert not service.holds(f"{inside} touch {path}/breakout"), path
    assert not service.holds(f"{inside} ls /home/alice")
    assert service.holds(f"{inside} touch /srv/docferry/inbox/.allowed /var/lib/docferry/allowed")


def test_the_engine_works_in_a_cage_and_in_a_slice_of_its_own(service: Machine) -> None:
    until_active(service)
    limits = {name: service.show("docferry-engine.slice", name) for name in ("MemoryMax", "CPUWeight", "TasksMax")}
    assert limits["CPUWeight"] == "20"
    assert limits["TasksMax"] == "1024"
    assert limits["MemoryMax"] not in {"infinity", service.show("docferry.slice", "MemoryMax")}
    group = service.show("docferry-engine", "ControlGroup")
    assert group == "/docferry.slice/docferry-engine.slice/docferry-engine.service"
    drop(service, "report.pdf", "/srv/docferry/inbox", "for the engine.pdf")
    receipt(service, "/srv/docferry/outbox", "for the engine.pdf")
    workers = service.ask("pgrep -f docferry.engine.worker").split()
    ours = service.ask(f"cat /sys/fs/cgroup{group}/cgroup.procs").split()
    assert set(workers) & set(ours)
    assert service.ask(f"cat /sys/fs/cgroup{service.show('docferry', 'ControlGroup')}/cgroup.procs").split() == [
        main_pid(service)
    ]
    for process in ours:
        assert "NoNewPrivs:\t1" in service.ask(f"cat /proc/{process}/status 2>/dev/null || echo 'NoNewPrivs:\t1'")
    inside = f"nsenter -t {main_pid(service, 'docferry-engine')} -m -- setpriv --reuid=docferry --clear-groups --"
    for path in ("/srv/docferry/inbox", "/etc/docferry/credentials", "/home/alice"):
        assert not service.holds(f"{inside} ls {path}"), path
    assert service.ask(f"{inside} find /var/lib/docferry /run/docferry") == "/var/lib/docferry\n/run/docferry"
    assert service.holds("test -e /var/lib/docferry/ledger.sqlite")  # the daemon's own is another folder


def test_a_folder_outside_the_cage_is_said_to_be_so(service: Machine) -> None:
    outside = CONFIG.replace("outbox: /srv/docferry/outbox", "outbox: /srv/elsewhere")
    service.run("install -d -o docferry -g docferry /srv/elsewhere")
    service.write("/etc/docferry/docferry.yaml", outside)
    findings = json.loads(service.run("docferry doctor --json --offline --user docferry", check=False).stdout)
    unit = [finding for finding in findings if finding["check"] == "unit" and finding["level"] == "wrong"]
    assert ["/srv/elsewhere" in finding["detail"] for finding in unit] == [True]
    assert "ReadWritePaths=/srv/elsewhere" in unit[0]["remedy"]
    service.write("/etc/docferry/docferry.yaml", CONFIG)


def test_the_doctor_finds_the_installation_well(service: Machine) -> None:
    until_active(service)
    done = service.run("docferry doctor --json --user docferry", check=False)
    wrong = [finding for finding in json.loads(done.stdout) if finding["level"] == "wrong"]
    assert wrong == []
    assert done.returncode == 0


def test_a_hung_share_is_noticed_by_the_watchdog_and_the_other_inboxes_go_on(service: Machine) -> None:
    restarted = lambda: int(service.show(HUNG, "NRestarts")) > 0  # noqa: E731
    service.until(restarted, "the watchdog restarts the daemon", 200)
    said = " ".join(str(entry["MESSAGE"]) for entry in service.journal(f"UNIT={HUNG}.service"))
    assert "Watchdog timeout" in said
    said = " ".join(str(entry["MESSAGE"]) for entry in service.journal(f"_SYSTEMD_UNIT={HUNG}.service"))
    assert "inbox share silent" in said
    assert "Fatal Python error: Aborted" in said  # followed by every thread's stack
    # The share still hangs, which is no reason to start again and again: the other inbox works.
    until_active(service, HUNG)
    drop(service, "notes.txt", "/srv/docferry/hung/disk", "meanwhile.txt", user="root")
    receipt(service, "/srv/docferry/hung/outbox", "meanwhile.txt")
    service.run("systemctl stop hung-share; umount -l /srv/docferry/hung/share || true")
    drop(service, "notes.txt", "/srv/docferry/hung/share", "afterwards.txt", user="root")
    receipt(service, "/srv/docferry/hung/outbox", "afterwards.txt")


def test_a_stopped_process_is_killed_by_the_watchdog(service: Machine) -> None:
    until_active(service, HUNG)
    pid = main_pid(service, HUNG)
    service.run(f"kill -STOP {pid}")
    service.until(lambda: main_pid(service, HUNG) not in {pid, "0"}, "the watchdog restarts the daemon", 60)
    until_active(service, HUNG)


def test_an_upgrade_keeps_state_and_settings_and_starts_what_ran(service: Machine) -> None:
    until_active(service)
    before = {unit: main_pid(service, HUNG) for unit in ("docferry", "docferry@hung")}
    known = json.loads(service.ask("docferry jobs --json"))
    service.run("dpkg --force-confold -i /opt/shared/docferry_*.deb")
    for unit, pid in before.items():
        until_active(service, unit)
        assert main_pid(service, unit) != pid
    assert service.ask("cat /etc/docferry/docferry.yaml") == CONFIG.rstrip("\n")
    assert json.loads(service.ask("docferry jobs --json")) == known
    drop(service, "notes.txt", "/srv/docferry/inbox", "upgraded.txt")
    receipt(service, "/srv/docferry/outbox", "upgraded.txt")


def test_a_service_whose_configuration_is_refused_comes_up_when_it_is_mended(service: Machine) -> None:
    service.write("/etc/docferry/hung.yaml", "nonsense: 1\n")
    assert service.run(f"systemctl restart {HUNG}", check=False).returncode != 0
    assert service.show(HUNG, "ExecMainStatus") == "2"
    said = [entry["MESSAGE"] for entry in service.journal(f"_SYSTEMD_UNIT={HUNG}.service")]
    assert any("nonsense" in str(message) for message in said)
    service.write("/etc/docferry/hung.yaml", HUNG_CONFIG)
    until_active(service, HUNG)


def test_purge_takes_its_own_things_and_leaves_documents(service: Machine) -> None:
    service.run("dpkg --remove docferry")
    assert not service.holds("systemctl is-active docferry docferry@hung")
    assert service.holds("test -e /var/lib/docferry/ledger.sqlite")
    assert service.holds("test -e /etc/docferry/docferry.yaml")
    service.run("dpkg --purge docferry")
    gone = ("/var/lib/docferry", "/etc/docferry/docferry.yaml", "/etc/docferry/credentials", "/opt/docferry")
    for path in gone:
        assert not service.holds(f"test -e {path}"), path
    assert service.holds("test -e /srv/docferry/outbox/upgraded.txt.receipt.json")
    assert not service.holds("pgrep -u docferry")
    assert not service.holds("ls /etc/systemd/system/multi-user.target.wants/docferry.service")
