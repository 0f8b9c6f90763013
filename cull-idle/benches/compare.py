"""The fake hub and the measurements of compare.sh."""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

# One sweep, as the Python culler's own loop makes it; its program has no way to end after one.
ONE_SWEEP = """
import asyncio, logging, os
logging.basicConfig(level=logging.INFO)
from jupyterhub_idle_culler import cull_idle
asyncio.run(cull_idle(os.environ["JUPYTERHUB_API_URL"], "token", 3600, logging.getLogger("culler")))
"""


def user(number, idle):
    """A user as JupyterHub 6.1 shows it to a culler, with one running server."""
    now = datetime.now(timezone.utc)
    stamp = lambda delta: (now - delta).isoformat().replace("+00:00", "Z")
    name = f"user{number:05d}"
    used = stamp(timedelta(hours=2) if idle else timedelta(minutes=3))
    server = {
        "name": "", "display_name": "", "full_name": f"{name}/", "last_activity": used,
        "started": stamp(timedelta(hours=9)), "pending": None, "ready": True, "stopped": False,
        "url": f"/user/{name}/", "full_url": None, "user_options": {},
        "progress_url": f"/hub/api/users/{name}/server/progress", "full_progress_url": None,
    }
    return {"kind": "user", "name": name, "last_activity": used, "servers": {"": server}}


class Hub(asyncio.Protocol):
    """Answers what cullers ask, from memory; keeps count."""

    users = []
    pages = {}
    counts = {"GET": 0, "DELETE": 0}

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.answer(head.decode())

    def answer(self, head):
        line, *headers = head.split("\r\n")
        method, target, _ = line.split(" ")
        host = next(h.split(": ")[1] for h in headers if h.lower().startswith("host: "))
        url = urlsplit(target)
        if url.path == "/count":
            body = json.dumps(Hub.counts).encode()
            Hub.counts = {"GET": 0, "DELETE": 0}
        else:
            Hub.counts[method] += 1
            body = b"" if method == "DELETE" else self.read(url, host)
        status = "204 No Content" if method == "DELETE" else "200 OK"
        length = "" if method == "DELETE" else f"Content-Length: {len(body)}\r\n"
        close = any(h.lower() == "connection: close" for h in headers)
        reply = f"HTTP/1.1 {status}\r\nDate: {formatdate(usegmt=True)}\r\n{length}Content-Type: application/json\r\n"
        self.transport.write((reply + ("Connection: close\r\n" if close else "") + "\r\n").encode() + body)
        if close:
            self.transport.close()

    def read(self, url, host):
        if url.path != "/hub/api/users":
            return b'{"version": "6.1.1"}'
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), 200)
        if (offset, limit) not in Hub.pages:
            following, total = None, len(Hub.users)
            if offset + limit < total:
                next_url = f"http://{host}/hub/api/users?state=ready&offset={offset + limit}&limit={limit}"
                following = {"offset": offset + limit, "limit": limit, "url": next_url}
            place = {"offset": offset, "limit": limit, "total": total, "next": following}
            page = {"items": Hub.users[offset:offset + limit], "_pagination": place}
            Hub.pages[offset, limit] = json.dumps(page).encode()
        return Hub.pages[offset, limit]


def serve(users, idle, port):
    """Runs a hub in which the idle ones are spread evenly; says where it listens."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    every = users // idle if idle else 0
    Hub.users = [user(n, every and n % every == 0) for n in range(users)]

    async def forever():
        server = await asyncio.get_running_loop().create_server(Hub, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def counted(port):
    from urllib.request import urlopen

    return json.load(urlopen(f"http://127.0.0.1:{port}/count"))


def peak(pid):
    """The most memory that a process had since its program was loaded, in MiB; 0 when it has ended.

    Not what `wait4` says: that counts the copy of this Python, too, from which the process was forked."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def runs(pid, name):
    """Whether a process runs a program of this name."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == name
    except OSError:
        return False


def measure(command, port):
    """CPU seconds, wall seconds, peak memory in MiB, and requests of one process."""
    counted(port)
    environment = {
        "PATH": os.environ["PATH"], "JUPYTERHUB_API_TOKEN": "token",
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{port}/hub/api",
    }
    core = str(min(os.sched_getaffinity(0)))
    begun = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "-c", core, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    memory, ended = 0, 0
    while not ended:
        if memory or not runs(process.pid, "taskset"):
            memory = max(memory, peak(process.pid))
        time.sleep(0.001)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    requests = counted(port)
    return used.ru_utime + used.ru_stime, wall, memory, requests["GET"], requests["DELETE"]


def best(command, port, runs):
    return tuple(min(values) for values in zip(*(measure(command, port) for _ in range(runs))))


def main(culler, runs):
    ours = [culler, "--once", "--timeout=3600"]
    theirs = [sys.executable, "-c", ONE_SWEEP]
    print("| users, idle | | CPU s | wall s | peak MiB | GET | DELETE |\n|---|---|---|---|---|---|---|")
    aims = []
    for users, idle in [(0, 0), (1_000, 0), (1_000, 500), (10_000, 0), (10_000, 500)]:
        parent, child = multiprocessing.Pipe()
        hub = multiprocessing.Process(target=serve, args=(users, idle, child))
        hub.start()
        port = parent.recv()
        rows = [best(command, port, runs) for command in (ours, theirs)]
        hub.terminate()
        hub.join()
        assert all(row[4] == idle for row in rows), rows
        for name, (cpu, wall, memory, gets, deletes) in zip(("ours", "Python"), rows):
            print(f"| {users:,}, {idle} | {name} | {cpu:.3f} | {wall:.2f} | {memory:.1f} | {gets} | {deletes} |")
        (cpu, wall, memory, *_), (their_cpu, their_wall, their_memory, *_) = rows
        ratios = their_cpu / cpu, their_wall / wall, their_memory / memory
        print(f"| {users:,}, {idle} | ratio | {ratios[0]:.0f} | {ratios[1]:.0f} | {ratios[2]:.1f} | | |")
        if users:
            aims.append(ratios[0] >= 20 and ratios[2] >= 5)
    print(f"\n20 times less CPU and 5 times less memory: {'reached' if all(aims) else 'MISSED'}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
