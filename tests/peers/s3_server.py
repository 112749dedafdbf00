"""A small S3: buckets addressed by path, objects in memory, and only for requests signed with the right keys.

It speaks what docferry's S3 library sends (ListObjectsV2 with continuation, GetObject, PutObject) as Amazon's API
Reference describes it, and checks signatures as "Signature Version 4" there does. Anything else is answered
NotImplemented, so that a request nobody thought of is seen.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w{64})"
)
STATUS = {
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "SignatureDoesNotMatch": 403,
    "XAmzContentSHA256Mismatch": 400,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NotImplemented": 501,
}
PAGE = 2  # keys in an answer to a listing: few, so that every listing of more has to be continued


class Denied(Exception):
    """A code of S3's."""


@dataclass
class S3Server:
    """``buckets`` are their objects by key; ``requests`` what came, as method and target."""

    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"
    endpoint: str = ""
    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[bytes, str]:
        """Body and media type; raises Denied."""
        self.requests.append(f"{method} {target}")
        self.check_signature(method, target, headers, body)
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if bucket not in self.buckets:
            raise Denied("NoSuchBucket")
        objects = self.buckets[bucket]
        if method == "GET" and not key and query.get("list-type") == "2":
            return self.listing(bucket, query).encode(), "application/xml"
        if method == "GET" and key and not query:
            if key not in objects:
                raise Denied("NoSuchKey")
            return objects[key], "application/octet-stream"
        if method == "PUT" and key and not query:
            objects[key] = body
            return b"", "application/xml"
        raise Denied("NotImplemented")

    def listing(self, bucket: str, query: dict[str, str]) -> str:
        """ListBucketResult: the keys after the continuation token, which is the last key told."""
        if not query.keys() <= {"list-type", "prefix", "continuation-token"}:
            raise Denied("NotImplemented")
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = sorted(key for key in self.buckets[bucket] if key.startswith(prefix) and key > after)
        told = keys[:PAGE]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
            f"<ETag>&quot;{etag(self.buckets[bucket][key])}&quot;</ETag><Size>{len(self.buckets[bucket][key])}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key in told
        )
        more = len(keys) > len(told)
        token = f"<NextContinuationToken>{escape(told[-1])}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(told)}</KeyCount>"
            f"<MaxKeys>{PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )

    def check_signature(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        if "authorization" not in headers:
            raise Denied("AccessDenied")
        found = AUTHORIZATION.fullmatch(headers["authorization"])
        if found is None:
            raise Denied("AccessDenied")
        key_id, day, region, names, signature = found.groups()
        if key_id != self.access_key_id:
            raise Denied("InvalidAccessKeyId")
        payload = headers.get("x-amz-content-sha256", "")
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            raise Denied("XAmzContentSHA256Mismatch")
        parts = urlsplit(target)
        query = sorted(parse_qsl(parts.query, keep_blank_values=True))
        canonical = "\n".join(
            [
                method,
                quote(unquote(parts.path), safe="/~"),
                "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query),
                *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names.split(";")),
                "",
                names,
                payload,
            ]
        )
        scope = f"{day}/{region}/s3/aws4_request"
        told = "\n".join(
            ["AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), scope, hashlib.sha256(canonical.encode()).hexdigest()]
        )
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (day, region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        right = hmac.digest(key, told.encode(), "sha256").hex()
        if region != self.region or not hmac.compare_digest(right, signature):
            raise Denied("SignatureDoesNotMatch")


def etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextmanager
def s3_server(access_key_id: str, secret_access_key: str) -> Iterator[S3Server]:
    """An S3 at a free port of this machine."""
    server = S3Server(access_key_id, secret_access_key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.serve()

        def do_PUT(self) -> None:
            self.serve()

        def do_POST(self) -> None:
            self.serve()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = 200
            try:
                answer, kind = server.answer(self.command, self.path, headers, body)
            except Denied as denied:
                status, kind = STATUS[str(denied)], "application/xml"
                answer = f'<?xml version="1.0"?><Error><Code>{denied}</Code><Message>no</Message></Error>'.encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(answer))),
                ("ETag", f'"{etag(answer or body)}"'),
                ("Last-Modified", formatdate(usegmt=True)),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.endpoint = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
