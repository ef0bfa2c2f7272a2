"""A PostgreSQL server of one's own, for tests and benchmarks."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SECONDS = 180  # for what takes some seconds on a machine that is not busy
MISSING = "no PostgreSQL server here: apt-get install postgresql (or the like) brings one"
SETTINGS = "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps off the PATH; None without a server."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: float(path.parents[1].name), default=shutil.which("initdb"))
    return Path(newest).resolve().parent if newest else None


def _account():
    """The user that the server runs as, None for this one: PostgreSQL refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd  # which Windows has not

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """URL of an empty database, whose server ends with the block. Raises RuntimeError where there is none (`programs`),
    or where it does not start."""
    folder_of_programs, account = programs(), _account()
    if not folder_of_programs:
        raise RuntimeError(MISSING)
    # Another user must reach the folder: pytest's tmp_path is for its owner only, and so may TMPDIR be.
    folder = Path(tempfile.mkdtemp(prefix="postgresql_", dir="/tmp" if account else None))
    identity = {}
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    log = folder / "log"

    def call(program: str, *arguments: str) -> None:
        finished = subprocess.run(
            [folder_of_programs / program, *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            **identity,
        )
        if finished.returncode:
            raise RuntimeError(f"{program}: {finished.stdout}{log.read_text() if log.exists() else ''}")

    data, port = folder / "data", free_port()
    server = [f"--pgdata={data}"]
    try:
        call("initdb", *server, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS.format(port=port))
        call("pg_ctl", "start", *server, f"--log={log}", "--wait", f"--timeout={SECONDS}")
        try:
            call("createdb", "--host=127.0.0.1", f"--port={port}", "--username=postgres", "studies")
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/studies"
        finally:
            call("pg_ctl", "stop", *server, "--mode=immediate", f"--timeout={SECONDS}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
