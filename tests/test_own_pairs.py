"""Training on pairs from files: the split, the streams, studies and updates, and what goes wrong."""

import dataclasses
import json
import os
import shutil
import warnings

import numpy as np
import pytest
from toys import DENOISING, INVERSION, hastily, load, run_here, toy

import blindTest
import hpo.asked
import hpo.options
import hpo.study
import modelCard
from baseML import BaseMLClass
from dataFiles import write_traces
from dataGeneration import generate_block, stream_generator
from hpo.results.networks import rate_networks
from hpo.tree import ResultsTree
from networks.prediction import TracesWarning
from problems.own_pairs import BLIND, DEVIATION, MARGIN, PARTS, TRAINING, VALIDATION
from problems.own_pairs import OwnTraces, OwnVelocities, open_pairs, split

N_TRACES, N_SAMPLES, DT = 60, 80, 0.004
DEAD = (3, 30)  # traces
KINDS = {"denoising": OwnTraces, "inversion": OwnVelocities}
TOYS = {"denoising": toy(DENOISING), "inversion": toy(INVERSION)}
SMALL = ["--num-datasets", "8", "--num-epochs", "2", "--n-trials", "2", "--study-name", "own"]
pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(scope="module")
def data():
    """Traces of the generator by name, (N_TRACES, N_SAMPLES), two of them dead; amplitudes as in field data."""
    names = ("CONV_REFL_CLEAN", "CONV_REFL_NOISY", "VEL")
    made = generate_block(stream_generator(5, "data set"), N_TRACES, names, n_samples=N_SAMPLES, dt=DT)
    for name in names[:2]:
        made[name] = made[name] * 2000 + 7
        made[name][DEAD, :] = 0
    return {name: made[name] for name in names}


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    """A folder with these traces: clean.sgy, clean.npy, noisy.sgy, velocity.sgy, velocity.npy."""
    folder = tmp_path_factory.mktemp("files")
    for name, values in zip(("clean", "noisy", "velocity"), data.values(), strict=True):
        for suffix in (".sgy", ".npy"):
            write_traces(folder / f"{name}{suffix}", values, DT)
    return folder


def stream_of(kind, pairs, part=TRAINING, **options):
    options = {"batch_size": 4, "n": 8, "n_samples": N_SAMPLES, "dt": DT} | options
    return kind(pairs=pairs, stream=part, **options)


def epochs_of(stream, n_epochs=1):
    """x and y of the epochs of a stream, (n_epochs, n, n_samples) each."""
    epochs = []
    for _ in range(n_epochs):
        stream.on_epoch_begin()
        epochs.append([stream[index] for index in range(len(stream))])
    return (np.array([np.concatenate([batch[i][..., 0] for batch in epoch]) for epoch in epochs]) for i in (0, 1))


# --- The split


def test_the_parts_are_blocks_of_neighbours_that_are_apart():
    alive = np.ones(2000, bool)
    alive[100:150] = False
    parts = split((2000,), alive)
    numbers = np.concatenate([parts[name] for name in PARTS])
    assert len(np.unique(numbers)) == len(numbers) and alive[numbers].all()
    sizes = {name: len(part) / alive.sum() for name, part in parts.items()}
    assert sizes == pytest.approx({TRAINING: 0.67, VALIDATION: 0.15, BLIND: 0.15}, abs=0.003)
    other = np.concatenate([parts[VALIDATION], parts[BLIND]])
    assert np.abs(parts[TRAINING][:, None] - other).min() == MARGIN + 1
    assert np.abs(parts[VALIDATION][:, None] - parts[BLIND]).min() > MARGIN
    runs = np.split(parts[VALIDATION], np.flatnonzero(np.diff(parts[VALIDATION]) > 1) + 1)
    assert len(runs) == 3 and runs[0][0] < 400 and runs[-1][-1] > 1500  # all over the file


def test_a_small_file_has_smaller_margins():
    parts = split((40,), np.ones(40, bool))
    assert {name: len(part) for name, part in parts.items()} == {TRAINING: 17, VALIDATION: 6, BLIND: 6}
    other = np.concatenate([parts[VALIDATION], parts[BLIND]])
    assert np.abs(parts[TRAINING][:, None] - other).min() == 2


def test_a_line_of_a_volume_is_in_one_part():
    alive = np.ones(60 * 11, bool)
    alive[5] = False
    line = {name: set(part // 11) for name, part in split((60, 11), alive).items()}
    assert not line[TRAINING] & line[VALIDATION] and not line[TRAINING] & line[BLIND]
    assert not line[VALIDATION] & line[BLIND]
    crossline = {name: set(part % 60) for name, part in split((11, 60), alive).items()}
    assert not crossline[TRAINING] & crossline[VALIDATION] and not crossline[TRAINING] & crossline[BLIND]


def test_the_streams_of_all_seeds_and_epochs_keep_to_their_parts(tmp_path):
    """Each trace has its number as velocity; all traces of a part are used, once before any is used again."""
    numbers = np.arange(N_TRACES)
    rng = np.random.default_rng(0)
    velocity = np.repeat(5000.0 + numbers[:, None], N_SAMPLES, axis=1)
    write_traces(tmp_path / "x.npy", rng.normal(size=velocity.shape), DT)
    write_traces(tmp_path / "y.npy", velocity, DT)
    pairs = open_pairs(OwnVelocities, tmp_path / "x.npy", tmp_path / "y.npy", DT)
    for part in PARTS:
        own = set(pairs.parts[part].tolist())
        for seed in (0, 1):
            _, y = epochs_of(stream_of(OwnVelocities, pairs, part, n=len(own) + 3, seed=seed), 2)
            found = np.rint(y[..., 0] - 5000).astype(int)
            assert all(set(epoch) == own and len(set(epoch[: len(own)])) == len(own) for epoch in found)
            assert (found[0] != found[1]).any()


# --- Streams


@pytest.mark.parametrize("name", KINDS)
def test_a_stream_repeats_and_differs_by_epoch_and_seed(files, name):
    kind = KINDS[name]
    pairs = open_pairs(kind, files / "clean.sgy", files / "velocity.sgy" if name == "inversion" else None)
    again = open_pairs(kind, files / "clean.sgy", files / "velocity.sgy" if name == "inversion" else None)
    x, y = epochs_of(stream_of(kind, pairs, seed=1), 2)
    same = epochs_of(stream_of(kind, again, seed=1, batch_size=3), 2)  # whatever the size of the batches
    assert all(np.array_equal(a, b) for a, b in zip((x, y), same, strict=True))
    resumed = stream_of(kind, again, seed=1)
    resumed.begin_at(1)  # as a training that was cut off after its first epoch
    assert np.array_equal(next(epochs_of(resumed))[0], x[1])
    other, _ = epochs_of(stream_of(kind, pairs, seed=2), 2)
    assert not np.array_equal(x[0], x[1]) and not np.array_equal(x, other)
    fixed, _ = epochs_of(stream_of(kind, pairs, VALIDATION, validation="fixed"), 2)
    assert np.array_equal(fixed[0], fixed[1])


def test_noise_is_added_to_clean_traces_at_the_level_that_is_asked_for(files, data):
    pairs = open_pairs(OwnTraces, files / "clean.sgy")
    x, y = epochs_of(stream_of(OwnTraces, pairs, n=30, snr_db=6), 2)
    level = 10 * np.log10((y**2).sum(axis=-1) / ((x - y) ** 2).sum(axis=-1))
    assert abs(level.mean() - 6) < 0.3
    assert np.allclose(y.std(axis=-1), DEVIATION, rtol=1e-5) and np.abs(y.mean(axis=-1)).max() < 1e-6
    clean = np.delete(data["CONV_REFL_CLEAN"], DEAD, axis=0)
    clean = (clean - clean.mean(axis=1, keepdims=True)) / clean.std(axis=1, keepdims=True) * DEVIATION
    assert all(np.abs(clean - trace).max(axis=1).min() < 1e-6 for trace in y.reshape(-1, N_SAMPLES))


def test_targets_of_denoising_are_scaled_as_their_traces(files, data):
    pairs = open_pairs(OwnTraces, files / "noisy.sgy", files / "clean.npy")
    x, y = epochs_of(stream_of(OwnTraces, pairs, n=30))
    assert np.allclose(x.std(axis=-1), DEVIATION, rtol=1e-5)
    clean, noisy = (data[name][pairs.parts[TRAINING]].std(axis=1) for name in ("CONV_REFL_CLEAN", "CONV_REFL_NOISY"))
    expected = clean / noisy
    assert all(np.abs(expected - share).min() < 1e-5 for share in (y.std(axis=-1) / x.std(axis=-1)).ravel())


def test_velocity_keeps_its_unit_and_traces_have_one_scale(files, data):
    pairs = open_pairs(OwnVelocities, files / "clean.sgy", files / "velocity.npy")
    x, y = epochs_of(stream_of(OwnVelocities, pairs, n=len(pairs.parts[TRAINING])))
    velocity = data["VEL"][pairs.parts[TRAINING]]
    assert {trace.tobytes() for trace in y[0]} == {trace.astype(np.float32).tobytes() for trace in velocity}
    assert np.median(x.std(axis=-1)) == pytest.approx(DEVIATION, rel=1e-4)
    assert np.ptp(x.std(axis=-1)) > 0.01  # amplitudes stay different


def test_a_finer_interval_keeps_the_times_of_events(tmp_path):
    """A spike in the middle, and a step of velocity there, stand at the same time at 1 ms as at 4 ms."""
    trace, velocity = np.zeros((N_TRACES, N_SAMPLES)), np.full((N_TRACES, N_SAMPLES), 6000.0)
    trace[:, 40], velocity[:, 40:] = 1, 9000
    trace += 1e-3 * np.random.default_rng(0).normal(size=trace.shape)
    files = [write_traces(tmp_path / f"{name}.sgy", values, 0.004) for name, values in (("x", trace), ("y", velocity))]
    pairs = open_pairs(OwnVelocities, *files)
    x, y = epochs_of(stream_of(OwnVelocities, pairs, n_samples=320, dt=0.001))
    assert (x.argmax(axis=-1) == 160).all() and (y[..., 156] == 6000).all() and (y[..., 160] == 9000).all()


def test_short_traces_are_continued_and_long_ones_give_windows(files):
    """Their mirror image follows; where velocities are mirrored, a reflection changes its sign."""
    last = N_SAMPLES - 1
    pairs = open_pairs(OwnVelocities, files / "clean.sgy", files / "velocity.sgy")
    x, y = epochs_of(stream_of(OwnVelocities, pairs, n_samples=2 * N_SAMPLES + 30))
    for values, sign in ((x, -1), (y, 1)):
        assert np.array_equal(values[..., last + 1 : 2 * last + 1], sign * values[..., last - 1 :: -1][..., :last])
        assert np.array_equal(values[..., 2 * last + 1 : 2 * last + 30], values[..., 1:30])
    whole, _ = epochs_of(stream_of(OwnVelocities, pairs))
    first, _ = epochs_of(stream_of(OwnVelocities, pairs, n_samples=50))
    assert np.array_equal(whole[..., :50], first)  # from the first sample, as velocity depends on time
    pairs = open_pairs(OwnTraces, files / "clean.sgy")
    _, y = epochs_of(stream_of(OwnTraces, pairs, n_samples=N_SAMPLES + 30))
    assert np.allclose(y[..., last + 1 : last + 31], y[..., last - 30 : last][..., ::-1], atol=1e-6)
    _, whole = epochs_of(stream_of(OwnTraces, pairs))
    _, windows = epochs_of(stream_of(OwnTraces, pairs, n_samples=50))
    starts = [
        next(start for start in range(31) if np.array_equal(trace[start : start + 50], window))
        for trace, window in zip(whole[0], windows[0], strict=True)
    ]
    assert len(set(starts)) > 2


# --- Runs


def options_of(files, name, suffix=".sgy"):
    """The options of own pairs of a problem; an .npy file does not say its interval."""
    targets = {"inversion": ["--targets", str(files / f"velocity{suffix}")]}
    dt = ["--dt", str(DT)] if suffix == ".npy" else []
    return ["--traces", str(files / f"clean{suffix}"), *targets.get(name, []), *dt]


def run(name, output, *options):
    return run_here(TOYS[name], output, *SMALL, *options)


def network_of(output):
    path = next(output.glob("*/Final_Model/Optuna/*.keras"))
    return path, BaseMLClass.load_model(path)


@pytest.mark.parametrize(("name", "suffix"), [("denoising", ".npy"), ("inversion", ".sgy")])
def test_a_study_trains_on_files_and_goes_on_with_the_same_values(files, data, tmp_path, capsys, name, suffix):
    """And its network says what it was trained on, and answers the traces of the file."""
    mine = shutil.copytree(files, tmp_path / "mine")
    options = options_of(mine, name, suffix)
    assert run(name, tmp_path / "whole", *options) == 0
    printed = capsys.readouterr().out
    assert "own traces clean" in printed and "On 4 blind traces of clean" in printed and "2 are left out" in printed
    assert ("with added noise" in printed) == (name == "denoising")
    assert ("Blocky" in printed, "Mean trend" in printed) == (False, name == "inversion")
    whole = load(tmp_path / "whole", TOYS[name])
    assert whole.user_attrs["dt"] == DT and whole.user_attrs["n_samples"] == 48
    assert "own traces clean" in json.dumps(whole._storage.get_study_system_attrs(whole._study_id))  # in its note

    part = tmp_path / "part"
    assert run(name, part, *options, "--n-trials", "1") == 0
    assert run(name, part, "--mode", "optuna_resume") == 0  # without the files' names
    values = [trial.value for trial in load(part, TOYS[name]).trials]
    assert values == [trial.value for trial in whole.trials] and None not in values

    path, network = network_of(part)
    trained = network.training_data()
    assert (trained.answers_traces, trained.unit) == ((True, "") if name == "denoising" else (False, "ft/s"))
    assert network.provenance["traces"] == str(mine / f"clean{suffix}")
    scale = network.provenance["pairs"]["scale"]
    assert (scale is None) == (name == "denoising")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TracesWarning)
        answer = network.predict(data["CONV_REFL_CLEAN"], DT, scale or 1.0)
    sentences = [str(warning.message) for warning in caught]
    assert answer.shape == (N_TRACES, N_SAMPLES) and "2 of 60 traces are dead" in sentences[0]
    assert not any("unless a scale" in sentence for sentence in sentences)


@pytest.fixture(scope="module")
def studied(files, tmp_path_factory):
    """A folder with copies of the files, and a study of denoising on one of them, of one trial."""
    folder = tmp_path_factory.mktemp("studied")
    shutil.copytree(files, folder / "files")
    with hastily():
        assert run("denoising", folder / "out", *options_of(folder / "files", "denoising"), "--n-trials", "1") == 0
    return folder


def test_a_study_goes_on_with_files_of_the_same_content_alone(studied, files, tmp_path, capsys):
    output = shutil.copytree(studied / "out", tmp_path / "out")
    moved = str(shutil.copy(files / "clean.sgy", tmp_path / "moved.sgy"))
    resume = ["--mode", "optuna_resume", "--n-trials", "1", "--traces"]
    for options in ([*resume, str(files / "noisy.sgy")], [], ["--traces", str(files / "noisy.sgy")]):
        assert run("denoising", output, *options) == 2
        assert "was started with other --traces or --targets" in capsys.readouterr().err
    assert run("denoising", output, *resume, moved) == 0
    assert load(output, TOYS["denoising"]).user_attrs["traces"] == moved


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-4] + bytes(4)), ("has changed since",)),
        (os.remove, ("clean.sgy does not exist",)),
    ],
    ids=["changed", "missing"],
)
def test_a_study_whose_file_has_changed_or_is_missing_is_one_sentence(studied, capsys, change, parts):
    path = studied / "files" / "clean.sgy"
    content = path.read_bytes()
    try:
        change(path)
        assert run("denoising", studied / "out", "--mode", "optuna_resume") == 2
    finally:
        path.write_bytes(content)
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(part in error for part in parts)


def test_the_best_network_of_such_a_study_is_trained_again_on_its_files(studied, tmp_path):
    folder = shutil.copytree(studied / "out", tmp_path / "out")
    final = ["--mode", "final_model", "--from-study", "own", "--repeats", "1"]
    assert run_here(TOYS["denoising"], folder, *final) == 0
    settings = json.loads((folder / "Denoising" / "Repeatability" / "settings.json").read_text(encoding="utf-8"))
    assert settings["traces"] == str(studied / "files" / "clean.sgy") and settings["dt"] == DT


def test_workers_open_the_files_of_their_study(studied):
    """A worker gets the command line of the run that started it."""
    options = ["--as-worker", "--study-name", "own", "--output", str(studied / "out")]
    options += options_of(studied / "files", "denoising")
    problem = TOYS["denoising"]
    worker = hpo.asked.run_from_options(problem, hpo.options.parse_options("", options))
    worker, _ = hpo.study.open_study(worker)
    assert worker.own_pairs.content == worker.settings.pairs and worker.settings.dt == DT


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results of a study on made traces."""
    output = tmp_path_factory.mktemp("made")
    with hastily():
        assert run_here(TOYS["denoising"], output, "--n-trials", "1", "--num-epochs", "1") == 0
    return output


@pytest.mark.parametrize("suffix", [".sgy", ".npy"])
def test_a_network_is_trained_on_with_own_pairs(made, files, tmp_path, capsys, suffix):
    """A network of made traces, at its own interval and length, whatever those of the file are."""
    path, before = network_of(shutil.copytree(made, tmp_path / "made"))
    update = ["--mode", "model_update", "--model", str(path), "--num-epochs", "4", "--num-datasets", "16"]
    assert run_here(TOYS["denoising"], tmp_path, *update, *options_of(files, "denoising", suffix)) == 0
    printed = capsys.readouterr().out
    assert f"on own traces clean{suffix} with fresh noise" in printed
    losses = {line.split()[0]: float(line.split()[2].rstrip(",")) for line in printed.splitlines() if " loss " in line}
    assert losses["After"] < losses["Before"]
    after = BaseMLClass.load_model(path.with_name(f"{path.stem}_update.keras"))
    assert after.n_samples == before.n_samples == 48 and after.transform["dt"] == 0.001
    assert after.provenance["traces"].endswith(f"clean{suffix}") and after.provenance["pairs"]["dt"] == DT


def test_an_update_goes_on_with_the_pairs_of_its_network(studied, tmp_path, capsys):
    path, _ = network_of(shutil.copytree(studied / "out", tmp_path / "out"))
    assert run_here(TOYS["denoising"], tmp_path, "--mode", "model_update", "--model", str(path)) == 0
    assert "on own traces clean.sgy" in capsys.readouterr().out
    after = BaseMLClass.load_model(path.with_name(f"{path.stem}_update.keras"))
    assert after.transform["dt"] == DT and after.provenance["pairs"]["dt"] == DT


def test_the_blind_test_of_such_a_network_is_on_the_blind_traces_of_its_files(studied, tmp_path, capsys):
    path, _ = network_of(studied / "out")
    blindTest.main(["--model", str(path), "--traces", "50"])
    printed = capsys.readouterr().out
    assert "Denoising, 8 blind traces" in printed and "clean.sgy" in printed and "added noise" in printed
    (row,) = (line for line in printed.splitlines() if line.startswith("CNN_AE") and " network " in line)
    notes = []
    (rated,), _ = rate_networks(TOYS["denoising"], ResultsTree(studied / "out", "Denoising"), notes)
    assert not notes and f"{rated.score.value:.2f}" in row
    with pytest.raises(SystemExit):
        modelCard.main([str(path), "--output", str(tmp_path / "card.keras")])
    assert "trained on own traces" in capsys.readouterr().err


# --- What goes wrong


def bad(folder, traces, targets=None):
    """Files with these values, as options."""
    options = []
    for flag, values in (("--traces", traces), ("--targets", targets)):
        if values is not None:
            options += [flag, str(write_traces(folder / f"{flag[2:]}.sgy", values, DT))]
    return options


def noise(n_traces=N_TRACES, n_samples=N_SAMPLES):
    return np.random.default_rng(0).normal(size=(n_traces, n_samples))


def in_depth(folder):
    path = write_traces(folder / "depth.sgy", noise(), DT)
    text = "C 7 Z AXIS: DEPTH (M)".ljust(3200).encode("cp037")
    path.write_bytes(text + path.read_bytes()[3200:])
    return ["--traces", str(path)]


BAD = {  # problem, options from (folder with files, own folder), parts of the sentence
    "missing": ("denoising", lambda files, own: ["--traces", str(own / "none.sgy")], ("none.sgy does not exist",)),
    "folder": ("denoising", lambda files, own: ["--traces", str(own)], ("is a folder",)),
    "kind": ("denoising", lambda files, own: ["--traces", __file__], (".py is of none of the known kinds",)),
    "interval": (
        "denoising",
        lambda files, own: ["--traces", str(files / "clean.npy")],
        ("does not say its sampling interval; give it with --dt",),
    ),
    "depth": ("denoising", lambda files, own: in_depth(own), ("in depth", "two-way time")),
    "too few": ("denoising", lambda files, own: bad(own, noise(12)), ("need 40 live traces", "are 12 among 12")),
    "dead": ("denoising", lambda files, own: bad(own, np.zeros((50, 60))), ("need 40 live traces", "are 0 among 50")),
    "dead targets": (
        "denoising",
        lambda files, own: bad(own, noise(), np.zeros((N_TRACES, N_SAMPLES))),
        ("need 40 live traces", "are 0 among 60"),
    ),
    "too short": ("denoising", lambda files, own: bad(own, noise(60, 2)), ("3 samples or more", "have 2 at 0.004 s")),
    "other number": ("denoising", lambda files, own: bad(own, noise(), noise(50)), ("60 of 80", "50 of 80")),
    "other length": ("inversion", lambda files, own: bad(own, noise(), noise(60, 70)), ("60 of 80", "60 of 70")),
    "no targets": ("inversion", lambda files, own: bad(own, noise()), ("need --targets FILE", "ft/s")),
    "km/s": ("inversion", lambda files, own: bad(own, noise(), 3 + 0.1 * noise()), ("1000 to 30000 ft/s", "3280.84")),
    "targets alone": ("inversion", lambda files, own: bad(own, None, noise()), ("no meaning without --traces",)),
    "published": (
        "denoising",
        lambda files, own: [*options_of(files, "denoising"), "--preset", "published"],
        ("--preset published", "--traces needs another preset"),
    ),
    "manual": (
        "denoising",
        lambda files, own: [*options_of(files, "denoising"), "--mode", "manual"],
        ("--traces has no meaning in mode manual",),
    ),
    "final": (
        "denoising",
        lambda files, own: [*options_of(files, "denoising"), "--mode", "final_model"],
        ("--traces has no meaning in mode final_model",),
    ),
    "noise of targets": (
        "denoising",
        lambda files, own: [*bad(own, noise(), noise()), "--snr-db", "3"],
        ("--snr-db [3.0]", "no meaning with --targets"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trained_on_is_one_sentence(files, tmp_path, capsys, case):
    name, options, parts = BAD[case]
    try:
        status = run_here(TOYS[name], tmp_path / "out", *options(files, tmp_path))
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    assert status == 2 and captured.err.count("\n") == 1 and not (tmp_path / "out").exists(), captured
    assert all(part in captured.err for part in parts), captured.err


def test_traces_and_targets_of_different_intervals_are_refused(tmp_path):
    x, y = (write_traces(tmp_path / f"{dt}.sgy", noise(), dt) for dt in (0.002, 0.004))
    with pytest.raises(ValueError, match="need one interval, not 0.002 s and 0.004 s"):
        open_pairs(OwnTraces, x, y)


def test_velocities_below_that_of_water_are_a_note(tmp_path):
    files = [write_traces(tmp_path / "x.sgy", noise(), DT), write_traces(tmp_path / "y.sgy", 3000 + 10 * noise(), DT)]
    assert any("if they are m/s" in note for note in open_pairs(OwnVelocities, *files).notes)


def test_another_problem_has_no_pairs_from_files(files, tmp_path, capsys):
    problem = dataclasses.replace(TOYS["denoising"], name="other", own_stream=None)
    assert run_here(problem, tmp_path / "out", *options_of(files, "denoising")) == 2
    assert "--traces has no meaning for other" in capsys.readouterr().err
