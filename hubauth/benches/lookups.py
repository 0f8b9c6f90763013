"""The counterpart of lookups.rs with JupyterHub's own classes: `lookups.py` in this process, `lookups.py serve` as services.

Takes the hub's address from JUPYTERHUB_API_URL; the token is the bench's.
"""

import asyncio
import sys
import time

from jupyterhub.services.auth import HubAuth, HubAuthenticated
from tornado.web import Application, RequestHandler, authenticated

TOKEN = "0123456789abcdef" * 4


def in_process():
    auth = HubAuth(api_token=TOKEN)

    async def rate():
        calls, start = 0, time.monotonic()
        while time.monotonic() - start < 2:
            for _ in range(100):
                assert await auth.user_for_token(TOKEN, sync=False)
            calls += 100
        return calls / (time.monotonic() - start)

    per_second = asyncio.run(rate())
    print(f"cached look-up: {per_second:.0f}/s, {1e9 / per_second:.0f} ns")


class Plain(RequestHandler):
    def get(self):
        self.write("hello")


class Protected(HubAuthenticated, RequestHandler):
    @authenticated
    def get(self):
        self.write(f"hello {len(self.current_user['name'])}")


async def serve():
    servers = []
    for handler in (Plain, Protected):
        app = Application([("/", handler)], log_function=lambda handler: None)
        server = app.listen(0, "127.0.0.1")
        (socket,) = server._sockets.values()
        servers.append("127.0.0.1:%i" % socket.getsockname()[1])
    print("-", *servers, flush=True)
    await asyncio.Event().wait()


if sys.argv[1:] == ["serve"]:
    asyncio.run(serve())
else:
    in_process()
