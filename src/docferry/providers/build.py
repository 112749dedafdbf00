"""Makes providers from their configuration. Third parties bring dialects through the entry points below."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from docferry.errors import ConfigError
from docferry.providers.base import Provider
from docferry.providers.http import HttpClient, HttpSettings
from docferry.providers.nanonets import NanonetsProvider
from docferry.providers.pulse import PulseProvider

ENTRY_POINTS = "docferry.dialects"
ENGINE_URL = "http://localhost"  # over its Unix socket


class KeyLike(Protocol):
    """A secret that shows itself only here."""

    def reveal(self) -> str: ...


class ProviderSettings(Protocol):
    """What of a provider's configuration is read here."""

    @property
    def name(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def url(self) -> str | None: ...
    @property
    def engine(self) -> str | None: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def connect_timeout_s(self) -> float: ...
    @property
    def write_timeout_s(self) -> float: ...
    @property
    def read_timeout_s(self) -> float: ...
    @property
    def proxy(self) -> str | None: ...
    @property
    def ca_bundle(self) -> Path | None: ...
    @property
    def max_answer_bytes(self) -> int: ...
    @property
    def idempotent(self) -> bool | None: ...
    @property
    def send_file_as(self) -> str: ...
    @property
    def warn_on_deprecation(self) -> bool: ...


Factory = Callable[..., Provider]


def create_provider(config: ProviderSettings, *, key: KeyLike | None, engine_socket: Path | None) -> Provider:
    """The provider that ``config`` describes. ConfigError where it cannot be made.

    A third party's dialect is a callable with these same arguments, registered under its name as an entry
    point of the group ``docferry.dialects``.
    """
    factory = _DIALECTS.get(config.dialect) or _third_party(config.dialect)
    if factory is None:
        raise ConfigError([f"providers.{config.name}.dialect: {config.dialect!r} is not known"])
    return factory(config, key=key, engine_socket=engine_socket)


def dialects() -> list[str]:
    """Names of all dialects that can be used."""
    return sorted({*_DIALECTS, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def _third_party(dialect: str) -> Factory | None:
    for entry in entry_points(group=ENTRY_POINTS, name=dialect):
        factory: Factory = entry.load()
        return factory
    return None


def _pulse(config: ProviderSettings, *, key: KeyLike | None, engine_socket: Path | None) -> Provider:
    if config.send_file_as != "file":
        raise ConfigError([f"providers.{config.name}.send_file_as: Pulse takes files only as `file`"])
    http = _http(config, "x-api-key", key.reveal() if key else None, engine_socket)
    return PulseProvider(
        http, honours_idempotency_key=_idempotent(config), warn_on_deprecation=config.warn_on_deprecation
    )


def _nanonets(config: ProviderSettings, *, key: KeyLike | None, engine_socket: Path | None) -> Provider:
    http = _http(config, "authorization", f"Bearer {key.reveal()}" if key else None, engine_socket)
    return NanonetsProvider(
        http,
        honours_idempotency_key=_idempotent(config),
        send_file_as=config.send_file_as,
        warn_on_deprecation=config.warn_on_deprecation,
    )


_DIALECTS: dict[str, Factory] = {"pulse": _pulse, "nanonets": _nanonets}


def _idempotent(config: ProviderSettings) -> bool:
    return config.engine is not None if config.idempotent is None else config.idempotent


def _http(config: ProviderSettings, header: str, value: str | None, engine_socket: Path | None) -> HttpClient:
    settings = HttpSettings(
        name=config.name,
        base_url=_base_url(config, engine_socket),
        auth={header: value} if value else {},
        socket=engine_socket if config.engine else None,
        connect_timeout_s=config.connect_timeout_s,
        write_timeout_s=config.write_timeout_s,
        read_timeout_s=config.read_timeout_s,
        proxy=config.proxy,
        ca_bundle=config.ca_bundle,
        max_answer_bytes=config.max_answer_bytes,
        # One for each call that may be under way, and as many that hang on a share that is gone.
        threads=2 * config.concurrency + 2,
    )
    where = f"providers.{config.name}"
    try:
        return HttpClient(settings)
    except OSError as error:  # also what OpenSSL says of a file that holds no certificates
        raise ConfigError([f"{where}.ca_bundle: {config.ca_bundle} holds no certificates that can be read"]) from error
    except (ImportError, ValueError) as error:
        wanted = "wanted an http or https proxy, here or in the environment (HTTPS_PROXY, ALL_PROXY)"
        raise ConfigError([f"{where}.proxy: {wanted}"]) from error


def _base_url(config: ProviderSettings, engine_socket: Path | None) -> str:
    if config.engine:
        if engine_socket is None:
            raise ConfigError([f"providers.{config.name}.engine: the embedded engine is not running"])
        return ENGINE_URL
    parts = urlsplit(config.url or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError([f"providers.{config.name}.url: wanted an http or https address"])
    return (config.url or "").rstrip("/")
