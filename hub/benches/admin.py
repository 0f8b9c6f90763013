#!/usr/bin/env python3
"""How fast the lists of users are: ours with 100,000 users and 2,000 running servers, beside JupyterHub 6.1 with 10,000.

    hub/benches/admin.py [--users 100000] [--servers 2000] [--times 60] [--peer-users 10000]
    tests/with-database postgresql hub/benches/admin.py

Of ours the admin page (HTML, a browser's cookie) and the API are asked; of JupyterHub the API, which its admin page gets its
rows from (with the same arguments). Every case is asked one after the other over one connection; half of a case's time and the 95th percentile are
shown, in milliseconds. The exit code is 1 when a case of ours is over --limit (150 ms) at the 95th percentile.

    HUB                the program               [default: built here with --release]
    HUB_TEST_DATABASE  a PostgreSQL server's URL [default: a SQLite file]
    PEERS              the folder of JupyterHub  [default: target/peers; `tests/run --peers-only` fills it]

Users and servers of ours are written into its database; all servers are rows that point at one process, which listens. Those
of JupyterHub are registered through its API, and none of its servers runs. Each hub has one core; this script has the other.
"""

import argparse
import http.client
import http.cookiejar
import json
import math
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import life

DATABASE = os.environ.get("HUB_TEST_DATABASE", "")
# A tenth of all users is in one of these.
GROUPS = 5

# What is asked: a name, the query of our page, and the same for the API, if it can say it.
CASES = [
    ("first page", "", "sort=name"),
    ("page in the middle", "offset={middle}", "sort=name&offset={middle}"),
    ("last page", "offset={last}", "sort=name&offset={last}"),
    ("by last activity", "sort=-last_activity", "sort=-last_activity"),
    ("by last activity, last page", "sort=-last_activity&offset={last}", "sort=-last_activity&offset={last}"),
    ("search, many found", "name_filter=7", "sort=name&name_filter=7"),
    ("search, one found", "name_filter={one}", "sort=name&name_filter={one}"),
    ("search, nobody found", "name_filter=nobody", "sort=name&name_filter=nobody"),
    ("search, by last activity", "name_filter=99&sort=-last_activity", "name_filter=99&sort=-last_activity"),
    ("with a server", "state=active", "sort=name&state=active"),
    ("without a server", "state=inactive", "sort=name&state=inactive"),
    ("with a server, by last activity", "state=ready&sort=-last_activity", "state=ready&sort=-last_activity"),
    ("in a group", "group=class-3", None),
    ("administrators", "admin=true", None),
    ("others, by last activity, last page", "admin=false&sort=-last_activity&offset={last_other}", None),
    ("not seen for 30 days", "activity=not-30d&sort=last_activity", None),
]


class Hub(life.Hub):
    """A hub whose user `admin` is an administrator."""

    def settings(self):
        values = super().settings()
        values["Authenticator"] |= {"admin_users": ["admin"]}
        values["JupyterHub"]["load_roles"][0]["scopes"] += ["read:users", "groups"]
        if self.name == "ours" and DATABASE:
            values["JupyterHub"]["db_url"] = DATABASE
        return values

    def log_in(self):
        """The cookies of a browser in which `admin` has logged in."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        # The page after a login is the visitor's server otherwise.
        url = f"http://127.0.0.1:{self.port}/hub/login?next=%2Fhub%2Fhome"
        browser.open(url).read()
        fields = {"username": "admin", "password": "x"}
        fields["_xsrf"] = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
        browser.open(url, urllib.parse.urlencode(fields).encode()).read()
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def sql(statements):
    """Writes into the database of ours."""
    if DATABASE:
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", DATABASE]
        subprocess.run(command, input=";\n".join(statements).encode() + b";\n", check=True)
        return
    connection = sqlite3.connect(next(pathlib.Path(sql.folder).glob("*.sqlite")))
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def numbers(count):
    """A table `n` with the column `i`: 1 to `count`."""
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"


def fill(hub, asked, stub):
    """Users, groups and servers, as rows."""
    sql.folder = hub.folder
    fields = pathlib.Path(f"/proc/{stub.pid}/stat").read_text().rpartition(")")[2].split()
    state = {
        "pid": stub.pid,
        "start_ticks": int(fields[19]),
        "boot_id": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "pgid": stub.pid,
        "output": str(hub.folder / "no-output.log"),
    }
    now = int(time.time() * 1_000_000)
    name = "'student-' || substr('00000' || CAST(i AS TEXT), length(CAST(i AS TEXT)), 6)"
    # Spread over a year; one in ten was never seen.
    seen = f"CASE WHEN i % 10 = 3 THEN NULL ELSE {now} - CAST(i AS BIGINT) * 7919 % {asked.users} * {31_536_000_000_000 // asked.users} END"
    every = max(asked.users // max(asked.servers, 1), 1)
    admin, members = "i % 1000 = 0", asked.users // 10
    start = f"{now} - CAST(i AS BIGINT) * 1000000"
    which = "(SELECT max(id) FROM users WHERE name = 'student-000001') - 1 + i"
    statements = [
        f"{numbers(asked.users)} INSERT INTO users (name, admin, created, last_activity) SELECT {name}, {admin}, {now}, {seen} FROM n",
        f"{numbers(GROUPS)} INSERT INTO user_groups (name, properties) SELECT 'class-' || CAST(i AS TEXT), '{{}}' FROM n",
        f"{numbers(members)} INSERT INTO group_members (group_id, user_id) "
        f"SELECT (SELECT id FROM user_groups WHERE name = 'class-' || CAST(1 + i % {GROUPS} AS TEXT)), {which} FROM n",
        f"{numbers(asked.servers)} INSERT INTO servers (user_id, name, display_name, state, epoch, target, started, last_activity, "
        f"user_options, spawner_state) SELECT {which.replace('+ i', f'+ i * {every}')}, '', '', 'ready', 0, "
        f"'http://127.0.0.1:{stub.port}', {start}, {now}, '{{\"profile\": \"standard\"}}', '{json.dumps(state)}' FROM n",
    ]
    if DATABASE:
        # As its own housekeeping would have done by then.
        statements.append("VACUUM ANALYZE")
    sql([as_sqlite_says(statement) for statement in statements])


def as_sqlite_says(statement):
    """SQLite wants `INSERT INTO … WITH …`, which PostgreSQL understands too."""
    if not statement.startswith("WITH"):
        return statement
    table, _, rest = statement.partition(" INSERT INTO ")
    into, _, select = rest.partition(") SELECT ")
    return f"INSERT INTO {into}) {table} SELECT {select}"


def ask(port, path, headers, times):
    """Milliseconds of each answer, and the last one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    seen = []
    for _ in range(times + 3):
        begin = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        seen.append((time.perf_counter() - begin) * 1000)
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {body[:300]}")
    connection.close()
    return sorted(seen[3:]), body


def half_and_95(seen):
    return statistics.median(seen), seen[math.ceil(len(seen) * 0.95) - 1]


def measure(hub, users, asked, with_page):
    """Case → half and 95th percentile of the page, of the API, and how many users were found."""
    token = {"Authorization": f"token {hub.secret}", "Accept": "application/jupyterhub-pagination+json"}
    browser = {"Cookie": hub.log_in()} if with_page else {}
    # Ours are student-000001 …, theirs user-00000 …; one in a thousand of ours is an administrator.
    one = f"t-{users // 2:06}" if hub.name == "ours" else f"r-{users // 2:05}"
    places = {"middle": users // 2, "last": (users - 1) // 50 * 50, "one": one}
    places["last_other"] = (users - users // 1000 - 1) // 50 * 50
    found = {}
    for name, page, api in CASES:
        row = [None, None, None]
        if with_page:
            seen, body = ask(hub.port, f"/hub/admin?{page.format(**places)}", browser, asked.times)
            if b'id="user-count"' not in body:
                sys.exit(f"{name}: no list: {body[:300]}")
            row[0] = half_and_95(seen)
        if api:
            path = f"/hub/api/users?limit=50&include_stopped_servers=1&{api.format(**places)}"
            seen, body = ask(hub.port, path, token, asked.times)
            row[1] = half_and_95(seen)
            row[2] = json.loads(body)["_pagination"]["total"]
            if "{one}" in api and row[2] != 1:
                sys.exit(f"{hub.name}: {name}: found {row[2]}: {path}")
        found[name] = row
    return found


def of_ours(folder, asked, stub):
    hub = Hub("ours", folder, stub.path)
    try:
        hub.start()
        life.poll("ours answers", hub.answers)
        hub.stop()
        fill(hub, asked, stub)
        hub.start()
        life.poll("ours answers", hub.answers)
        life.poll("all servers", lambda: hub.ready() == asked.servers)
        return measure(hub, asked.users, asked, True)
    finally:
        hub.stop()


def of_peer(folder, asked, stub):
    hub = Hub("jupyterhub", folder, stub.path)
    try:
        hub.start()
        life.poll("jupyterhub answers", hub.answers)
        hub.register(asked.peer_users)
        return measure(hub, asked.peer_users, asked, False)
    finally:
        hub.stop()


def show(seen):
    return f"{seen[0]:7.1f} {seen[1]:7.1f}" if seen else f"{'':15}"


def count(found):
    return f"{'' if found is None else found:>7}"


def listener(folder):
    """The process that all servers of ours are."""
    path, port = folder / "stub", life.free_port()
    subprocess.run(["cc", "-O2", "-x", "c", "-o", path, "-"], input=life.STUB.encode(), check=True)
    env = {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/"}
    stub = subprocess.Popen([path], env=env, start_new_session=True)
    stub.path, stub.port = path, port
    return stub


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000, help="registered users of ours")
    parser.add_argument("--servers", type=int, default=2_000, help="running servers of ours")
    parser.add_argument("--peer-users", type=int, default=10_000, help="registered users of JupyterHub; 0: ours alone")
    parser.add_argument("--times", type=int, default=60, help="how often each case is asked")
    parser.add_argument("--limit", type=float, default=150, help="milliseconds at the 95th percentile")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {1})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hub-bench-"))
    kind = DATABASE.partition(":")[0] or "sqlite"
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}; {kind}; {asked}")
    stub = listener(folder)
    try:
        ours = of_ours(folder, asked, stub)
        theirs = of_peer(folder, asked, stub) if asked.peer_users else {}
    finally:
        stub.kill()
        stub.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{'ms: half, 95%':36} {'our page':>15} {'our API':>15} {'found':>7} {'JupyterHub API':>15} {'found':>7}")
    for name, (page, api, found) in ours.items():
        _, peer, peers_found = theirs.get(name, (None, None, None))
        print(f"{name:36} {show(page)} {show(api)} {count(found)} {show(peer)} {count(peers_found)}")
    slow = [name for name, row in ours.items() if any(seen and seen[1] > asked.limit for seen in row[:2])]
    if slow:
        sys.exit(f"over {asked.limit:.0f} ms at the 95th percentile: {', '.join(slow)}")


if __name__ == "__main__":
    main()
