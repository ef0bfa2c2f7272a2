"""What several test files need: a PostgreSQL server and a browser, or the reason why there is none."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from selenium import webdriver

SECONDS = 180  # for what takes some seconds on a machine that is not busy


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def first_on_path(*names):
    return next((found for found in map(shutil.which, names) if found), None)


# --- PostgreSQL


def postgresql_programs():
    """The folder of initdb and pg_ctl, which Debian keeps off the PATH; None without a server."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: float(path.parents[1].name), default=shutil.which("initdb"))
    return newest and Path(newest).resolve().parent


def server_account():
    """The user that the server runs as, None for this one: PostgreSQL refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd  # which Windows has not

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


@pytest.fixture(scope="session")
def postgresql_url():
    """URL of an empty database on a PostgreSQL server of its own, which ends with the tests."""
    programs = postgresql_programs()
    if not programs:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql (or the like) brings one")
    account = server_account()
    # Another user must reach the folder: pytest's tmp_path is for its owner only, and so may TMPDIR be.
    folder = Path(tempfile.mkdtemp(prefix="postgresql_", dir="/tmp" if account else None))
    identity = {}
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    log = folder / "log"

    def call(program, *arguments):
        command = [programs / program, *arguments]
        finished = subprocess.run(
            command,
            cwd=folder,
            env=environment | {"LC_ALL": "C"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            **identity,
        )
        assert finished.returncode == 0, f"{program}: {finished.stdout}{log.read_text() if log.exists() else ''}"

    data, port = folder / "data", free_port()
    server = [f"--pgdata={data}"]
    try:
        call("initdb", *server, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(
                f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n"
            )
        call("pg_ctl", "start", *server, f"--log={log}", "--wait", f"--timeout={SECONDS}")
        try:
            call("createdb", "--host=127.0.0.1", f"--port={port}", "--username=postgres", "studies")
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/studies"
        finally:
            call("pg_ctl", "stop", *server, "--mode=immediate", f"--timeout={SECONDS}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- A browser


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, driven by selenium."""
    program = first_on_path("chromium", "chromium-browser", "google-chrome", "chrome")
    driver = first_on_path("chromedriver", "chromium.chromedriver")
    if not program or not driver:
        missing = "chromium" if not program else "chromedriver"
        pytest.skip(f"no {missing} here: apt-get install chromium chromium-driver (or the like) brings it")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1800"):
        options.add_argument(argument)
    with tempfile.TemporaryDirectory(prefix="browser_", ignore_cleanup_errors=True) as folder:  # Chromium leaves files
        service = webdriver.ChromeService(executable_path=driver, env=os.environ | {"TMPDIR": folder})
        chromium = webdriver.Chrome(options, service)
        try:
            chromium.set_page_load_timeout(SECONDS)
            yield chromium
        finally:
            chromium.quit()
