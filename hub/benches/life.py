#!/usr/bin/env python3
"""Compares how our hub and JupyterHub 6.1 start and spawn on this machine, one after the other, in one run.

    hub/benches/life.py start [--users 10000] [--servers 500] [--rounds 3]
    hub/benches/life.py storm [--servers 200]

start   A hub with this many users and running servers is stopped and started again: how long until a login page is
        answered through the public port, until the proxy has all routes, and how much memory is resident then.
storm   That many servers are asked for at once: how long until all of them are ready, the hub's CPU time for each,
        and whether any ran twice.

    HUB    the program                   [default: built here with --release]
    PEERS  the folder of JupyterHub      [default: target/peers; `tests/run --peers-only` fills it]

Needs Linux, a C compiler and python3. Servers are one small C program that binds its address and answers 200, so that what
is measured is the hub. Each hub has one core to itself, with its proxy and its servers; this script has the other.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(os.environ.get("PEERS", ROOT / "target/peers")).resolve()
STUB = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    const char *url = getenv("JUPYTERHUB_SERVICE_URL"), *colon = url ? strrchr(url, ':') : NULL;
    if (!colon) return 2;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (struct sockaddr *)&at, sizeof at) || listen(door, 16)) { perror("stub"); return 1; }
    const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    char asked[65536];
    for (;;) {
        int one = accept(door, NULL, NULL);
        if (one < 0) continue;
        if (read(one, asked, sizeof asked) > 0 && write(one, answer, sizeof answer - 1) < 0) perror("stub");
        close(one);
    }
}
"""


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def poll(what, check, seconds=600):
    """The seconds until `check` is true."""
    begin = time.monotonic()
    while not check():
        if time.monotonic() - begin > seconds:
            sys.exit(f"{what}: not after {seconds} s")
        time.sleep(0.002)
    return time.monotonic() - begin


def processes():
    """pid -> (parent, command line) of everything that runs."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found[int(entry.name)] = (parent, (entry / "cmdline").read_bytes().split(b"\0"))
    return found


class Hub:
    """One of the two hubs, with its configuration and its database in a folder of its own."""

    def __init__(self, name, folder, stub):
        self.name, self.folder, self.stub = name, folder / name, stub
        self.folder.mkdir()
        self.public, self.port, self.proxy = free_port(), free_port(), free_port()
        self.secret, self.proxy_token = secrets.token_hex(16), secrets.token_hex(16)
        self.process = None
        getattr(self, f"configure_{name}")()

    def configure_ours(self):
        hub = os.environ.get("HUB")
        if not hub:
            subprocess.run(["cargo", "build", "--release", "-p", "hub"], cwd=ROOT, check=True)
            hub = ROOT / "target/release/hub"
        self.command = [pathlib.Path(hub).resolve(), "-f", "hub.toml"]
        values = self.settings()
        services, roles = values["JupyterHub"].pop("services"), values["JupyterHub"].pop("load_roles")
        lines = []
        for section, keys in values.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        for section, rows in (("services", services), ("load_roles", roles)):
            for row in rows:
                lines += [f"[[JupyterHub.{section}]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
        (self.folder / "hub.toml").write_text("\n".join(lines) + "\n")

    def configure_jupyterhub(self):
        self.command = [PEERS / "venv/bin/jupyterhub"]
        if not self.command[0].exists():
            sys.exit(f"no JupyterHub in {PEERS}: run tests/run --peers-only, or set PEERS")
        lines = [
            f"c.{section}.{key} = {value!r}" for section, keys in self.settings().items() for key, value in keys.items()
        ]
        (self.folder / "jupyterhub_config.py").write_text("\n".join(lines) + "\n")

    def settings(self):
        """What both are told, in JupyterHub's names."""
        return {
            "JupyterHub": {
                "bind_url": f"http://127.0.0.1:{self.public}",
                "hub_bind_url": f"http://127.0.0.1:{self.port}",
                "authenticator_class": "dummy",
                "spawner_class": "simple",
                "cleanup_servers": False,
                "concurrent_spawn_limit": 0,
                "services": [{"name": "bench", "api_token": self.secret}],
                "load_roles": [
                    {"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "list:users"]}
                ],
            },
            "Authenticator": {"allow_all": True},
            "ConfigurableHTTPProxy": {"api_url": f"http://127.0.0.1:{self.proxy}"},
            "Spawner": {"cmd": [str(self.stub)]},
            "SimpleLocalProcessSpawner": {"home_dir_template": f"{self.folder}/home/{{username}}"},
        }

    def start(self):
        """Starts it; returns the moment. Whether it answers is asked by the caller."""
        env = os.environ | {
            "PATH": f"{PEERS}/venv/bin:{PEERS}/node/node_modules/.bin:{os.environ['PATH']}",
            "CONFIGPROXY_AUTH_TOKEN": self.proxy_token,
            "JUPYTERHUB_CRYPT_KEY": "",
        }
        command = ["taskset", "-c", "0", *map(str, self.command)]
        with open(self.folder / "log", "ab") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(command, cwd=self.folder, env=env, stdout=log, stderr=log)
        return begin

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
            self.process = None

    def ask(self, method, path, body=None, port=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=600)
        headers = headers or {"Authorization": f"token {self.secret}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended:\n{(self.folder / 'log').read_text()[-2000:]}")
            return 0, b""
        finally:
            connection.close()

    def answers(self):
        return self.ask("GET", "/hub/api/")[0] == 200

    def routes(self):
        headers = {"Authorization": f"token {self.proxy_token}"}
        status, body = self.ask("GET", "/api/routes", port=self.proxy, headers=headers)
        return sum(path.startswith("/user/") for path in json.loads(body)) if status == 200 else -1

    def login_page(self):
        status, body = self.ask("GET", "/hub/login", port=self.public, headers={"Accept": "text/html"})
        return status == 200 and b"<form" in body

    def register(self, users):
        for at in range(0, users, 250):
            print(f"\r{self.name}: registering users: {at} of {users} ", end="", file=sys.stderr, flush=True)
            names = [f"user-{n:05}" for n in range(at, min(at + 250, users))]
            status, body = self.ask("POST", "/hub/api/users", {"usernames": names})
            if status != 201:
                sys.exit(f"{self.name}: users: {status} {body[:300]}")
        print("\r\x1b[K", end="", file=sys.stderr)

    def ready(self):
        """How many servers are ready; a page has at most 200 users, so the total is asked for."""
        headers = {
            "Authorization": f"token {self.secret}",
            "Accept": "application/jupyterhub-pagination+json",
        }
        status, body = self.ask("GET", "/hub/api/users?state=ready&limit=1", headers=headers)
        return json.loads(body)["_pagination"]["total"] if status == 200 else -1

    def spawn_all(self, servers):
        """Asks for all servers at once; returns the statuses."""
        names = [f"user-{n:05}" for n in range(servers)]
        with concurrent.futures.ThreadPoolExecutor(servers) as pool:
            return list(pool.map(lambda name: self.ask("POST", f"/hub/api/users/{name}/server")[0], names))

    def spawn(self, servers):
        """Asks for the servers, twenty at a time."""
        for at in range(0, servers, 20):
            print(f"\r{self.name}: starting servers: {at} of {servers} ", end="", file=sys.stderr, flush=True)
            names = [f"user-{n:05}" for n in range(at, min(at + 20, servers))]
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                list(pool.map(lambda name: self.ask("POST", f"/hub/api/users/{name}/server"), names))
        poll("all servers", lambda: self.ready() == servers)
        print("\r\x1b[K", end="", file=sys.stderr)

    def tree(self):
        """The pids of the hub and what it runs, but for users' servers."""
        alive, mine = processes(), {self.process.pid}
        while True:
            more = {pid for pid, (parent, _) in alive.items() if parent in mine} - mine
            if not more:
                break
            mine |= more
        return [pid for pid in mine if pid in alive and str(self.stub).encode() not in alive[pid][1]]

    def memory(self):
        """Resident MiB of the hub, and of the hub with its proxy."""
        def resident(pid):
            with contextlib.suppress(OSError):
                for line in open(f"/proc/{pid}/status"):
                    if line.startswith("VmRSS:"):
                        return int(line.split()[1]) / 1024
            return 0
        return resident(self.process.pid), sum(map(resident, self.tree()))

    def cpu(self):
        """Seconds of CPU that the hub has used, its proxy not counted."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def running(self):
        """How many server processes there are."""
        return sum(str(self.stub).encode() == command[0] for _, command in processes().values())

    def end(self):
        self.stop()
        for pid, (_, command) in processes().items():
            if command[0] == str(self.stub).encode():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def measure_start(hub, asked):
    hub.start()
    poll(f"{hub.name} answers", hub.answers)
    hub.register(asked.users)
    hub.spawn(asked.servers)
    best = {}
    for _ in range(asked.rounds):
        hub.stop()
        if hub.running() != asked.servers:
            sys.exit(f"{hub.name}: {hub.running()} of {asked.servers} servers outlived the hub")
        begin = hub.start()
        poll("a login page", hub.login_page)
        page = time.monotonic() - begin
        poll("all routes", lambda: hub.routes() == asked.servers)
        routes = time.monotonic() - begin
        poll("all servers known", lambda: hub.ready() == asked.servers)
        alone, whole = hub.memory()
        seen = {"login page, s": page, "all routes, s": routes, "hub, MiB": alone, "hub and proxy, MiB": whole}
        best = {key: min(value, best.get(key, value)) for key, value in seen.items()}
    return best


def measure_storm(hub, asked):
    hub.start()
    poll(f"{hub.name} answers", hub.answers)
    hub.register(asked.servers)
    before, begin = hub.cpu(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        statuses = pool.submit(hub.spawn_all, asked.servers)
        poll("all servers ready", lambda: time.sleep(0.05) or hub.ready() == asked.servers)
        seconds, used = time.monotonic() - begin, hub.cpu() - before
        refused = [status for status in statuses.result() if status not in (201, 202)]
    if refused or hub.running() != asked.servers:
        sys.exit(f"{hub.name}: {hub.running()} processes for {asked.servers} servers; refused: {refused}")
    return {"all ready, s": seconds, "CPU ms per spawn": used * 1000 / asked.servers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("start", "storm"))
    parser.add_argument("--users", type=int, default=10_000, help="registered users (start)")
    parser.add_argument("--servers", type=int, help="running servers [default: 500 for start, 200 for storm]")
    parser.add_argument("--rounds", type=int, default=3, help="starts, of which the best counts (start)")
    asked = parser.parse_args()
    asked.servers = asked.servers or {"start": 500, "storm": 200}[asked.what]
    os.sched_setaffinity(0, {1})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hub-bench-"))
    stub = folder / "stub"
    subprocess.run(["cc", "-O2", "-x", "c", "-o", stub, "-"], input=STUB.encode(), check=True)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}; {asked}")
    seen = {}
    try:
        for name in ("ours", "jupyterhub"):
            hub = Hub(name, folder, stub)
            try:
                seen[name] = {"start": measure_start, "storm": measure_storm}[asked.what](hub, asked)
            finally:
                hub.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'':20} {'ours':>10} {'jupyterhub':>11} {'ratio':>7}")
    for key, ours in seen["ours"].items():
        theirs = seen["jupyterhub"][key]
        print(f"{key:20} {ours:10.3f} {theirs:11.3f} {theirs / ours:6.1f}x")


if __name__ == "__main__":
    main()
