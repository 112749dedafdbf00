"""Figures that a provider gives as links are fetched beside the answer, best effort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docferry.providers.base import Answered, StoredAnswer
from peers.raw_http import Connection, HttpRequest, RawServer
from providers.support import KEY, run

PNG = b"\x89PNG\r\n\x1a\n picture"


def test_images_are_fetched_once_with_the_key_only_at_home(tmp_path: Path) -> None:
    async def act(request: HttpRequest, connection: Connection) -> None:
        if "/images/" in request.path:
            known = request.path.endswith("a.png")
            await connection.answer(200 if known else 404, PNG if known else b"", {"content-type": "image/png"})
            return
        images = [
            {"id": "a", "image_url": f"{server.url}/results/j/images/a.png"},
            {"id": "b", "image_url": f"{server.url}/results/j/images/b.png"},
            {"id": "c", "image_url": "http://127.0.0.2:9/images/c.png"},
            {"id": "d", "image_url": None},
            "odd",
        ]
        result = {"markdown": "x", "bounding_boxes": {"Images": images}}
        await connection.answer(200, {"job_id": "j", "status": "completed", "result": result})

    async def work(peer: Any) -> None:
        for _ in range(2):
            answered = await peer.poll("extract", "j", tmp_path / "answer")
            assert isinstance(answered, Answered)
            assert [warning.split(":")[0] for warning in answered.warnings] == [
                "image 2 was not fetched",
                "image 3 was not fetched",
            ]
        made = peer.outputs([StoredAnswer("extract", tmp_path / "answer", {})], ["images"])
        assert [(output.suffix, output.content.read_bytes()) for output in made.outputs] == [(".image-1.png", PNG)]
        assert len(made.missing) == 3

    with RawServer(act) as server:
        run("pulse", server.url, work)
        pictures = [request for request in server.requests if request.path.endswith("a.png")]
        assert len(pictures) == 1
        assert pictures[0].headers["x-api-key"] == KEY
