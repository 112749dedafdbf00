"""Answers that hold a result file: its bytes go out as the worker wrote them, unparsed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse


class JsonResponse(JSONResponse):
    """Compact JSON, UTF-8; bytes are JSON already."""

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else encode(content)


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


async def read_result(path: Path) -> bytes:
    """A result's JSON; FileNotFoundError if it has been purged."""
    return await asyncio.to_thread(path.read_bytes)


def with_member(head: Mapping[str, Any], name: str, value: bytes) -> bytes:
    """``head`` as JSON with one more member, whose value is JSON already. ``head`` is not empty."""
    return encode(head)[:-1] + b"," + encode(name) + b":" + value + b"}"
