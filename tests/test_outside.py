"""Blind tests on what nobody here generated: real sections with noise, and traces of a velocity model."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from test_dataFiles import DATA
from toys import DENOISING, INVERSION, NETWORK

import blindTest
from baseML import BaseMLClass, NetworkConfig, create_model
from dataFiles import write_traces
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_traces
from evaluation.outside import (
    ModelFile,
    gardner_density,
    model_pairs,
    outside_test,
    read_section,
    with_noise,
)
from evaluation.scores import AMPLITUDE_RMSE, CORRELATION, SNR, SNR_GAIN, VELOCITY_BIAS, score
from support.errors import UserError
from traces.own_wavelet import OwnWavelet
from traces.units import VELOCITY_UNITS, length_in_feet

DT = 0.001
FOUR_METRES = length_in_feet("4m")


@pytest.fixture
def real():
    """The folder of the real files."""
    if not DATA.is_dir():
        pytest.skip("the real files are not on this machine")
    return DATA


def clean_traces(n_traces=6, n_samples=500):
    return blind_traces(DENOISING, n_traces, protocol=TraceProtocol(n_samples))[1]


def section_of(tmp_path, traces, dt=DT, network_dt=DT, at_most=100):
    return read_section(write_traces(tmp_path / "line.npz", np.asarray(traces), dt), network_dt, at_most)


def snr_of(pairs):
    """The signal-to-noise ratio (dB) of each trace's live samples."""
    power, of_noise = (
        np.sum(part**2, axis=1, where=pairs.scored) / pairs.scored.sum(axis=1) for part in (pairs.y, pairs.x - pairs.y)
    )
    return 10 * np.log10(power / of_noise)


# --- Real sections


@pytest.mark.parametrize("level", [-5.0, 0.0, 4.77, 20.0])
def test_a_section_gets_noise_of_exactly_the_level(tmp_path, level):
    traces = clean_traces()
    pairs = with_noise(section_of(tmp_path, 1e6 * traces + 3e6), level, seed=0)
    assert snr_of(pairs) == pytest.approx(level, abs=1e-9) and pairs.scored.all() and pairs.dt == DT
    expected = (traces - traces.mean(axis=1, keepdims=True)) / traces.std(axis=1, keepdims=True)
    assert np.abs(pairs.y - expected).max() < 1e-3
    rows, warnings = outside_test(DENOISING, {}, pairs, 0, TraceProtocol())
    found = next(row for row in rows if row.name == "Noisy input").scores
    assert found["snr_db"].value == pytest.approx(level, abs=1e-6) and not warnings
    assert len(rows) == len(DENOISING.baselines)


def test_the_noise_is_white_and_gaussian_and_depends_on_the_seed_alone(tmp_path):
    section = section_of(tmp_path, clean_traces(40, 1000))
    noise = [with_noise(section, level, seed).x - section.traces for level, seed in ((0, 1), (0, 1), (10, 1), (0, 2))]
    assert np.array_equal(noise[0], noise[1]) and np.allclose(noise[0], noise[2] * 10**0.5)
    assert abs(np.corrcoef(noise[0].ravel(), noise[3].ravel())[0, 1]) < 0.02
    assert np.mean(noise[0] ** 4) / np.mean(noise[0] ** 2) ** 2 == pytest.approx(3, abs=0.1)
    spectrum = np.abs(np.fft.rfft(noise[0], axis=1)[:, 1:-1]) ** 2
    halves = [half.mean() for half in np.array_split(spectrum, 2, axis=1)]
    assert halves[0] == pytest.approx(halves[1], rel=0.05)


def test_mutes_get_no_noise_and_do_not_count(tmp_path):
    traces = clean_traces(4, 600)
    tops = np.array([0, 50, 100, 300])
    for trace, top in zip(traces, tops, strict=True):
        trace[:top] = 0
    section = section_of(tmp_path, traces)
    pairs = with_noise(section, 3.0, seed=0)
    assert np.array_equal(pairs.scored, np.arange(600) >= tops[:, None]) and "19 % of the samples" in section.words
    assert not pairs.x[~pairs.scored].any() and snr_of(pairs) == pytest.approx(3, abs=1e-9)

    predicted = 0.9 * pairs.x
    predicted[~pairs.scored] = 1e3  # which no metric sees
    metrics = [AMPLITUDE_RMSE, SNR, SNR_GAIN, CORRELATION]
    found = score(metrics, pairs.y, predicted, pairs.x, scored=pairs.scored)
    each = [
        score(metrics, *(part[i : i + 1, top:] for part in (pairs.y, predicted, pairs.x))) for i, top in enumerate(tops)
    ]
    for metric in metrics:
        assert found[metric.name].value == pytest.approx(np.mean([one[metric.name].value for one in each]))
    everything = score(metrics, pairs.y, pairs.x, pairs.x, scored=np.ones_like(pairs.scored))
    assert everything["rmse"] == pytest.approx(score(metrics, pairs.y, pairs.x, pairs.x)["rmse"])


def test_a_mute_of_a_coarser_file_stays_one_at_the_networks_interval(tmp_path):
    coarse = np.random.default_rng(0).standard_normal((2, 100))
    coarse[0, :30] = 0
    section = section_of(tmp_path, coarse, dt=0.004)
    assert section.traces.shape == (2, 397) and section.dt == DT
    assert np.array_equal(section.samples, [np.arange(397) >= 120, np.ones(397, bool)])
    for trace, whole in zip(section.traces[:, ::4], coarse, strict=True):
        alive = whole[whole != 0]
        assert np.allclose(trace[whole != 0], (alive - alive.mean()) / alive.std(), atol=1e-5)
    assert not section.traces[0, :120].any()
    assert section_of(tmp_path, coarse, dt=0.004, network_dt=0.008).traces.shape == (2, 50)


def test_dead_traces_and_traces_with_nan_are_left_out_and_counted(tmp_path):
    traces = clean_traces(8)
    traces[2], traces[5, 7] = 4.0, np.nan
    section = section_of(tmp_path, traces)
    assert len(section.traces) == 6 and "2 of them are left out" in section.words
    with pytest.raises(ValueError, match="every trace that was read of .* is dead"):
        section_of(tmp_path, traces[[2, 5]])


def test_traces_are_spread_evenly_over_the_file(tmp_path):
    traces = np.random.default_rng(0).standard_normal((101, 40))
    section = section_of(tmp_path, traces, at_most=5)
    expected = traces[[0, 25, 50, 75, 100]]
    expected = (expected - expected.mean(axis=1, keepdims=True)) / expected.std(axis=1, keepdims=True)
    assert np.allclose(section.traces, expected, atol=1e-6)


def test_real_sections_can_be_tested(real):
    for name, n_samples in {"f3.sgy": 297, "f3-withdead.sgy": 297, "gom_cdp_nmo.su": 7001}.items():
        section = read_section(real / name, DT, 12)
        pairs = with_noise(section, 4.77, seed=0)
        assert pairs.y.shape[1] == n_samples and snr_of(pairs) == pytest.approx(4.77, abs=1e-9)
    with pytest.raises(UserError, match="in depth"):
        read_section(real / "volve10r12-full-z-il10117sub.sgy", DT, 12)


# --- Velocity models


def two_layers(path, upper=2000.0, lower=3000.0, n_columns=3, n_cells=200):
    """A model in m/s, whose velocity changes in the middle."""
    np.save(path, np.tile(np.repeat([upper, lower], n_cells // 2), (n_columns, 1)))
    return path


def test_the_reflection_of_two_layers_has_its_time_and_its_coefficient(tmp_path):
    model = ModelFile(two_layers(tmp_path / "v.npy"), length_in_feet("4.013m"))
    pairs = model_pairs(model, DT, 10)
    time, end = 2 * 401.3 / 2000, 2 * 401.3 * (1 / 2000 + 1 / 3000)
    assert pairs.x.shape == pairs.y.shape == (3, int(np.ceil(end / DT))) and pairs.scored is None
    base = int(np.ceil(time / DT))  # the first sample of the lower layer
    feet = VELOCITY_UNITS["m/s"]
    assert np.allclose(pairs.y[:, :base], 2000 * feet) and np.allclose(pairs.y[:, base:], 3000 * feet)
    ratio = (3000 / 2000) ** 1.25  # of impedances, by Gardner's relation
    assert np.abs(pairs.x).argmax(axis=1).tolist() == [base - 1] * 3  # a coefficient lies above its interface
    assert pairs.x.max(axis=1) == pytest.approx((ratio - 1) / (ratio + 1), rel=1e-6)
    a = (np.pi * 30 * (np.arange(pairs.x.shape[1]) - base + 1) * DT) ** 2
    assert np.allclose(pairs.x[0], pairs.x.max() * (1 - 2 * a) * np.exp(-a), atol=1e-6)


def test_density_is_gardners_or_the_one_that_is_given_in_either_unit(tmp_path):
    path = two_layers(tmp_path / "v.npy")
    assert gardner_density(np.array([2000 * VELOCITY_UNITS["m/s"]])) == pytest.approx(0.31 * 2000**0.25)
    found = []
    for name, unit in (("g", 1.0), ("kg", 1000.0)):
        density = tmp_path / f"{name}.npz"
        np.savez(density, rho=np.full((3, 200), 2.2 * unit), other=np.zeros(3))
        model = ModelFile(path, length_in_feet("4.013m"), density=density, density_array="rho")
        found.append(model_pairs(model, DT, 10))
    assert np.allclose(found[0].x, found[1].x) and found[0].x.max() == pytest.approx(0.2, rel=1e-6)
    assert "in kg/m3" in " ".join(found[1].words)


def test_a_given_wavelet_takes_the_place_of_the_ricker(tmp_path):
    model = ModelFile(two_layers(tmp_path / "v.npy"), length_in_feet("4.013m"))
    pairs = model_pairs(model, DT, 1, OwnWavelet(DT, (0.0, -1.0, 0.5)))
    base = int(np.ceil(0.4013 / DT))
    assert np.flatnonzero(np.abs(pairs.x[0]) > 1e-6).tolist() == [base - 1, base] and pairs.x[0, base - 1] < 0


@pytest.mark.parametrize("unit", VELOCITY_UNITS)
def test_a_unit_follows_from_magnitudes_or_is_given(tmp_path, unit):
    expected = model_pairs(ModelFile(two_layers(tmp_path / "v.npy"), FOUR_METRES), DT, 10).y
    path = tmp_path / "u.npy"
    lower = 9500.0 if unit == "ft/s" else 3000.0 * VELOCITY_UNITS["m/s"] / VELOCITY_UNITS[unit]
    two_layers(path, 2000.0 * VELOCITY_UNITS["m/s"] / VELOCITY_UNITS[unit], lower)
    derived = model_pairs(ModelFile(path, FOUR_METRES), DT, 10)
    assert f"{unit}, which is the only unit" in derived.words[0]
    given = model_pairs(ModelFile(path, FOUR_METRES, unit), DT, 10)
    assert np.array_equal(derived.y, given.y) and "only unit" not in given.words[0]
    assert np.allclose(given.y[:, 0], expected[:, 0])


def test_depth_may_be_the_first_axis(tmp_path):
    model = two_layers(tmp_path / "last.npy")
    np.save(tmp_path / "first.npy", np.load(model).T)
    np.save(tmp_path / "volume.npy", np.load(model).T.reshape(200, 1, 3))
    expected = model_pairs(ModelFile(model, FOUR_METRES), DT, 10)
    for name in ("first.npy", "volume.npy"):
        found = model_pairs(ModelFile(tmp_path / name, FOUR_METRES, depth_axis="first"), DT, 10)
        assert np.array_equal(found.x, expected.x) and np.array_equal(found.y, expected.y)
        assert not any("Warning" in sentence for sentence in found.words)
    with pytest.raises(ValueError, match="no column of .*first.npy has a reflection"):
        model_pairs(ModelFile(tmp_path / "first.npy", FOUR_METRES), 0.0001, 200)
    slanted = np.load(tmp_path / "first.npy") + np.arange(3.0)
    np.save(tmp_path / "first.npy", slanted)
    found = model_pairs(ModelFile(tmp_path / "first.npy", FOUR_METRES), 0.0001, 200)
    assert "--depth-axis" in found.words[-1]


def test_traces_end_with_the_shortest_column_and_a_column_without_reflection_is_left_out(tmp_path):
    velocity = np.full((3, 100), 2000.0)
    velocity[0, 50:], velocity[1, 20:] = 2500.0, 4000.0
    np.save(tmp_path / "v.npy", velocity)
    pairs = model_pairs(ModelFile(tmp_path / "v.npy", length_in_feet("4.013m"), "m/s"), DT, 10)
    assert pairs.y.shape == (2, int(np.ceil(2 * 4.013 * (20 / 2000 + 80 / 4000) / DT)))
    assert "1 of them has no reflection" in " ".join(pairs.words)


def test_a_segy_file_of_velocities_is_a_model_too(tmp_path):
    model = np.load(two_layers(tmp_path / "v.npy"))
    path = write_traces(tmp_path / "v.sgy", model, 0.004)
    expected = model_pairs(ModelFile(tmp_path / "v.npy", FOUR_METRES), DT, 10)
    assert np.allclose(model_pairs(ModelFile(path, FOUR_METRES), DT, 10).x, expected.x, atol=1e-6)
    with pytest.raises(ValueError, match="last axis of a SEG-Y file"):
        model_pairs(ModelFile(path, FOUR_METRES, depth_axis="first"), DT, 10)


def test_the_bias_is_the_mean_of_predicted_minus_true():
    y = np.array([[1000.0, 2000.0, 3000.0], [4000.0, 4000.0, 4000.0]])
    found = score([VELOCITY_BIAS], y, y + [[300.0], [-100.0]])["bias"]
    assert found.value == pytest.approx(100) and found.low == pytest.approx(-100) and found.high == pytest.approx(300)
    assert VELOCITY_BIAS in INVERSION.columns and INVERSION.columns[0] is INVERSION.headline


def test_marmousi_is_tested_beside_the_pretrained_network(real, capsys):
    network = Path(__file__).parents[1] / "pretrained" / "inversion.keras"
    blindTest.main(
        ["--model-file", str(real / "poststack_model.npz"), "--array", "model", "--cell-size", "4m", "--traces", "12"]
        + ["--depth-axis", "first", "--model", str(network)]
    )
    printed = capsys.readouterr().out
    assert "12 of 800 columns" in printed and "1.73 to 5.5 km/s" in printed and "generator's earth" in printed
    rmse = {line[:20].strip(): int(line.split("  [")[0].split()[-1]) for line in rows_of(printed)}
    network_rmse = next(value for name, value in rmse.items() if name.startswith("RES_SEQ"))
    assert rmse["Band-limited"] < rmse["Mean trend"] < rmse["Mean velocity"] < 3000
    assert 1500 < network_rmse < 3500


def rows_of(printed):
    """The lines of methods in a table, with two blanks before a bracket."""
    lines = [line for line in printed.splitlines() if "  baseline " in line or "  network " in line]
    return [line.replace(" [", "  [", 1) for line in lines]


# --- The command


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Tiny networks by problem; that for denoising is for traces at 2 ms."""
    folder = tmp_path_factory.mktemp("networks")
    made = {
        "denoising": create_model(NETWORK, 48, transform={"transform_type": "NA", "dt": 0.002}),
        "inversion": create_model(NetworkConfig("CNN", "SEQ", 1, 2, 2, num_filt=2, krnl_size=3, pool_val=1), 48),
    }
    for problem, network in made.items():
        network.provenance = {"problem": problem}
        network.save_model(folder / f"{problem}.keras")
    return folder


def run(*words):
    blindTest.main([str(word) for word in words])


def test_a_section_is_tested_at_the_networks_interval_and_at_several_levels(tmp_path, networks, capsys):
    path = write_traces(tmp_path / "my line.sgy", clean_traces(5, 300), 0.004)
    options = ("--section", path, "--model", networks / "denoising.keras", "--csv", tmp_path / "csv")
    run(*options, "--snr-db", "-3", "4.77")
    printed = capsys.readouterr().out
    assert "Denoising, 5 traces of 599 samples at 2 ms, with noise of -3 dB and 4.77 dB" in printed
    assert "300 samples, one every 4 ms" in printed and "favours a method that keeps it" in printed
    tables = [list(csv.reader(path.open())) for path in sorted((tmp_path / "csv").iterdir())]
    assert [path.name for path in sorted((tmp_path / "csv").iterdir())] == [
        "blind_test_denoising_my_line_-3_dB.csv",
        "blind_test_denoising_my_line_4.77_dB.csv",
    ]
    place = tables[0][0].index("SNR (dB)")
    assert [float(table[1][place]) for table in tables] == pytest.approx([-3, 4.77])
    assert tables[0][-1][1] == "network"

    run(*options[:4])
    printed = capsys.readouterr().out
    assert "with noise of 4.77 dB" in printed and "the best baseline" in printed


def test_a_file_without_an_interval_gets_it_and_the_network_keeps_its_own(tmp_path, networks, capsys):
    np.save(tmp_path / "line.npy", clean_traces(3, 200))
    words = ("--section", tmp_path / "line.npy", "--model", networks / "denoising.keras")
    assert "--dt" in refusal(capsys, *words)
    run(*words, "--dt", "0.004")
    assert "3 traces of 399 samples at 2 ms" in capsys.readouterr().out


def test_a_model_is_tested_and_warnings_are_sentences(tmp_path, networks, capsys):
    two_layers(tmp_path / "v.npy", lower=2004.0)
    options = ["--model-file", tmp_path / "v.npy", "--cell-size", "13.1ft", "--csv", tmp_path]
    run(*options, "--model", networks / "inversion.keras", "--dt", "0.002")
    printed = capsys.readouterr().out
    assert "Inversion, 3 traces of " in printed and "samples at 2 ms" in printed and "Bias (ft/s)" in printed
    warnings = [line for line in printed.splitlines() if line.startswith("Warning: to ")]
    assert any("deviation" in line for line in warnings) and not any("TracesWarning" in line for line in warnings)
    assert (tmp_path / "blind_test_inversion_v.csv").is_file()


def refusal(capsys, *words):
    """The one sentence with which the command refuses."""
    with pytest.raises(SystemExit) as ended:
        run(*words)
    printed = capsys.readouterr()
    assert ended.value.code == 2 and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ("--section line.npz --by noise", ("--by is for generated traces, not for --section",)),
        ("--section line.npz --samples 40", ("--samples is for generated traces",)),
        ("--section line.npz --noisy-data", ("--noisy-data is for generated traces",)),
        ("--section line.npz --wavelet w.txt", ("--wavelet is for generated traces and --model-file",)),
        ("--section line.npz --cell-size 4m", ("--cell-size is for --model-file, not for --section",)),
        ("--section line.npz --problem inversion", ("--section is not for inversion", "for denoising")),
        ("--section line.npz --model inversion.keras", ("--section is not for inversion",)),
        ("--section line.npz --model-file v.npy --cell-size 4m", ("two tests",)),
        ("--section line.npz --snr-db loud", ("'loud'",)),
        ("--section line.npz --snr-db 4 nan", ("-100 to 100 dB", "nan")),
        ("--section none.sgy", ("none.sgy does not exist",)),
        ("--section line.npz --array x", ("no array 'x'",)),
        ("--section dead.npz", ("every trace", "dead")),
        ("--picture p.png", ("--picture needs --model",)),
        ("--picture p.png --model denoising.keras --by noise", ("no --by",)),
        ("--picture p.png --section line.npz", ("--picture is for generated traces, not for --section",)),
        ("--snr-db 4", ("--snr-db is for --section, not for generated traces",)),
        ("--depth-axis first", ("--depth-axis is for --model-file",)),
        ("--model-file v.npy", ("needs --cell-size",)),
        ("--model-file v.npy --cell-size 4", ("'4'", "4m or 10ft")),
        ("--model-file v.npy --cell-size 0m", ("'0m'", "above 0")),
        ("--model-file v.npy --cell-size 4m --snr-db 4", ("--snr-db is for --section, not for --model-file",)),
        ("--model-file v.npy --cell-size 4m --by noise", ("not for --model-file",)),
        ("--model-file v.npy --cell-size 4m --model denoising.keras", ("--model-file is not for denoising",)),
        ("--model-file v.npy --cell-size 4m --velocity-unit km/s", ("must be", "km/s", "2000 to 3000")),
        ("--model-file slow.npy --cell-size 4m", ("no known unit", "--velocity-unit")),
        ("--model-file fast.npy --cell-size 4m", ("m/s or ft/s", "--velocity-unit")),
        ("--model-file nan.npy --cell-size 4m", ("1 value that cannot be",)),
        ("--model-file v.npy --cell-size 0.001m", ("shortest column", "--cell-size")),
        ("--model-file v.npy --cell-size 4m --density fast.npy", ("one shape", "1 column of 10 cells")),
        ("--model-file v.npy --cell-size 4m --density zero.npy", ("0.1 to 10 g/cm3 or 100 to 10000 kg/m3",)),
        ("--model-file v.npy --cell-size 4m --density-array rho", ("needs --density",)),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_sentence(tmp_path, networks, monkeypatch, capsys, options, parts):
    for network in networks.iterdir():
        shutil.copy(network, tmp_path)
    monkeypatch.chdir(tmp_path)
    write_traces("line.npz", clean_traces(2, 100), DT)
    write_traces("dead.npz", np.ones((2, 100)), DT)
    two_layers("v.npy")
    models = {"slow": np.full((3, 10), 0.01), "fast": np.full((1, 10), 6000.0), "zero": np.zeros((3, 200))}
    models["nan"] = np.full((3, 10), 2000.0)
    models["nan"][1, 1] = np.nan
    for name, model in models.items():
        np.save(f"{name}.npy", model)
    error = refusal(capsys, *options.split())
    assert all(part in error for part in parts), error


@pytest.mark.parametrize("text", ["4", "m", "-4m", "4km", "4mm", "1e3m", "", "0ft", "4m4m", "."])
def test_a_length_needs_its_unit(text):
    with pytest.raises(ValueError, match="4m or 10ft"):
        length_in_feet(text)


def test_a_network_of_the_project_does_on_generated_traces_what_it_is_known_for(tmp_path):
    section = section_of(tmp_path, clean_traces(8, 2048))
    network = BaseMLClass.from_pretrained("denoising_paper")
    rows, warnings = outside_test(DENOISING, {"network": network}, with_noise(section, 4.77, 0), 0, TraceProtocol())
    best = max(row.scores["snr_db"].value for row in rows if row.kind == "baseline")
    assert rows[-1].scores["snr_db"].value > best + 0.5 and not warnings
