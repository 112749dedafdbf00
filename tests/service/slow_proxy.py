"""Forwards a port to the engine, and lets an upload trickle while /run/slow exists. Runs inside the machine.

Usage: slow_proxy.py LISTEN_PORT ENGINE_PORT
"""

import asyncio
import sys
from pathlib import Path

SLOW = Path("/run/slow")
UPLOADING = Path("/run/uploading")  # made when a slow upload has begun


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, throttled: bool) -> None:
    try:
        while piece := await reader.read(4096):
            writer.write(piece)
            await writer.drain()
            if throttled and SLOW.exists() and len(piece) == 4096:
                UPLOADING.touch()
                await asyncio.sleep(0.1)
    except ConnectionError:
        pass  # the other end went away, which is what is tested
    finally:
        writer.close()


async def serve(listen: int, engine: int) -> None:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", engine)
        await asyncio.gather(pump(reader, forth, True), pump(back, writer, False))

    server = await asyncio.start_server(forward, "127.0.0.1", listen)
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
