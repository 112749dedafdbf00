"""Commands called in this process: for what they say, where nothing hangs on their being a process of their own."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from docferry.cli import main


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    returncode: object
    stdout: str
    stderr: str


def docferry(*arguments: object, **environ: str) -> Done:
    """``docferry`` with ``arguments``, as the shell would call it."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["docferry", *map(str, arguments)])
        for name, value in environ.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(ended.value.code, out.getvalue(), err.getvalue())
