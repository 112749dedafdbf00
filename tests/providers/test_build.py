"""Providers made from their configuration, third parties' among them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from docferry.config.keys import Secret
from docferry.config.models import ProviderConfig
from docferry.errors import ConfigError
from docferry.providers.build import create_provider, dialects
from peers.raw_http import RawServer
from providers import faulty_server as faulty
from providers.support import KEY, document, provider, run, submission


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dialect": "other", "url": "https://x"}, "not known"),
        ({"dialect": "pulse", "engine": "embedded"}, "engine is not running"),
        ({"dialect": "pulse", "url": "https://x", "send_file_as": "base64"}, "only as `file`"),
        ({"dialect": "pulse"}, "http or https"),
        ({"dialect": "pulse", "url": "https://x", "ca_bundle": "/etc/hostname"}, "no certificates"),
        ({"dialect": "pulse", "url": "https://x", "ca_bundle": "/nonexistent"}, "no certificates"),
    ],
)
def test_what_cannot_be_made_says_why(settings: dict[str, str], words: str) -> None:
    config = ProviderConfig.model_validate({"name": "p", **settings})
    with pytest.raises(ConfigError, match=words):
        create_provider(config, key=None, engine_socket=None)


def test_the_engine_is_reached_over_its_socket_without_a_key(tmp_path: Path) -> None:
    socket = tmp_path / "engine.sock"
    config = ProviderConfig.model_validate({"name": "local", "dialect": "pulse", "engine": "embedded"})
    with RawServer(faulty.answering(202, faulty.ACCEPTED), unix_socket=socket) as engine:

        async def work() -> None:
            local = create_provider(config, key=None, engine_socket=socket)
            assert local.capabilities.honours_idempotency_key
            await local.submit(submission(document(tmp_path)), tmp_path / "a")
            await local.aclose()

        asyncio.run(work())
        assert "x-api-key" not in engine.requests[0].headers


@pytest.mark.parametrize(
    ("settings", "honours"), [({}, False), ({"idempotent": True}, True), ({"idempotent": False}, False)]
)
def test_who_honours_the_idempotency_key(settings: dict[str, bool], honours: bool) -> None:
    for dialect in ("pulse", "nanonets"):
        assert provider(dialect, "https://x", **settings).capabilities.honours_idempotency_key is honours


def test_a_path_in_the_address_is_kept(tmp_path: Path) -> None:
    with faulty.server(faulty.answering(202, faulty.ACCEPTED)) as peer:
        run("pulse", f"{peer.url}/proxy/pulse/", lambda p: p.submit(submission(document(tmp_path)), tmp_path / "a"))
        assert peer.requests[0].path == "/proxy/pulse/extract"


def test_a_provider_never_shows_its_key() -> None:
    made = provider("pulse", "https://x")
    assert KEY not in repr(made)
    assert KEY not in repr(vars(made)["_http"].settings)
    assert KEY not in repr(made.describe(submission(None, file_url="https://example.org/a")))


def test_a_third_partys_dialect_comes_through_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parrot.py").write_text("def make(config, *, key, engine_socket):\n    return (config.name, key)\n")
    metadata = tmp_path / "parrot-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[docferry.dialects]\nparrot = parrot:make\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = ProviderConfig.model_validate({"name": "bird", "dialect": "parrot", "url": "https://x"})
    key = Secret("k")
    assert create_provider(config, key=key, engine_socket=None) == ("bird", key)
    assert dialects() == ["nanonets", "parrot", "pulse"]
    sys.modules.pop("parrot")


def test_the_description_is_the_request(tmp_path: Path) -> None:
    made = provider("pulse", "https://api.example.org/")
    told = made.describe(submission(document(tmp_path), options={"storage": {"folder_name": "x"}}))
    assert (told.method, told.url) == ("POST", "https://api.example.org/extract")
    assert told.headers == {"idempotency-key": "idem-1"}
    assert told.fields == (
        ("async", "true"),
        ("file", {"filename": "7f3c9e2ab41d-1.pdf", "content_type": "application/pdf", "bytes": 19}),
        ("storage", {"folderName": "x"}),
    )
    later = made.describe(submission(None, "split", {"split_config_id": "c"}))
    assert later.fields[0] == ("extraction_id", "<of the extract step>")
    step = made.describe(submission(None, "split", {"split_config_id": "c"}, inputs={"extraction_id": "e"}))
    assert step.fields == (("extraction_id", "e"), ("split_config_id", "c"), ("async", True))


def test_a_proxy_in_the_environment_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        provider("pulse", "https://x")
