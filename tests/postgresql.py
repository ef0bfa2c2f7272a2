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


class Server:
    """A server with an empty database, which can be stopped and started. Raises RuntimeError where it cannot be."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        """``folder``: its own, empty; ``settings``: further lines of its configuration."""
        self._programs, self._folder, self._data = programs(), folder, folder / "data"
        if not self._programs:
            raise RuntimeError(MISSING)
        account = _account()
        self._identity = {}
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        port = free_port()
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/studies"
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        self._call("initdb", f"--pgdata={self._data}", *options)
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS.format(port=port) + settings)
        self.start()
        self._call("createdb", "--host=127.0.0.1", f"--port={port}", "--username=postgres", "studies")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("start", f"--log={self._folder / 'log'}", "--wait")

    def stop(self) -> None:
        """End it at once, as a power cut does."""
        self._control("stop", "--mode=immediate")

    def _control(self, *arguments: str) -> None:
        self._call("pg_ctl", *arguments, f"--pgdata={self._data}", f"--timeout={SECONDS}")

    def _call(self, program: str, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        finished = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            env=environment | {"LC_ALL": "C"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            **self._identity,
        )
        if finished.returncode:
            log = self._folder / "log"
            raise RuntimeError(f"{program}: {finished.stdout}{log.read_text() if log.exists() else ''}")


@contextlib.contextmanager
def running(settings: str = "") -> Iterator[Server]:
    """A `Server` that ends, if it has not been ended, with the block."""
    # Another user must reach the folder: pytest's tmp_path is for its owner only, and so may TMPDIR be.
    folder = Path(tempfile.mkdtemp(prefix="postgresql_", dir="/tmp" if _account() else None))
    try:
        server = Server(folder, settings)
        try:
            yield server
        finally:
            with contextlib.suppress(RuntimeError):  # it is ended already
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """URL of an empty database, whose server ends with the block. Raises RuntimeError where there is none (`programs`),
    or where it does not start."""
    with running() as server:
        yield server.url
