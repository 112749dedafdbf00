"""Figures and page images that a provider gives as links: fetched beside the stored answer, best effort.

They live in the folder ``<answer>.images``. A link may be used again while the provider keeps it, so that
nothing is lost when a fetch fails; the warning says which figure is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from docferry.errors import DocferryError
from docferry.models import Json
from docferry.providers.classify import Call, Context, one_line
from docferry.providers.http import HttpClient, Request

MAX_IMAGES = 2000


def images_folder(answer: Path) -> Path:
    return answer.with_name(answer.name + ".images")


def image_file(answer: Path, number: int) -> Path:
    """Where the image of the ``number``-th image item (from 1) lies, if it was fetched."""
    return images_folder(answer) / str(number)


def image_items(result: Mapping[str, Json]) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """The items of ``bounding_boxes.Images`` with their numbers from 1."""
    boxes = result.get("bounding_boxes")
    items = boxes.get("Images") if isinstance(boxes, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else [], 1):
        if isinstance(item, dict):
            yield number, item


async def fetch_images(http: HttpClient, result: Mapping[str, Json], answer: Path) -> tuple[str, ...]:
    """Fetches what has a link and is not there yet. Gives one warning for each image that did not come."""
    warnings = []
    links = [(number, item["image_url"]) for number, item in image_items(result) if _is_link(item.get("image_url"))]
    if links:
        await http.blocking(partial(images_folder(answer).mkdir, exist_ok=True))
    for number, url in links[:MAX_IMAGES]:
        target = image_file(answer, number)
        if await http.blocking(target.exists):
            continue
        problem = await _fetch(http, url, target)
        if problem:
            warnings.append(one_line(f"image {number} was not fetched: {problem}"))
    if len(links) > MAX_IMAGES:
        warnings.append(f"{len(links) - MAX_IMAGES} of {len(links)} images were not fetched")
    return tuple(warnings)


async def _fetch(http: HttpClient, url: str, target: Path) -> str | None:
    if not http.may_fetch(url):
        return "its link is not HTTPS and not at this provider"
    try:
        await http.download(Request("GET", url, Context(call=Call.LOOK), headers={"accept": "image/*"}), target)
    except DocferryError as error:
        return error.message
    return None


def _is_link(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "/"))
