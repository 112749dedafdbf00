"""The recogniser's models: those that come in RapidOCR's wheel, opened by us.

RapidOCR would open them itself, but would fetch files that it misses, pin threads (which containers refuse), and
let its threads spin while they wait. Where several workers share the cores, spinning costs a third of the time.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docferry.engine.extraction.errors import OcrUnavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]

MODELS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
MISSING = "the document needs text recognition, which is not installed; install docferry[engine]"


@lru_cache(maxsize=1)
def load_engine(threads: int) -> Any:
    """RapidOCR with its three models, loaded once for each process."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import rapidocr
        from omegaconf import flag_override
    except ImportError as error:
        raise OcrUnavailable(MISSING) from error
    folder = Path(rapidocr.__file__).parent / "models"
    engine = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.return_word_box": True,
            "Rec.rec_batch_num": 1,  # in batches each line costs as much as the longest one
        }
    )
    with flag_override(engine.cfg, "allow_objects", True):
        for part, name in MODELS.items():
            engine.cfg[part].session = open_model(folder / name, threads)
    return engine


def open_model(path: Path, threads: int) -> InferenceSession:
    import onnxruntime

    if not path.is_file():
        raise OcrUnavailable(f"text recognition lacks its model {path.name}; install docferry[engine] again")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # the arena never gives back what the largest page needed
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
