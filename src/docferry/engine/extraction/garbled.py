"""Whether a text layer is one: fonts without a character table yield symbols instead of words."""

from __future__ import annotations

import re
import unicodedata

MIN_CHARACTERS = 20
CID = re.compile(r"\(cid:\d+\)")
BAD_CATEGORIES = {"Cc", "Co", "Cn", "Cs"}


def is_garbled(text: str, limit: float = 0.2) -> bool:
    """Whether more than ``limit`` of the characters are of a kind that no text consists of."""
    cids = len(CID.findall(text))
    letters = [character for character in CID.sub("", text) if not character.isspace()]
    if len(letters) + cids < MIN_CHARACTERS:
        return False
    bad = cids + sum(
        character == "\ufffd" or unicodedata.category(character) in BAD_CATEGORIES for character in letters
    )
    return bad / (len(letters) + cids) > limit or is_cipher(letters)


def is_cipher(letters: list[str]) -> bool:
    """Text shifted by a wrong character table: nearly no letters or digits where there is much text."""
    plain = sum(character.isalnum() for character in letters)
    return len(letters) >= 200 and plain / len(letters) < 0.3 and not looks_ruled(letters)


def looks_ruled(letters: list[str]) -> bool:
    """Dot leaders, rules and check marks are few different characters."""
    return len({character for character in letters if not character.isalnum()}) < 8
