"""WebSockets that say nothing: `serve PORT` accepts them, `open PORT COUNT` opens them, prints how many, and waits."""

import asyncio
import sys

ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def accept(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await reader.read()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # somebody who only wanted to know whether we listen, or who was stopped
    writer.close()


async def serve(port):
    server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


async def open_all(port, count):
    kept = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " in head.split(b"\r\n")[0]:
            kept.append((reader, writer))
    print(len(kept), flush=True)
    await asyncio.sleep(3600)


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))
else:
    asyncio.run(open_all(int(sys.argv[2]), int(sys.argv[3])))
