"""Whatever a sidecar says, it sets what the inbox allows or is refused in one readable line, never a traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.work import read, with_rules
from docferry.errors import RoutingError
from rules.work import Told, candidate, route

THOROUGH = settings(
    max_examples=int(os.environ.get("DOCFERRY_FUZZ_EXAMPLES", "80")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
WORDS = sorted(
    {"options", "deliver", "provider", "mode", "priority", "on_ambiguous", "formats", "name", "on_existing", "pages"}
    | {
        "sync",
        "number",
        "markdown",
        "local",
        "../../x",
        "/etc/x",
        "{stem}",
        "a\x00b",
        "\ud800",
        "*",
        "<<",
        "017",
        "1-3",
    }
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=16,
)
GOOD = {
    "options": {"pages": "1-3"},
    "deliver": {"formats": ["markdown"], "name": "{stem}"},
    "priority": 7,
    "mode": "async",
}


@pytest.fixture
def outcome(tmp_path: Path) -> Any:
    """Routes a document with this sidecar, where everything may be set."""
    allowed = "[options, deliver, provider, mode, priority, on_ambiguous]"
    text = with_rules("  - {name: all, provider: local}").replace(
        "failed: ./failed", f"failed: ./failed\n    sidecar: {allowed}"
    )
    config = read(tmp_path, text)
    (tmp_path / "a.pdf").write_bytes(b"")

    def routed(sidecar: bytes) -> None:
        (tmp_path / "a.pdf.docferry.yaml").write_bytes(sidecar)
        try:
            plan = route(config, Told(), candidate(file=tmp_path / "a.pdf")).plan
        except RoutingError as error:
            said = f"{error}"
            assert said.isprintable(), ascii(said)
            assert "sidecar" in said
            return
        assert plan is not None
        assert plan.provider in config.providers
        assert ".." not in (plan.output_name or "").split("/")
        assert not (plan.output_name or "").startswith("/")

    return routed


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@THOROUGH
def test_any_bytes(outcome: Any, content: bytes) -> None:
    outcome(content)


@given(ANYTHING)
@THOROUGH
def test_any_data(outcome: Any, value: Any) -> None:
    outcome(yaml.safe_dump(value).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(sorted(GOOD)), ANYTHING)
@THOROUGH
def test_anything_in_one_place_of_a_good_sidecar(outcome: Any, key: str, value: Any) -> None:
    outcome(yaml.safe_dump({**GOOD, key: value}).encode("utf-8", "surrogatepass"))


@given(st.integers(0, 120), st.integers(0, 8), st.text(max_size=4))
@THOROUGH
def test_a_slip_of_the_hand(outcome: Any, start: int, length: int, typed: str) -> None:
    text = yaml.safe_dump(GOOD)
    outcome((text[:start] + typed + text[start + length :]).encode("utf-8", "surrogatepass"))
