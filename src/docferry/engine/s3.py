"""S3 as the operator's settings give access to it: what batches read from there and write to there.

Locations are ``s3://bucket/key`` with the key as S3 knows it, not percent-encoded. Buckets are addressed by path, so
that MinIO and its like work too. The endpoint is the operator's word: its address is not checked as that of a
``file_url`` is, and nothing but a bucket's and an object's name comes from a client.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docferry.engine.records import Source
from docferry.engine.settings import S3Settings

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

SCHEME = "s3://"
LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", re.DOTALL)
CHUNK_BYTES = 256 * 1024
CONNECT_TIMEOUT = "10s"
RETRIES = 3
RETRY_TIME = timedelta(seconds=30)
NAME_LENGTH = 255


class S3Failed(Exception):
    """S3 does not give or take what was asked for; ``message`` repeats neither keys nor the service's answer."""

    def __init__(self, message: str, *, code: str = "FILE_005") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def split_location(location: str) -> tuple[str, str]:
    """Bucket and key, or bucket and prefix."""
    found = LOCATION.fullmatch(location if location.count("/") > 2 else f"{location}/")
    if found is None:
        raise S3Failed("that is no S3 location such as s3://bucket/folder/", code="REQ_003")
    return found[1], found[2]


class S3:
    """Each call says in an S3Failed why it could not be done."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    async def documents(self, prefix: str, most: int) -> list[Source]:
        """The objects below ``prefix`` in the order of their names; at most one more than ``most``."""
        bucket, key = split_location(prefix)
        found: list[Source] = []
        try:
            async for chunk in self._store(bucket).list(prefix=as_folder(key)):
                found += [
                    Source(name_of(entry["path"]), url=f"{SCHEME}{bucket}/{entry['path']}", size_bytes=entry["size"])
                    for entry in chunk
                    if entry["size"] and not entry["path"].endswith("/")
                ]
                if len(found) > most:
                    break
        except errors() as error:
            raise failure("listed", error) from error
        return sorted(found, key=lambda source: source.url or "")[: most + 1]

    async def fetch(self, location: str, target: Path, most_bytes: int) -> int:
        """Write an object to ``target``; its size in bytes."""
        bucket, key = split_location(location)
        size_bytes = 0
        try:
            result = await self._store(bucket).get_async(key)
            with target.open("wb") as file:
                async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                    size_bytes += len(chunk)
                    if size_bytes > most_bytes:
                        raise S3Failed(f"the document is larger than {most_bytes} bytes", code="FILE_002")
                    await asyncio.to_thread(file.write, chunk)
        except errors() as error:
            raise failure("downloaded", error) from error
        return size_bytes

    def write(self, location: str, data: bytes) -> None:
        bucket, key = split_location(location)
        try:
            self._store(bucket).put(key, data, use_multipart=False)  # one request: there whole or not at all
        except errors() as error:
            raise failure("written", error) from error

    def _store(self, bucket: str) -> S3Store:
        from obstore.store import S3Store

        settings = self._settings
        config: S3Config = {"region": settings.region, "virtual_hosted_style_request": False}
        if settings.endpoint is not None:
            config["endpoint"] = settings.endpoint
        if settings.access_key_id is not None and settings.secret_access_key is not None:
            config["access_key_id"] = settings.access_key_id
            config["secret_access_key"] = settings.secret_access_key
        else:
            config["skip_signature"] = True
        return S3Store(
            bucket,
            config=config,
            client_options={"allow_http": True, "connect_timeout": CONNECT_TIMEOUT},
            retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIME},
        )


def settings_from_message(values: Mapping[str, Any]) -> S3Settings:
    return S3Settings(**values)


def settings_as_message(settings: S3Settings) -> dict[str, Any]:
    """For a worker that writes to S3."""
    return asdict(settings)


def as_folder(prefix: str) -> str | None:
    return f"{prefix.strip('/')}/" if prefix.strip("/") else None


def name_of(key: str) -> str:
    return key.rsplit("/", 1)[-1][:NAME_LENGTH]


def errors() -> tuple[type[Exception], ...]:
    """What obstore raises: missing objects and refused access are Python's own errors there."""
    from obstore.exceptions import BaseError

    return (BaseError, FileNotFoundError, PermissionError)


def failure(what: str, error: Exception) -> S3Failed:
    text = str(error)
    code = re.search(r"<Code>(\w{1,60})</Code>", text)
    status = re.search(r"status code: (\d{3})", text)
    reason = code[1] if code else status[1] if status else type(error).__name__
    return S3Failed(f"it could not be {what} by S3 ({reason})")
