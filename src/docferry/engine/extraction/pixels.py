"""The type of every picture that is passed around: rows of pixels, blue, green, red; grey where said."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
