"""Whether a text layer is one: fonts without a character table yield symbols instead of words."""

from __future__ import annotations

import re

MIN_CHARACTERS = 20
CIPHER_CHARACTERS = 200
BAD_SHARE = 0.2
PLAIN_SHARE = 0.3
FEW_SYMBOLS = 8

CID = re.compile(r"\(cid:\d+\)")
NOT_PLAIN = re.compile(r"[\W_]+")
# Control characters, private use and replacement characters: no text consists of these.
BAD = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufff0-\uffff\U000f0000-\U0010ffff]")


def is_garbled(text: str) -> bool:
    """Whether many of the characters are of a kind that no text consists of, or nearly none are letters."""
    cids = len(CID.findall(text)) if "(cid:" in text else 0
    characters = "".join((CID.sub("", text) if cids else text).split())
    total = len(characters) + cids
    if total < MIN_CHARACTERS:
        return False
    bad = cids + len(BAD.findall(characters))
    return bad > BAD_SHARE * total or is_cipher(characters)


def is_cipher(characters: str) -> bool:
    """Text shifted by a wrong character table: nearly no letters or digits where there is much text.

    Dot leaders, rules and check marks are few different characters.
    """
    if len(characters) < CIPHER_CHARACTERS:
        return False
    plain = NOT_PLAIN.sub("", characters)
    if len(plain) >= PLAIN_SHARE * len(characters):
        return False
    return len(set(characters) - set(plain)) >= FEW_SYMBOLS
