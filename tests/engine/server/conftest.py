"""One engine that most tests share; tests that need their own settings start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.server.machine import Running, engine


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with engine(tmp_path_factory.mktemp("engine"), workers=2) as running:
        yield running
