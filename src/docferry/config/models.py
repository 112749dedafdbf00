"""The configuration as frozen values. One description: reading, checking, the JSON Schema and the docs use it.

Names in code carry their units (``settle_s``); names in YAML do not (``settle: 2s``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, StrictBool, StrictInt, Tag, WithJsonSchema, model_validator

from docferry.config.base import FrozenModel, ShortFormed
from docferry.config.keys import KeySource
from docferry.config.rules import Defaults, RuleConfig, RuleTest
from docferry.config.values import (
    Duration,
    FileMode,
    FilePath,
    Globs,
    Listen,
    Name,
    Period,
    RateLimit,
    Size,
    Text,
    Texts,
    wanted,
)

# What a sidecar may set, where its inbox allows it; `options` and `deliver` also key by key.
SIDECAR_SETTINGS = ("options", "deliver", "provider", "mode", "priority", "on_ambiguous")
MB = 1_000_000
GB = 1_000 * MB


def _url(value: object) -> str:
    if not isinstance(value, str):
        raise wanted("an http or https address")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise wanted("an http or https address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in value):
        raise wanted("an http or https address")
    if parts.username is not None or parts.password is not None:
        raise wanted("an address without a user or password in it", message="credentials in a URL")
    if parts.query or parts.fragment:
        raise wanted("an address without a query or fragment")
    return value.rstrip("/")


def _automatic(value: object) -> object:
    return None if value == "auto" else value


Url = Annotated[
    str, BeforeValidator(_url), WithJsonSchema({"type": "string", "examples": ["https://api.runpulse.com"]})
]
Workers = Annotated[
    StrictInt | None,
    BeforeValidator(_automatic),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]


class SidecarConfig(ShortFormed):
    """What a NAME.docferry.yaml dropped with a document may set, and whether a document waits for one."""

    allowed: Texts | tuple[()] = Field(default=(), description="What a sidecar may set, such as options.pages")
    required: StrictBool = Field(default=False, description="A document waits for its sidecar")

    @classmethod
    def short_forms(cls) -> list[dict[str, Any]]:
        return [{"const": "required"}, {"type": "array", "items": {"type": "string"}, "examples": [["options.pages"]]}]

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object) -> object:
        """``required``, a list of what is allowed (which may hold ``required``), or a mapping."""
        if value == "required":
            return {"required": True}
        if isinstance(value, list):
            allowed = [item for item in value if item != "required"]
            return {**({"allowed": allowed} if allowed else {}), "required": "required" in value}
        return value


class InboxConfig(FrozenModel):
    """A watched folder, and the folders that belong to it."""

    name: Name = Field(description="The inbox's name; rules and commands use it", examples=["scans"])
    path: FilePath = Field(description="The folder that people drop documents into")
    outbox: FilePath = Field(description="The folder that results appear in")
    archive: FilePath | None = Field(default=None, description="Where originals of delivered documents go")
    failed: FilePath = Field(description="Where originals that failed go, each with the reason")
    after: Literal["archive", "delete", "keep"] = Field(
        default="archive", description="What becomes of a delivered document's original; keep needs claim: leave"
    )
    claim: Literal["move", "leave"] = Field(default="move", description="leave: files stay where they are")
    recursive: StrictBool = Field(default=True, description="Sub-folders belong to the inbox")
    watch: Literal["auto", "events", "poll"] = Field(default="auto", description="auto polls on network filesystems")
    settle_s: Duration = Field(
        default=2.0,
        validation_alias="settle",
        description="Quiet time wanted of a file whose writer was not seen to close it",
    )
    settle_max_s: Period = Field(
        default=600.0, validation_alias="settle_max", description="After this an empty or unfinished file is given up"
    )
    rescan_s: Period = Field(
        default=60.0, validation_alias="rescan", description="The whole inbox is looked through this often"
    )
    ignore: Globs | tuple[()] = Field(default=(), description="Names to leave alone, besides the built-in ones")
    duplicates: Literal["process", "link", "skip"] = Field(
        default="process", description="link: same bytes and plan reuse the earlier result and pay nothing"
    )
    alert_after_s: Period = Field(
        default=1800.0, validation_alias="alert_after", description="A document that waits longer is an alert"
    )
    done_file: StrictBool = Field(default=False, description="A document is complete when NAME.done lies beside it")
    sidecar: SidecarConfig = Field(
        default=SidecarConfig(), description="What NAME.docferry.yaml may set for its document"
    )
    output_mode: FileMode | None = Field(default=None, description="Mode of result files, in octal digits")
    output_group: Text | None = Field(default=None, description="Group of result files")
    links: StrictBool = Field(default=False, description=".url and .webloc files are submitted by the address in them")

    @model_validator(mode="before")
    @classmethod
    def _leave_keeps(cls, value: object) -> object:
        """With ``claim: leave`` and nothing said, an original is kept."""
        if (
            isinstance(value, dict)
            and value.get("claim") == "leave"
            and "after" not in value
            and "archive" not in value
        ):
            return {**value, "after": "keep"}
        return value


class ProviderConfig(FrozenModel):
    """An extraction service: a dialect, where it is, its key and its limits."""

    name: Name = Field(default="provider", description="Taken from the key in `providers`")
    dialect: Text = Field(description="The API it speaks", examples=["pulse", "nanonets"])
    url: Url | None = Field(default=None, description="Base URL; or use `engine: embedded`")
    engine: Literal["embedded"] | None = Field(default=None, description="The engine that docferry brings along")
    key: KeySource | None = Field(
        default=None, description="Where its key is found: {env: NAME}, {file: PATH}, {credential: NAME}"
    )
    concurrency: StrictInt = Field(default=8, ge=1, le=1000, description="Requests at the same time")
    rate: RateLimit | None = Field(default=None, description="Submissions allowed, such as 60/min")
    pages_rate: RateLimit | None = Field(default=None, description="Pages allowed, such as 300/min")
    connect_timeout_s: Period = Field(
        default=10.0, validation_alias="connect_timeout", description="Time to reach the service"
    )
    write_timeout_s: Period = Field(
        default=300.0, validation_alias="write_timeout", description="Longest pause while sending"
    )
    read_timeout_s: Period = Field(
        default=120.0, validation_alias="read_timeout", description="Longest pause while receiving"
    )
    job_timeout_s: Period = Field(
        default=7200.0, validation_alias="job_timeout", description="A job that takes longer has failed"
    )
    proxy: Url | None = Field(default=None, description="HTTP proxy")
    ca_bundle: FilePath | None = Field(default=None, description="Certificates to trust instead of the built-in ones")
    max_answer_bytes: Size = Field(default=500 * MB, validation_alias="max_answer", description="Largest answer taken")
    idempotent: StrictBool | None = Field(
        default=None, description="Honours Idempotency-Key; default: true for the engine"
    )
    send_file_as: Literal["file", "base64"] = Field(default="file", description="How the document travels")
    sync_max_pages: StrictInt = Field(
        default=5, ge=0, description="mode: auto submits documents up to this synchronously"
    )
    sync_max_bytes: Size = Field(default=2 * MB, validation_alias="sync_max_size", description="The same, in bytes")
    async_min_pages: StrictInt = Field(default=50, ge=1, description="From here on mode: auto is always asynchronous")
    extra: Literal["allow", "refuse"] = Field(
        default="refuse", description="allow: options that the dialect does not know pass"
    )
    warn_on_deprecation: StrictBool = Field(
        default=True, description="Warn once when the service says a call is deprecated"
    )


class LlmConfig(FrozenModel):
    """Any server that speaks the OpenAI-compatible API."""

    url: Url = Field(description="Its base URL", examples=["http://localhost:11434/v1"])
    model: Text = Field(description="The model to ask for")
    key: KeySource | None = Field(default=None, description="Where its key is found, if it wants one")


class S3Config(FrozenModel):
    """Amazon S3, or a server that speaks its protocol; without keys, what anyone may read and write there."""

    endpoint: Url | None = Field(default=None, description="Its address, if it is not Amazon's")
    region: Text = Field(default="us-east-1", description="Where its buckets lie")
    access_key_id: Text | None = Field(default=None, description="Name of the access key")
    secret_access_key: KeySource | None = Field(default=None, description="Where the access key is found")


class LimitsConfig(FrozenModel):
    """What the engine takes."""

    upload_bytes: Size = Field(default=500 * MB, validation_alias="upload", description="Largest document taken")
    max_pages: StrictInt = Field(default=5000, ge=1, validation_alias="pages", description="Most pages of one document")
    job_time_s: Period = Field(
        default=600.0, validation_alias="job_time", description="A job that takes longer is ended"
    )
    memory_bytes: Size = Field(default=GB, validation_alias="memory", description="Memory of one job")


class EngineConfig(FrozenModel):
    """The embedded engine's own settings; all optional."""

    workers: Workers = Field(default=None, description="Worker processes; auto: one for each core")
    limits: LimitsConfig = LimitsConfig()
    llm: LlmConfig | None = Field(default=None, description="A language model, if there is one")
    s3: S3Config | None = Field(default=None, description="Where s3_prefix of a batch may lie; none: nowhere")

    @property
    def upload_bytes(self) -> int:
        return self.limits.upload_bytes

    @property
    def max_pages(self) -> int:
        return self.limits.max_pages

    @property
    def job_time_s(self) -> float:
        return self.limits.job_time_s

    @property
    def memory_bytes(self) -> int:
        return self.limits.memory_bytes


class LogConfig(FrozenModel):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is said")
    format: Literal["auto", "text", "json", "journal"] = Field(
        default="auto", description="auto: the journal if it is there"
    )
    names: StrictBool = Field(default=True, description="false: file names are left out")


class ControlConfig(FrozenModel):
    """The socket through which commands reach the daemon."""

    socket: FilePath | None = Field(default=None, description="Its path; default: beside the ledger")
    group: Text | None = Field(default=None, description="Members may use the commands that change something")


class MetricsConfig(FrozenModel):
    """Prometheus metrics."""

    listen: Listen | None = Field(default=None, description="Address for scrapers; without it there are none")


def _alert_kind(value: object) -> str:
    return "(text)" if isinstance(value, str) else "(source)"


# The tags show up in pydantic's error paths; those in parentheses are left out of ours.
AlertUrl = Annotated[Annotated[KeySource, Tag("(source)")] | Annotated[Text, Tag("(text)")], Discriminator(_alert_kind)]


class AlertsConfig(FrozenModel):
    """Who is told when a person is needed."""

    urls: tuple[AlertUrl, ...] = Field(default=(), repr=False, description="Apprise URLs, or where they are found")
    command: tuple[Text, ...] | None = Field(default=None, description="A program and its arguments")


class ConfigFile(FrozenModel):
    """The main file, as it is written."""

    state: FilePath | None = Field(default=None, description="Where the ledger lives")
    inboxes: tuple[InboxConfig, ...] = Field(min_length=1, description="The watched folders")
    providers: dict[str, ProviderConfig] = Field(min_length=1, description="The extraction services, by name")
    rules: tuple[RuleConfig, ...] = Field(
        default=(), description="First match wins; a rule without `when` matches everything"
    )
    defaults: Defaults = Field(default=Defaults(), description="What applies to every rule that does not say otherwise")
    tests: tuple[RuleTest, ...] = Field(default=(), description="What the rules must decide; run by `docferry check`")
    engine: EngineConfig = EngineConfig()
    log: LogConfig = LogConfig()
    keep_history_s: Period | None = Field(
        default=None,
        validation_alias="keep_history",
        description="Ended documents leave the ledger after this; default: never",
    )
    shutdown_grace_s: Duration = Field(
        default=30.0, validation_alias="shutdown_grace", description="Time for requests to finish at the end"
    )
    control: ControlConfig = ControlConfig()
    metrics: MetricsConfig = MetricsConfig()
    alerts: AlertsConfig = AlertsConfig()

    @model_validator(mode="before")
    @classmethod
    def _name_providers(cls, value: object) -> object:
        if not isinstance(value, dict) or not isinstance(value.get("providers"), dict):
            return value
        named = {
            key: {"name": key, **provider} if isinstance(provider, dict) else provider
            for key, provider in value["providers"].items()
        }
        return {**value, "providers": named}


class RulesFile(FrozenModel):
    """One file in rules.d: more rules, read before those of the main file, and their tests."""

    rules: tuple[RuleConfig, ...] = ()
    tests: tuple[RuleTest, ...] = ()


@dataclass(frozen=True)
class Config:
    """The whole configuration, resolved: every path absolute, every short form spelled out."""

    path: Path
    base: Path
    state: Path
    inboxes: tuple[InboxConfig, ...]
    providers: Mapping[str, ProviderConfig]
    rules: tuple[RuleConfig, ...]
    defaults: Defaults
    tests: tuple[RuleTest, ...]
    engine: EngineConfig
    log: LogConfig
    keep_history_s: float | None
    shutdown_grace_s: float
    control: ControlConfig
    metrics: MetricsConfig
    alerts: AlertsConfig
    rules_hash: str
    sources: tuple[Path, ...]
    origins: Mapping[str, str] = field(default_factory=dict)  # rule name to file:line
    test_origins: tuple[str, ...] = ()  # file:line of each test

    def inbox(self, name: str) -> InboxConfig:
        """The inbox of that name; KeyError if there is none."""
        for inbox in self.inboxes:
            if inbox.name == name:
                return inbox
        raise KeyError(name)
