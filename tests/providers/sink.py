"""Takes one upload of any size and keeps nothing but its length: ``python sink.py`` prints its address."""

from __future__ import annotations

import json
import socket


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        line, _ = server.accept()
        with line:
            serve(line)


def serve(line: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += line.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length"))
    left = length - len(body)
    buffer = memoryview(bytearray(1 << 20))
    while left:
        count = line.recv_into(buffer)
        left -= count
    answer = json.dumps({"job_id": str(length), "status": "pending"}).encode()
    line.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)


if __name__ == "__main__":
    main()
