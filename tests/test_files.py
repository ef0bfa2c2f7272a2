"""Results on the disk: no file is half written, no row is lost, doubled or swallowed, nothing foreign is touched."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from conftest import SECONDS
from forked import in_a_fork
from optuna.distributions import CategoricalDistribution, IntDistribution
from test_modes import TABLES, asked, read, run_mode
from toys import DENOISING, LISTED, NETWORK, TOY, load, run_here, toy

import baseML
import hpo.run
import hpo.tree
import networks.files
import support.files
from baseML import BaseMLClass, NetworkConfig
from hpo.storage import open_storage
from hpo.trials import TrialQueue
from support.errors import UserError

ROOT = Path(__file__).parents[1]
COLUMNS = ["worker", "row", "text"]
pytestmark = pytest.mark.usefixtures("hasty")
needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")


def started(code, *arguments):
    """A process that runs some lines of Python beside this one."""
    process = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    return subprocess.Popen(process, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(*processes):
    for process in processes:
        printed, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, printed + errors


def unfinished_in(folder):
    return list(folder.rglob(f"{support.files.UNFINISHED}*"))


def cut(path, n_bytes):
    """Leave a file as a crash does in the midst of a write: without its last bytes; returns what it was."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-n_bytes])
    return whole


# --- Whole files


def test_a_write_that_fails_leaves_the_former_file_alone(tmp_path):
    path = tmp_path / "settings.json"
    support.files.replace_file(path, "former")
    with pytest.raises(OSError, match="disk"), support.files.replacing(path) as unfinished:
        unfinished.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "former" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
def test_a_name_as_long_as_a_file_can_have_is_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".csv")
    support.files.replace_file(path, "text")
    assert path.read_text() == "text"


WRITE_AND_HANG = """
import sys, time, support.files
with support.files.replacing(sys.argv[1]) as unfinished:
    unfinished.write_text("half")
    print("written", flush=True)
    time.sleep(600)
"""


@needs_sigkill
def test_a_process_that_is_killed_as_it_writes_leaves_the_former_file(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text("former")
    process = started(WRITE_AND_HANG, path)
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.communicate()
    assert path.read_text() == "former"
    (left,) = (other for other in tmp_path.iterdir() if other != path)
    another = f"import support.files; support.files.replace_file({str(path)!r}, 'new')"
    finished(started(another))
    assert left.is_dir()  # for all that is known, it is being written
    os.utime(left, (time.time() - support.files.LEFTOVER_AGE - 1,) * 2)
    finished(started(another))
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "new"


def test_whoever_reads_sees_a_whole_file(tmp_path):
    path = tmp_path / "table.csv"
    support.files.replace_file(path, "0" * 100_000)
    code = (
        "import sys, support.files\nfor i in range(200): support.files.replace_file(sys.argv[1], str(i % 10) * 100_000)"
    )
    process, seen = started(code, path), set()
    while process.poll() is None:
        text = path.read_text()
        assert len(text) == 100_000 and len(set(text)) == 1
        seen.add(text[0])
    finished(process)
    assert len(seen) > 1


# --- Tables

ADD_ROWS = """
import sys, support.files
from pathlib import Path
path, worker = Path(sys.argv[1]), sys.argv[2]
support.files.start_table(path, ["worker", "row", "text"])
for row in range(50):
    support.files.add_row(path, [worker, row, worker * 20_000])
"""


def test_rows_of_several_processes_do_not_mix(tmp_path):
    path = tmp_path / "table.csv"
    finished(*[started(ADD_ROWS, path, worker) for worker in "abcd"])
    rows = read(path)
    assert len(rows) == 200 and list(rows[0]) == COLUMNS
    assert {(row["worker"], int(row["row"])) for row in rows} == {(worker, n) for worker in "abcd" for n in range(50)}
    assert all(row["text"] == row["worker"] * 20_000 for row in rows)


@pytest.mark.parametrize("end", ["c,3", "c,3,te", "c", "c\n", "c,3\n", "c,3,text,more\n", "c,3,t\r"])
def test_a_line_that_was_cut_off_swallows_no_row_and_is_reported(tmp_path, capsys, end):
    path = tmp_path / "table.csv"
    whole = "worker,row,text\na,1,text\nb,2,text\n"
    path.write_bytes((whole + end).encode())
    if end.endswith("\n"):
        support.files.start_table(path, COLUMNS)
    support.files.add_row(path, ["d", 4, "text"])
    assert path.read_bytes().decode() == whole + "d,4,text\n"
    printed = capsys.readouterr().out
    assert f"note: taken out of {str(path)!r}, as it was cut off" in printed and f"{end.strip()!r}\n" in printed


@pytest.mark.parametrize("header", ["", "wor", "worker,row,text"])
def test_a_header_that_was_cut_off_is_written_again(tmp_path, header):
    path = tmp_path / "table.csv"
    path.write_text(header)
    support.files.start_table(path, COLUMNS)
    assert path.read_bytes() == b"worker,row,text\n"


@pytest.mark.parametrize("content", [b"name,depth\nA1,300\nA2", b"words without an end", b"worker,row\n1"])
def test_a_table_of_something_else_is_not_mended(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other columns"):
        support.files.start_table(path, COLUMNS)
    assert path.read_bytes() == content
    with pytest.raises(UserError, match="has the columns"):
        hpo.run.check_table(path)


WIDER = [*COLUMNS, "study", "seed"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("worker,row,text\n", ""),
        ('worker,row,text\na,1,text\nb,2,"a, b"\n', 'a,1,text,,\nb,2,"a, b",,\n'),
        ("worker,row,text\r\na,1,text\r\n\r\n", "a,1,text,,\n"),
        ("worker,row,text\na,1,text\nb,2,te", "a,1,text,,\n"),
        ("worker,row,text", ""),
        ("worker,row,text,study,seed\na,1,text,s,0\nb,2,text,s", "a,1,text,s,0\n"),
        ("worker,row,text,stu", ""),
        ("", ""),
    ],
)
def test_a_table_of_fewer_columns_gets_the_others_and_keeps_its_rows(tmp_path, before, after):
    path = tmp_path / "table.csv"
    path.write_bytes(before.encode())
    hpo.run.check_table(path, WIDER, COLUMNS)
    for _ in range(2):
        support.files.start_table(path, WIDER, COLUMNS)
        assert path.read_bytes().decode() == "worker,row,text,study,seed\n" + after
    support.files.add_row(path, ["c", 3, "text", "s", 0])
    support.files.mend_table(path)
    assert path.read_bytes().decode() == "worker,row,text,study,seed\n" + after + "c,3,text,s,0\n"


@pytest.mark.parametrize(
    "content", [b"worker,row\na,1\n", b"worker\n", b"\n", b"worker,row,text,seed\n", b"row,worker,text\n"]
)
def test_a_table_of_other_columns_gets_none(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other columns"):
        support.files.start_table(path, WIDER, COLUMNS)
    with pytest.raises(UserError, match="has the columns"):
        hpo.run.check_table(path, WIDER, COLUMNS)
    assert path.read_bytes() == content


def test_rows_take_the_place_of_others_once(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("worker,row\na,\na,\nb,\nc,3\nc,\n")
    support.files.replace_rows(path, [(["a", ""], ["a", 1]), (["c", ""], ["c", 3]), (["d", ""], ["d", 4])])
    assert path.read_text() == "worker,row\na,1\na,\nb,\nc,3\nc,\n"


FULL_DISK = """
import resource, sys, support.files
from pathlib import Path
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5,) * 2)
try:
    support.files.add_row(path, [1, 2, "a row that has no room"])
except OSError as error:
    print(error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
def test_a_row_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path):
    path = tmp_path / "table.csv"
    support.files.start_table(path, COLUMNS)
    process = started(FULL_DISK, path)
    printed, errors = process.communicate(timeout=SECONDS)
    assert printed.strip().isdigit(), errors
    assert path.read_bytes() == b"worker,row,text\n"


# --- Tables of runs


def test_what_a_crash_cut_off_a_study_s_tables_is_written_again_or_reported(tmp_path, capsys):
    study = toy(DENOISING)
    assert run_here(study, tmp_path, "--n-trials", "2", "--study-name", "s") == 0
    tree = hpo.tree.ResultsTree(tmp_path, DENOISING.folder)
    names = [trial.user_attrs["run_name"] for trial in load(tmp_path, DENOISING).trials]
    history = baseML.loss_history_path(tree.search, names[0])
    rows, losses = cut(tree.summary, 7), cut(history, 3)
    capsys.readouterr()
    assert run_here(study, tmp_path, "--n-trials", "2", "--study-name", "s") == 0
    printed = capsys.readouterr().out
    assert tree.summary.read_bytes() == rows
    assert history.read_bytes() == b"".join(losses.splitlines(keepends=True)[:-1])
    for path in (tree.summary, history):
        assert f"note: taken out of {str(path)!r}, as it was cut off" in printed
    assert len(load(tmp_path, DENOISING).trials) == 2 and unfinished_in(tree.search) == []


def test_a_summary_of_an_earlier_version_is_gone_on_with_and_loses_nothing(tmp_path):
    for name, seed in (("old", "0"), ("other", "1")):
        options = ("--n-trials", "2", "--study-name", name, "--seed", seed)
        assert run_here(toy(DENOISING), tmp_path, *options) == 0
    summary = hpo.tree.ResultsTree(tmp_path, DENOISING.folder).summary
    n_published = len(baseML.SUMMARY_COLUMNS)
    whole = summary.read_text().splitlines()
    published = [line.rsplit(",", 4)[0] for line in whole]
    summary.write_text("\n".join(published) + "\n")
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "new", "--seed", "0") == 0
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "3", "--study-name", "other", "--seed", "1") == 0
    found = summary.read_text().splitlines()
    assert found[0] == whole[0] and found[0].split(",")[:n_published] == list(baseML.SUMMARY_COLUMNS)
    assert found[1:3] == [f"{line},,,," for line in published[1:3]]  # of a study that was not gone on with
    assert found[3:5] == whole[3:5]
    # The new study repeats the first trial of the old one, and has a row of its own.
    assert found[5] == whole[1].replace(",old,", ",new,") and ",other,2,1," in found[6] and len(found) == 7


def test_what_a_crash_cut_off_the_grid_is_run_again(tmp_path, capsys):
    run_mode("manual", tmp_path)
    table = tmp_path / LISTED.folder / TABLES["manual"]
    histories = table.parent / "loss_history_all"
    whole = read(table)
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]) + "4,CNN_AE\n")
    first, last = (next(histories.glob(f"{row['Model Name']}*")) for row in (whole[1], whole[2]))
    cut(first, 5)
    capsys.readouterr()
    run_mode("manual", tmp_path)
    printed = capsys.readouterr().out
    assert "4 trainings, 3 of them done already" in printed
    assert read(table) == whole and len(list(histories.iterdir())) == 4
    assert len(read(first)) == 1 and len(read(last)) == 2
    for path in (table, first):
        assert f"note: taken out of {str(path)!r}, as it was cut off" in printed


class StopAt(baseML.keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_training_whose_history_was_cut_off_begins_anew(tmp_path, capsys):
    run = asked(LISTED, *TOY, "--mode", "manual", "--output", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        hpo.run.train(run, NETWORK, tmp_path, "cut", 0, "manual", extra_callbacks=[StopAt()])
    history = baseML.loss_history_path(tmp_path, "cut")
    cut(history, 4)
    _, again = hpo.run.train(run, NETWORK, tmp_path, "cut", 0, "manual")
    _, whole = hpo.run.train(run, NETWORK, tmp_path, "whole", 0, "manual")
    assert again.validation_loss == whole.validation_loss
    assert history.read_bytes() == baseML.loss_history_path(tmp_path, "whole").read_bytes()
    assert f"note: taken out of {str(history)!r}, as it was cut off" in capsys.readouterr().out


# --- Networks that are kept

CONFIG = NetworkConfig("CNN", "AE", pool_val=2)
NAMES = [f"{CONFIG.label}NA_20260101_000000_{number:08x}" for number in range(3)]


def trained(folder, name, loss, owner="study"):
    """What a training leaves, as far as `keep_best` looks at it."""
    folder.mkdir(exist_ok=True)
    baseML.loss_history_path(folder, name).parent.mkdir(exist_ok=True)
    baseML.loss_history_path(folder, name).write_text("epoch\n0\n")
    (folder / f"{name}.keras").write_text(name)
    (folder / f"{name}.json").write_text(json.dumps({"run": {"owner": owner, "validation_loss": loss}}))


FOREIGN = {
    "notes.json": b"[1, 2]",
    "empty.json": b"",
    "half.json": b'{"run": {"owner": "stu',
    "number.json": b"3",
    "bytes.json": bytes(range(256)),
    "no_owner.json": b'{"run": {"validation_loss": 1}}',
    "no_loss.json": b'{"run": {"owner": "study"}}',
    "odd_loss.json": b'{"run": {"owner": "study", "validation_loss": [1]}}',
    "deep.json": b"[" * 100_000,
    f"{NAMES[2]}.json": b'{"run": null}',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_description_that_is_invalid_is_reported_and_stays(tmp_path, capsys, name):
    final = tmp_path / "final"
    final.mkdir()
    (final / name).write_bytes(FOREIGN[name])
    for run_name, loss in zip(NAMES[:2], (2.0, 1.0), strict=True):
        trained(tmp_path, run_name, loss)
        assert baseML.keep_best(tmp_path, final, run_name)
    assert capsys.readouterr().out.count(f"note: {str(final / name)!r} describes no network") == 1
    assert (final / name).read_bytes() == FOREIGN[name]
    assert [path.stem for path in final.glob("*.keras")] == [NAMES[1]]


def test_what_only_looks_like_a_network_of_the_study_stays(tmp_path):
    final = tmp_path / "final"
    trained(tmp_path, NAMES[0], 2.0)
    baseML.keep_best(tmp_path, final, NAMES[0])
    copies = [f"{NAMES[0]} (copy)", f"{NAMES[0]}_update", "[A-Z]", "my best network"]
    for name in copies:
        (final / f"{name}.json").write_bytes((final / f"{NAMES[0]}.json").read_bytes())
        (final / f"{name}.keras").write_text("mine")
    trained(tmp_path, NAMES[1], 1.0)
    assert baseML.keep_best(tmp_path, final, NAMES[1])
    assert sorted(path.stem for path in final.glob("*.keras")) == sorted([*copies, NAMES[1]])
    assert sorted(path.stem for path in final.glob("*.json")) == sorted([*copies, NAMES[1]])


@needs_sigkill
def test_what_a_killed_process_was_writing_goes_with_its_training(tmp_path):
    process = started(WRITE_AND_HANG, tmp_path / f"{NAMES[0]}.keras")
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.communicate()
    networks.files.remove_run_files(tmp_path, NAMES[1])
    assert len(unfinished_in(tmp_path)) == 1
    networks.files.remove_run_files(tmp_path, NAMES[0])
    assert unfinished_in(tmp_path) == []


def test_the_model_of_the_best_epoch_is_whole_at_every_moment(tmp_path):
    seen = []

    class Look(baseML.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(BaseMLClass.load_model(tmp_path / "best.keras").n_samples)
            assert unfinished_in(tmp_path) == []

    run = asked(LISTED, *TOY, "--mode", "manual", "--output", str(tmp_path))
    hpo.run.train(run, NETWORK, tmp_path, "best", 0, "manual", extra_callbacks=[Look()])
    assert seen == [48, 48]


# --- Trials of somebody else's


STRANGE = {
    "depth": IntDistribution(1, 9),
    "num_filt": IntDistribution(1, 10**9),
    "transform": CategoricalDistribution(["FFT", "../NA"]),
}


def stranger(number, **changes):
    """A trial that looks as if it had been trained here."""
    recorded = {"run_name": NAMES[0], "n_parameters": 3, "epochs": 2, "best_epoch": 1, "training_loss": 0.1}
    recorded |= {"validation_loss": 0.1, "validation_rmse": 0.1, "seconds": 1.0, "seed": number}
    kinds = {name: STRANGE[name] for name in changes.keys() & STRANGE.keys()}
    drawn = {name: changes.pop(name) for name in kinds}
    return optuna.trial.create_trial(value=0.1, params=drawn, distributions=kinds, user_attrs=recorded | changes)


def test_trials_of_no_network_have_no_row_and_stop_nothing(tmp_path, capsys):
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "1", "--study-name", "s") == 0
    study = load(tmp_path, DENOISING)
    odd = [{"depth": 3}, {"num_filt": 10**8}, {"transform": "FFT"}, {"transform": "../NA"}]
    odd += [{"seconds": "long"}, {"best_epoch": None}, {"run_name": "../x"}]
    study.add_trials([stranger(number, **changes) for number, changes in enumerate(odd, 1)])
    summary = hpo.tree.ResultsTree(tmp_path, DENOISING.folder).summary
    before = summary.read_bytes()
    assert run_here(toy(DENOISING), tmp_path, "--n-trials", "8", "--study-name", "s") == 0
    printed = capsys.readouterr().out
    for number in range(1, 5):
        assert f"note: trial {number} is of no network of these scripts, and has no row" in printed
    assert summary.read_bytes() == before


# --- Locks of dead processes


def hold_and_die(folder, name, claims):
    _, storage = open_storage(f"sqlite:///{folder / 'studies.db'}", folder)
    queue = TrialQueue(optuna.create_study(storage=storage, study_name=name, load_if_exists=True), storage, folder)
    if claims:
        queue.plan(1)
        queue.claim(1)
    os.kill(os.getpid(), signal.SIGKILL)


@needs_sigkill
def test_locks_of_dead_processes_go_but_those_that_prove_a_death(tmp_path):
    for name, claims in (("one", False), ("two", True)):
        assert in_a_fork(hold_and_die, tmp_path, name, claims) == -signal.SIGKILL
    locks = tmp_path / ".workers"
    assert len(list(locks.glob("*.lock"))) == 2
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    one, two = (optuna.load_study(study_name=name, storage=storage) for name in ("one", "two"))
    with TrialQueue(one, one._storage, tmp_path), TrialQueue(one, one._storage, tmp_path):
        assert len(list(locks.glob("*.lock"))) == 3  # theirs, and the one of the other study
    with TrialQueue(two, two._storage, tmp_path) as queue:
        assert len(list(locks.glob("*.lock"))) == 2
        (sentence,) = queue.recover()
        assert "tried again" in sentence
    assert list(locks.glob("*.lock")) == []
