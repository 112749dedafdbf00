"""Everything the engine can be told, as one frozen value; read from JSON with every problem named."""

from __future__ import annotations

import dataclasses
import os
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

MIB = 1024 * 1024
LEAST_MEMORY_BYTES = 96 * MIB  # a worker that has loaded its libraries and read nothing has 65 MiB


class SettingsError(ValueError):
    """The settings cannot be used; the message says which one, what was found and what is wanted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost. Beyond a limit its own job fails and nothing else."""

    upload_bytes: int = 500 * MIB  # also for what is fetched from a file_url
    pages: int = 5000
    job_time_s: float = 600.0  # for each document of a job
    memory_bytes: int = 2048 * MIB  # resident memory of one worker and its children
    field_bytes: int = 8 * MIB  # one text field of a form, or a JSON body
    fetch_time_s: float = 60.0  # the whole download of a file_url
    queued_jobs: int = 10_000  # more are refused with 429
    sync_pages: int = 5  # Nanonets: the longest document of a synchronous call
    stream_pages: int = 50  # Nanonets: the longest document that is streamed instead of queued
    batch_files: int = 50


@dataclass(frozen=True, slots=True)
class LargeResults:
    """When a result is handed out through a link that works once."""

    pages: int = 70
    bytes: int = 5_000_000
    link_s: float = 3600.0
    strict: bool = False  # True: a download that was cut has used up the link


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what has ended is kept: whichever limit is reached first."""

    age_s: float = 7 * 24 * 3600.0
    total_bytes: int = 20_000 * MIB
    every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class LanguageModelSettings:
    """An OpenAI-compatible endpoint."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Amazon S3, or what speaks its protocol at ``endpoint``. Without keys, what anyone may read and write."""

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine. ``uds`` wins over ``host`` and ``port``; port 0 takes a free one."""

    state: Path
    uds: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 0  # 0: one for each core
    keys: tuple[str, ...] = field(default=(), repr=False)
    limits: Limits = field(default_factory=Limits)
    large_results: LargeResults = field(default_factory=LargeResults)
    retention: Retention = field(default_factory=Retention)
    llm: LanguageModelSettings | None = None
    s3: S3Settings | None = None  # where `s3_prefix` of a batch may lie; none: nowhere
    allow_private_urls: bool = False
    idempotency: bool = True
    batch_output: Path | None = None  # the only folder below which `local_path` of a batch may lie
    json_as_string: bool = False  # Nanonets: `result.json.content` as JSON text instead of an object
    credit_billing: bool = False  # Pulse: report `credits_used` by the published price list
    hold_s: float = 0.0  # every job takes at least this long: for tests of clients
    grace_s: float = 5.0  # how long a stop waits for requests that are being answered
    parent_pid: int | None = None  # stop by itself when this process is no longer the parent

    @property
    def worker_count(self) -> int:
        return self.workers or self.cores

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0))

    @property
    def threads(self) -> int:
        """For each worker: twice its share of the cores, since all of them are rarely busy at once."""
        return min(self.cores, max(1, 2 * self.cores // self.worker_count))


def settings_from_json(values: Mapping[str, Any]) -> EngineSettings:
    """The settings in ``values`` (the field names above); unknown names and wrong values raise SettingsError."""
    settings = _build(EngineSettings, values, "settings")
    assert isinstance(settings, EngineSettings)
    problem = _contradiction(settings)
    if problem:
        raise SettingsError(problem)
    return settings


def _contradiction(settings: EngineSettings) -> str | None:
    if settings.workers < 0:
        return f"settings.workers: found {settings.workers}, wanted 0 (one for each core) or more"
    if settings.limits.memory_bytes < LEAST_MEMORY_BYTES:
        found = settings.limits.memory_bytes
        return f"settings.limits.memory_bytes: found {found}, wanted {LEAST_MEMORY_BYTES} or more"
    if settings.s3 is not None and find_spec("obstore") is None:
        return "settings.s3: a library is missing; pip install 'docferry[s3]'"
    if settings.s3 is not None and (settings.s3.access_key_id is None) != (settings.s3.secret_access_key is None):
        return "settings.s3: access_key_id and secret_access_key go together; give both or neither"
    if any(not key for key in settings.keys):
        return "settings.keys: an empty key, wanted text"
    if settings.uds is None and not settings.keys and not is_loopback(settings.host):
        return f"settings.host: {settings.host} can be reached by others, so keys are wanted; add some or use 127.0.0.1"
    return None


def is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _build(kind: type[Any], values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise SettingsError(f"{where}: found {type(values).__name__}, wanted an object")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise SettingsError(f"{where}.{unknown[0]}: unknown; known are {', '.join(sorted(hints))}")
    fields = dataclasses.fields(kind)
    needed = [entry.name for entry in fields if _is_required(entry) and values.get(entry.name) is None]
    if needed:
        raise SettingsError(f"{where}.{needed[0]}: missing")
    given = {name: value for name, value in values.items() if value is not None}
    return kind(**{name: _convert(hints[name], value, f"{where}.{name}") for name, value in given.items()})


def _is_required(entry: dataclasses.Field[Any]) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def _convert(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        hint = next(entry for entry in get_args(hint) if entry is not type(None))
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _build(hint, value, where)
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if get_origin(hint) is tuple and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise SettingsError(f"{where}: found {type(value).__name__}, wanted {_wanted(hint)}")


def _wanted(hint: Any) -> str:
    names = {Path: "a path", int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, "a list of texts")
