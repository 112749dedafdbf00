"""The doctor on a machine of real folders, sockets and certificates: what it finds, and the remedy it gives."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from docferry.config import load
from docferry.config.models import Config
from docferry.observe.checks import folders, machine, services, unit
from docferry.observe.checks.findings import Finding, Level

NOBODY = "nobody"


def write_config(folder: Path, *, providers: str = "local: {dialect: pulse, engine: embedded}", more: str = "") -> Path:
    for name in ("inbox", "outbox", "archive", "failed"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "docferry.yaml"
    path.write_text(
        "state: ./state\n"
        "inboxes:\n"
        "  - {name: scans, path: ./inbox, outbox: ./outbox, archive: ./archive, failed: ./failed}\n"
        f"providers:\n  {providers}\n"
        "rules: [{name: all, provider: " + providers.partition(":")[0] + "}]\n" + more
    )
    return path


def configured(folder: Path, **changes: str) -> Config:
    return load(write_config(folder, **changes), environ={})


def doctor(config: Path, *options: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code and findings of the real command."""
    command = [sys.executable, "-m", "docferry", "doctor", "-c", str(config), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("["), done.stderr
    return done.returncode, json.loads(done.stdout)


def of(findings: list[Finding], check: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.check == check]
    return finding


def test_a_healthy_installation_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    status, findings = doctor(config)
    assert [finding for finding in findings if finding["level"] == "wrong"] == []
    assert status == 0
    assert {"folder", "mount", "canary", "space", "inotify", "sqlite", "clock", "engine"} <= {
        finding["check"] for finding in findings
    }
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_everything_that_is_wrong_is_said_at_once_each_with_a_remedy(tmp_path: Path) -> None:
    gone = "gone: {dialect: pulse, url: 'http://127.0.0.1:9', key: {env: DOCFERRY_NO_SUCH_KEY}}"
    config = write_config(tmp_path, providers=gone, more="alerts: {command: [/nonexistent/alarm]}\n")
    (tmp_path / "inbox").rmdir()
    (tmp_path / "outbox").rmdir()
    (tmp_path / "outbox").write_text("a file")
    status, findings = doctor(config)
    assert status == 1
    wrong = {(finding["check"], finding["subject"]): finding for finding in findings if finding["level"] == "wrong"}
    assert "inbox" in next(f["detail"] for f in findings if f["check"] == "folder" and f["level"] == "wrong")
    assert {("key", "gone"), ("connection", "gone"), ("alerts", "machine")} <= wrong.keys()
    assert "DOCFERRY_NO_SUCH_KEY" in wrong["key", "gone"]["remedy"]
    assert all(finding["remedy"] for finding in findings if finding["level"] != "ok")


def test_folders_that_lie_inside_each_other_are_found(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "inbox" / "results").mkdir()
    nested = config.inboxes[0].model_copy(update={"outbox": tmp_path / "inbox" / "results"})
    assert of(folders.check_layout(config), "layout").level is Level.OK
    found = of(folders.check_layout(replace(config, inboxes=(nested,))), "layout")
    assert found.level is Level.WRONG
    assert "lies inside the inbox" in found.detail


def test_a_faulty_configuration_is_a_usage_error(tmp_path: Path) -> None:
    config = write_config(tmp_path, more="nonsense: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "docferry", "doctor", "-c", str(config)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_permissions_are_those_of_the_services_user_and_not_roots(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o001)
    inbox = tmp_path / "inbox"
    os.chown(inbox, pwd.getpwnam(NOBODY).pw_uid, -1)
    (inbox / "secret.pdf").write_bytes(b"x")
    (inbox / "secret.pdf").chmod(0o600)
    (inbox / "batch").mkdir(mode=0o755)
    (inbox / "batch" / "a.pdf").write_bytes(b"x")
    status, findings = doctor(config, "--user", NOBODY, "--offline")
    assert status == 1
    details = [finding["detail"] for finding in findings if finding["check"] == "permissions"]
    assert any("may not read" in detail and "secret.pdf" in detail for detail in details)
    assert any("may not take files out of" in detail and "batch" in detail for detail in details)
    assert any("outbox" in finding["detail"] and finding["level"] == "wrong" for finding in findings)
    tmp_path.chmod(0o700)  # a folder above them all keeps the user out: said of each, with where to mend it
    status, findings = doctor(config, "--user", NOBODY, "--offline")
    assert status == 1
    kept_out = [finding for finding in findings if finding["check"] == "folder" and finding["level"] == "wrong"]
    assert len(kept_out) == 5
    assert all(finding["remedy"].endswith(f"setfacl -m u:{NOBODY}:x {tmp_path}") for finding in kept_out)
    _, as_root = doctor(config, "--offline")
    hint = [finding for finding in as_root if finding["check"] == "permissions"]
    assert [finding["remedy"] for finding in hint] == [f"docferry doctor --user {NOBODY}"]


def test_a_read_only_or_full_place_is_told_from_a_good_one(tmp_path: Path) -> None:
    assert of(folders.check_space(configured(tmp_path)), "space").level in (Level.OK, Level.ADVICE)
    wanted = folders.Wanted("scans", "outbox", Path("/proc/self"), must_exist=False)
    (finding,) = folders.check_folder(wanted)
    assert finding.level is Level.WRONG
    assert finding.remedy


def test_limits_of_inotify_are_compared_with_the_folders_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path)
    for number in range(30):
        (tmp_path / "inbox" / f"{number}" / "deep").mkdir(parents=True)
    limits = tmp_path / "inotify"
    limits.mkdir()
    (limits / "max_user_instances").write_text("128\n")
    monkeypatch.setattr(machine, "INOTIFY", limits)
    levels = {}
    for most in (40, 100, 10_000):
        (limits / "max_user_watches").write_text(f"{most}\n")
        levels[most] = machine.check_inotify(config.inboxes)[0]
    assert [finding.level for finding in levels.values()] == [Level.WRONG, Level.ADVICE, Level.OK]
    assert levels[40].detail.startswith("61 folders to watch")
    assert "fs.inotify.max_user_watches=244" in levels[40].remedy


def test_one_folder_is_not_folders(tmp_path: Path) -> None:
    assert machine.check_inotify(configured(tmp_path).inboxes)[0].detail.startswith("1 folder to watch")


def test_a_clock_that_cannot_be_right_and_one_that_nobody_keeps_are_told() -> None:
    battery_lost, today = 3600.0, 1_790_000_000.0
    found = {
        machine.judge_clock(battery_lost, is_kept=True),
        machine.judge_clock(today, is_kept=False),
        machine.judge_clock(today, is_kept=True),
        machine.judge_clock(today, is_kept=None),
    }
    assert {finding.detail: finding.level for finding in found} == {
        "this machine's clock says 1970-01-01: TLS certificates will not be valid yet": Level.WRONG,
        "nothing keeps this machine's clock right": Level.ADVICE,
        "the clock is synchronised": Level.OK,
        "the clock is plausible": Level.OK,
    }
    assert all("timedatectl" in finding.remedy for finding in found if finding.level is not Level.OK)


def test_events_really_arrive_or_it_is_said(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert of(machine.check_canary(config.inboxes[0]), "canary").level is Level.OK
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    ("version", "mended"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_an_sqlite_that_can_corrupt_a_ledger_is_known(version: tuple[int, ...], mended: bool) -> None:
    assert machine.is_mended(version) == mended


def test_a_ledger_that_is_damaged_is_found(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert machine.check_ledger(config)[0].level is Level.OK
    config.state.mkdir()
    (config.state / "ledger.sqlite").write_bytes(b"SQLite format 3\x00" + bytes(4096))
    finding = machine.check_ledger(config)[0]
    assert finding.level is Level.WRONG
    assert finding.remedy


def test_a_ledger_that_everybody_may_read_is_mentioned(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.state.mkdir(mode=0o755)
    ledger = config.state / "ledger.sqlite"
    ledger.touch(mode=0o644)
    assert of(folders.check_state_privacy(config), "folder").level is Level.ADVICE
    config.state.chmod(0o750)
    assert folders.check_state_privacy(config) == []


@asynccontextmanager
async def serving(status: int, secure: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A service that answers every request with ``status``; gives its address."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "AUTH_001", "message": "no"}}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure).start()
    try:
        yield f"{'https' if secure else 'http'}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def provider_findings(folder: Path, status: int, secure: ssl.SSLContext | None = None, more: str = "") -> list[Finding]:
    """What the doctor finds of one provider that answers every request with ``status``."""

    async def life() -> list[Finding]:
        async with serving(status, secure) as url:
            entry = f"pulse: {{dialect: pulse, url: '{url}', key: {{env: PULSE_KEY}}{more}}}"
            config = configured(folder, providers=entry)
            keys = services.read_keys(config, {"PULSE_KEY": "k-123456"}, None)
            return await services.check_providers(config, keys, 10.0)

    return asyncio.run(life())


def test_a_refused_key_is_told_from_a_service_that_is_away(tmp_path: Path) -> None:
    refused = of(provider_findings(tmp_path, 401), "provider")
    assert refused.level is Level.WRONG
    assert "PULSE_KEY" in refused.remedy
    assert "k-123456" not in str(refused)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A service's own certificate, signed by nobody anyone trusts."""
    key, chain = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(chain), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, chain


def test_a_certificate_nobody_signed_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    context, chain = certificate(tmp_path)
    untrusted = of(provider_findings(tmp_path, 401, context), "tls")
    assert untrusted.level is Level.WRONG
    assert "not trusted" in untrusted.detail
    trusted = of(provider_findings(tmp_path, 401, context, more=f", ca_bundle: '{chain}'"), "tls")
    assert trusted.level is Level.OK


def test_a_name_that_does_not_exist_is_found_before_the_key_is_sent(tmp_path: Path) -> None:
    entry = "pulse: {dialect: pulse, url: 'https://no-such-host.invalid', key: {env: PULSE_KEY}}"
    config = configured(tmp_path, providers=entry)
    keys = services.read_keys(config, {"PULSE_KEY": "k-123456"}, None)
    findings = asyncio.run(services.check_providers(config, keys, 5.0))
    assert of(findings, "dns").level is Level.WRONG
    assert [finding for finding in findings if finding.check == "provider"] == []


@pytest.mark.parametrize(
    ("properties", "detail"),
    [
        ({"ActiveState": "active", "ReadWritePaths": "-/srv/docferry"}, "ReadWritePaths= lacks"),
        ({"ActiveState": "failed", "ReadWritePaths": "-/"}, "the service is failed"),
        ({"ActiveState": "active", "ReadWritePaths": "-/"}, "may write where it must"),
    ],
)
def test_the_cage_is_compared_with_the_configuration(properties: dict[str, str], detail: str, tmp_path: Path) -> None:
    config = configured(tmp_path)
    command = f"argv[]=docferry run -c {config.path}"
    shown = {"ExecStart": command, "ProtectSystem": "strict", **properties}
    assert detail in of(unit.judge_unit("docferry.service", shown, config), "unit").detail
    assert unit.judge_unit("docferry.service", {"ExecStart": "argv[]=something else"}, config) == []


@pytest.mark.parametrize(
    ("more", "properties", "level", "detail"),
    [
        ("", {"ActiveState": "active", "IPAddressDeny": "::/0 0.0.0.0/0"}, Level.OK, "the engine's service runs"),
        ("", {"ActiveState": "failed"}, Level.WRONG, "the engine's service is failed"),
        (
            "engine: {llm: {url: 'http://models.example/v1', model: small}}",
            {"ActiveState": "active", "IPAddressDeny": "0.0.0.0/0 ::/0"},
            Level.WRONG,
            "keeps the engine from its language model at models.example",
        ),
        (
            "engine: {s3: {region: eu-central-1}}",
            {"ActiveState": "active", "IPAddressDeny": "0.0.0.0/0 ::/0"},
            Level.WRONG,
            "keeps the engine from S3 at Amazon",
        ),
        (
            "engine: {s3: {endpoint: 'http://127.0.0.1:9000'}}",
            {"ActiveState": "active", "IPAddressDeny": "0.0.0.0/0 ::/0"},
            Level.OK,
            "the engine's service runs",
        ),
        (
            "engine: {llm: {url: 'http://localhost:11434/v1', model: small}}",
            {"ActiveState": "active", "IPAddressDeny": "0.0.0.0/0 ::/0"},
            Level.OK,
            "the engine's service runs",
        ),
    ],
)
def test_the_engines_unit_is_looked_at_too(
    more: str, properties: dict[str, str], level: Level, detail: str, tmp_path: Path
) -> None:
    config = configured(tmp_path, more=more)
    [finding] = unit.judge_engine("docferry-engine.service", "docferry.service", properties, config)
    assert (finding.level, detail in finding.detail) == (level, True)


def test_the_unit_of_a_configuration_is_known_by_its_name() -> None:
    assert unit.unit_of(Path("/etc/docferry/docferry.yaml")) == "docferry.service"
    assert unit.unit_of(Path("/etc/docferry/legal.yaml")) == "docferry@legal.service"
