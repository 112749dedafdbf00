"""The recall guard: the words of the text layer must be found again in the blocks made of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from docferry.engine.extraction.geometry import union
from docferry.engine.extraction.model import Block, BlockKind, Box, Page

WORD = re.compile(r"[^\W\d_]+|\d+")
GOAL = 0.97
HYPHENS = ("-", "\u2010", "\u00ad")


class Item(NamedTuple):
    """A run of text of the text layer, in the layer's order."""

    text: str
    box: Box


def count_words(text: str) -> Counter[str]:
    """Words and numbers, folded in case, each as often as it occurs."""
    return Counter(WORD.findall(text.casefold()))


def word_recall(wanted: Counter[str], found: Counter[str]) -> float:
    """The share of the wanted words that were found, each as often as wanted; 1 when none is wanted."""
    total = wanted.total()
    return (wanted & found).total() / total if total else 1.0


def is_complete(page: Page, text: str) -> bool:
    """Whether the page's blocks hold the words of the text layer; a quick look, without regard to hyphens."""
    blocks = "\n".join(block.text for block in page.blocks)
    return is_surely_complete(text, blocks) or word_recall(count_words(text), count_words(blocks)) >= GOAL


def is_surely_complete(text: str, blocks: str) -> bool:
    """Whether few words at most are lost, by what stands between blanks alone: that tells nearly all pages."""
    wanted, found = Counter(text.split()), Counter(blocks.split())
    lost = count_words(" ".join((wanted - found).elements())).total()
    least = sum(count for token, count in wanted.items() if token[0].isalnum() or token[-1].isalnum())
    return lost <= (1 - GOAL) * least


def mend(page: Page, items: Sequence[Item]) -> tuple[Page, str | None]:
    """The page with lost text put back where it stands, and a warning if words are still missing."""
    found = count_words("\n".join(block.text for block in page.blocks))
    wanted = wanted_words(items, found)
    if word_recall(wanted, found) >= GOAL:
        return page, None
    lost = lost_blocks(items, wanted - found, page.number)
    mended = replace(page, blocks=insert_blocks(page.blocks, lost))
    found += count_words("\n".join(block.text for block in lost))
    reached = word_recall(wanted, found)
    if reached >= GOAL:
        return mended, None
    return mended, f"only {reached:.0%} of the words of the text layer could be placed; compare with the original"


def wanted_words(items: Sequence[Item], found: Counter[str]) -> Counter[str]:
    """The layer's words; halves that the layout joined over a hyphen at a line's end count as the whole."""
    wanted = count_words("\n".join(item.text for item in items))
    for item, following in pairwise(items):
        if not item.text.rstrip().endswith(HYPHENS):
            continue
        halves = [*WORD.findall(item.text.casefold())[-1:], *WORD.findall(following.text.casefold())[:1]]
        if len(halves) == 2 and found["".join(halves)]:
            wanted.subtract(halves)
            wanted["".join(halves)] += 1
    return +wanted


def lost_blocks(items: Sequence[Item], missing: Counter[str], page: int) -> list[Block]:
    """Blocks of the runs whose words are missing, neighbouring runs of one line together."""
    missing = missing.copy()
    lost: list[list[Item]] = []
    previous = -2
    for place, item in enumerate(items):
        words = count_words(item.text)
        if not words or (words & missing).total() * 2 < words.total():
            continue
        missing -= words
        if place == previous + 1 and same_line(lost[-1][-1].box, item.box):
            lost[-1].append(item)
        else:
            lost.append([item])
        previous = place
    return [
        Block("", BlockKind.TEXT, " ".join(item.text.strip() for item in group), page, union([i.box for i in group]))
        for group in lost
    ]


def same_line(first: Box, second: Box) -> bool:
    middle = (second.top + second.bottom) / 2
    return first.top <= middle <= first.bottom


def insert_blocks(blocks: Sequence[Block], lost: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks with each lost one before the first that stands wholly below it, else at the end."""
    result = list(blocks)
    for block in lost:
        place = next((index for index, other in enumerate(result) if stands_below(other, block)), len(result))
        result.insert(place, block)
    return tuple(result)


def stands_below(block: Block, lost: Block) -> bool:
    if block.box is None or lost.box is None:
        return False
    overlap = min(block.box.right, lost.box.right) - max(block.box.left, lost.box.left)
    return overlap > 0 and block.box.top >= (lost.box.top + lost.box.bottom) / 2
