"""What lies outside: providers (name in DNS, connection, certificate, key), alerts and metrics."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from docferry.config.keys import KeySource, Secret
from docferry.config.models import Config, ProviderConfig
from docferry.errors import ConfigError, DocferryError, UsageError
from docferry.models import display
from docferry.observe.checks.findings import Finding, Level, advice, fine, wrong

ENGINE_MODULES = ("fastapi", "uvicorn", "liteparse", "PIL", "multipart", "rapidocr", "onnxruntime", "xberg")


Keys = Mapping[str, Secret | ConfigError]  # for each provider that has one: its key, or why there is none


def read_keys(config: Config, environ: Mapping[str, str], credentials: Path | None) -> Keys:
    """All keys, read before rights are given up."""
    keys: dict[str, Secret | ConfigError] = {}
    for name, provider in config.providers.items():
        if provider.key is None:
            continue
        try:
            keys[name] = provider.key.read(environ, credentials)
        except ConfigError as error:
            keys[name] = error
    return keys


async def check_providers(config: Config, keys: Keys, timeout_s: float) -> list[Finding]:
    """Every provider: its key, its name in DNS, its certificate, and whether it takes the key. All at the same time."""
    checks = [check_provider(provider, keys.get(name), timeout_s) for name, provider in config.providers.items()]
    return [finding for findings in await asyncio.gather(*checks) for finding in findings]


async def check_provider(provider: ProviderConfig, key: Secret | ConfigError | None, timeout_s: float) -> list[Finding]:
    """One provider. The service is only asked where everything before is in order."""
    if provider.engine == "embedded":
        return [_engine(provider.name)]
    findings = _key(provider, key) + await asyncio.to_thread(_connection, provider, timeout_s)
    if isinstance(key, ConfigError) or any(finding.level is Level.WRONG for finding in findings):
        return findings
    return [*findings, await _service(provider, key, timeout_s)]


def _engine(name: str) -> Finding:
    missing = [module for module in ENGINE_MODULES if importlib.util.find_spec(module) is None]
    if missing:
        detail = f"the embedded engine lacks {', '.join(missing)}"
        return wrong("engine", name, detail, "pip install 'docferry[engine]'")
    return fine("engine", name, "the embedded engine is installed")


def _key(provider: ProviderConfig, key: Secret | ConfigError | None) -> list[Finding]:
    if provider.key is None:
        return []
    if isinstance(key, ConfigError):
        return [wrong("key", provider.name, "; ".join(key.problems), key_remedy(provider.key))]
    return [fine("key", provider.name, f"the key is there ({provider.key})")]


def key_remedy(source: KeySource) -> str:
    """Where a key of this kind is put."""
    if source.kind == "env":
        return f"set {source.name} in the environment of docferry"
    if source.kind == "file":
        return f"put the key into {source.name}, mode 0600, owned by docferry's user"
    return f"put the key into /etc/docferry/credentials/{source.name} (root, 0600), then restart docferry"


def _connection(provider: ProviderConfig, timeout_s: float) -> list[Finding]:
    """DNS, the port and the certificate; with a proxy only the proxy's own, since it does the rest."""
    through_proxy = provider.proxy is not None
    address = urlsplit(provider.proxy or provider.url or "")
    place = f"{'proxy ' if through_proxy else ''}{address.hostname}"
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        addresses = socket.getaddrinfo(address.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        remedy = "check /etc/resolv.conf and the spelling of url:"
        return [wrong("dns", provider.name, f"{place} is not found: {error.strerror or error}", remedy)]
    findings = [fine("dns", provider.name, f"{place} is {addresses[0][4][0]}")]
    try:
        with socket.create_connection((str(address.hostname), port), timeout=timeout_s) as plain:
            if address.scheme == "https":
                findings.append(_certificate(provider, address, plain))
    except OSError as error:
        findings.append(_no_connection(provider.name, f"{place}:{port}", error))
    return findings


def _certificate(provider: ProviderConfig, address: SplitResult, plain: socket.socket) -> Finding:
    context = ssl.create_default_context(cafile=str(provider.ca_bundle) if provider.ca_bundle else None)
    with context.wrap_socket(plain, server_hostname=address.hostname) as secure:
        return fine("tls", provider.name, f"the certificate of {address.hostname} is good ({secure.version()})")


def _no_connection(name: str, place: str, error: OSError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"{place}: the certificate is not trusted: {error.verify_message}"
        return wrong("tls", name, detail, "set ca_bundle: where a company proxy signs anew; check this machine's clock")
    if isinstance(error, ssl.SSLError):
        return wrong("tls", name, f"{place}: TLS failed: {error.reason}", "check that url: names an HTTPS service")
    reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
    return wrong("connection", name, f"{place}: {reason}", "check the firewall, or set proxy:")


async def _service(provider: ProviderConfig, key: Secret | None, timeout_s: float) -> Finding:
    """Asks the provider itself, without submitting anything."""
    from docferry.providers.build import create_provider

    try:
        client = create_provider(provider, key=key, engine_socket=None)
    except DocferryError as error:
        return wrong("provider", provider.name, error.message, error.hint or "see docferry check")
    try:
        async with asyncio.timeout(timeout_s):
            health = await client.check()
    except TimeoutError:
        return wrong("provider", provider.name, f"no answer within {timeout_s:.0f} s", "ask the service's status page")
    except DocferryError as error:
        return wrong("provider", provider.name, error.message, error.hint or "ask the service's status page")
    finally:
        await client.aclose()
    if not health.reachable:
        return wrong("provider", provider.name, health.detail, "check url: and the service's status page")
    if health.key_accepted is False:
        remedy = key_remedy(provider.key) if provider.key else "give it a key:"
        return wrong("provider", provider.name, f"the key is refused: {health.detail}", remedy)
    return fine("provider", provider.name, health.detail)


def check_alerts(config: Config) -> list[Finding]:
    """Whether alerts have a way out."""
    alerts = config.alerts
    if alerts.urls and importlib.util.find_spec("apprise") is None:
        remedy = "pip install 'docferry[alerts]', or use alerts.command"
        return [wrong("alerts", "machine", "alerts.urls need Apprise, which is not installed", remedy)]
    if alerts.command and shutil.which(alerts.command[0]) is None:
        detail = f"the alert command {display(alerts.command[0])} cannot be run"
        return [wrong("alerts", "machine", detail, "name an executable file by its whole path")]
    if not alerts.urls and not alerts.command:
        remedy = "set alerts.urls or alerts.command, so that a wrong key is known before somebody misses a result"
        return [advice("alerts", "machine", "nobody is told when something is wrong", remedy)]
    return [fine("alerts", "machine", "alerts have a way out")]


def check_metrics(config: Config) -> list[Finding]:
    """Whether the metrics that are asked for can be had."""
    from docferry.observe.health import Listen

    if config.metrics.listen is None:
        return []
    try:
        Listen.parse(config.metrics.listen)
    except UsageError as error:
        return [wrong("metrics", "machine", error.message, error.hint or "")]
    if importlib.util.find_spec("prometheus_client") is None:
        remedy = "pip install 'docferry[metrics]', or remove metrics.listen"
        return [wrong("metrics", "machine", "prometheus-client is not installed", remedy)]
    return [fine("metrics", "machine", f"metrics on {config.metrics.listen}")]
