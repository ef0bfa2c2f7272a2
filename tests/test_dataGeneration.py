"""What the paper promises of its earth models and traces, with answers known in advance."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_close

import dataGeneration as dg
import traces.wavelets

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # bruges' use of pkg_resources
    from bruges import filters as bruges

ROOT = Path(__file__).parents[1]
SHALE = dg.LITHOLOGY_NAMES.index("shale")
LIMESTONE = dg.LITHOLOGY_NAMES.index("limestone")


@pytest.fixture(scope="module")
def block():
    """300 traces with everything."""
    return dg.generate_block(dg.stream_generator(0, "training"), 300, dg.BLOCK_NAMES)


def one_layer_models(velocities, thicknesses, densities, lithologies):
    """Layers of a single model from a row of values each."""
    thickness = np.array([thicknesses], float)
    return dg.Layers(
        np.array([lithologies]),
        thickness,
        thickness.cumsum(axis=1),
        np.array([velocities], float),
        np.array([densities], float),
        np.array([len(velocities)]),
    )


# --- Earth models in depth


@pytest.fixture(scope="module")
def layers():
    return dg.draw_layers(np.random.default_rng(1), 4000)


def test_thicknesses_are_uniform_between_10_and_1000_ft(layers):
    drawn = layers.thickness[layers.thickness > 0]
    assert 10 <= drawn.min() < 12 and 998 < drawn.max() <= 1000
    assert drawn.mean() == pytest.approx(505, rel=0.01)


def test_padding_has_no_thickness_and_stands_at_the_end(layers):
    assert np.array_equal((layers.thickness > 0).sum(axis=1), layers.n_layers)
    assert all((row[:n] > 0).all() for row, n in zip(layers.thickness, layers.n_layers, strict=True))


def test_models_stop_at_the_depth_the_paper_says(layers):
    """A model of few sequences may be short; one that stopped on depth passed 10 000 ft, first layer included."""
    depth = layers.base_depth[:, -1]
    assert (depth > 9000).mean() > 0.95
    assert depth.max() < 25_000 + 9 * 1000


@pytest.mark.parametrize("name", dg.LITHOLOGY_NAMES)
def test_velocities_fill_the_bounds_of_their_lithology_and_depth(layers, name):
    row = dg.LITHOLOGIES[dg.LITHOLOGY_NAMES.index(name)]
    here = (layers.lithology == dg.LITHOLOGY_NAMES.index(name)) & (layers.thickness > 0) & (layers.base_depth > 10_000)
    v = layers.velocity[here] / dg.FT_PER_KM
    low, high = row.v_low * row.low_factor, row.v_high
    assert low <= v.min() and v.max() <= high
    assert v.mean() == pytest.approx((low + high) / 2, rel=0.03)


def test_shallow_velocities_are_slower_than_deep_ones(layers):
    shale = (layers.lithology == SHALE) & (layers.thickness > 0)
    shallow = layers.velocity[shale & (layers.base_depth < 1000)] / dg.FT_PER_KM
    assert 1.5 <= shallow.min() and shallow.max() < 5.0 / (2.0 - 0.1)


def test_crossed_bounds_of_shallow_dolomite_are_drawn_between(layers):
    dolomite = (layers.lithology == dg.LITHOLOGY_NAMES.index("dolomite")) & (layers.thickness > 0)
    v = layers.velocity[dolomite & (layers.base_depth < 500)] / dg.FT_PER_KM
    assert v.size > 0 and 7.1 / 1.8 <= v.min() and v.max() <= 4.5 * 1.025


def test_empirical_density_is_the_polynomial_of_velocity(layers):
    table = np.array([row[1:4] for row in dg.LITHOLOGIES])
    a, b, c = table[layers.lithology].transpose(2, 0, 1)
    v = layers.velocity / dg.FT_PER_KM
    present = layers.thickness > 0
    assert_close(layers.density[present], (a * v**2 + b * v + c)[present])


def test_random_density_lies_between_1_9_and_3_2():
    drawn = dg.draw_layers(np.random.default_rng(0), 500, density_empirical=False)
    assert 1.9 <= drawn.density.min() and drawn.density.max() <= 3.2
    assert np.corrcoef(drawn.velocity.ravel(), drawn.density.ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_shares_of_lithologies_follow_the_sequences(layers):
    """Sequences of all kinds hold as many layers on average, so that shares are the products of probabilities."""
    present = layers.thickness > 0
    share = np.bincount(layers.lithology[present], minlength=6) / present.sum()
    expected = sum(p * np.array([mix.get(name, 0) for name in dg.LITHOLOGY_NAMES]) for p, mix in dg.SEQUENCES.values())
    assert share == pytest.approx(expected, abs=0.01)


# --- Logs in time


def test_an_interface_lands_on_its_two_way_time():
    layers = one_layer_models([10_000, 12_000], [5000, 6000], [2.0, 2.5], [SHALE, LIMESTONE])
    counts = dg.samples_per_layer(layers, 1500, 0.001)
    assert counts.tolist() == [[1000, 500]]
    assert dg.log_in_time(layers.velocity, counts)[0, [0, 999, 1000, 1499]].tolist() == [10_000, 10_000, 12_000, 12_000]


def test_t0_is_the_time_of_the_first_sample():
    layers = one_layer_models([10_000, 12_000], [5000, 6000], [2.0, 2.5], [SHALE, LIMESTONE])
    assert dg.samples_per_layer(layers, 1500, 0.001, t0=0.4).tolist() == [[600, 900]]


def test_what_lies_past_the_last_layer_is_the_last_layer():
    layers = one_layer_models([10_000, 12_000], [5000, 60], [2.0, 2.5], [SHALE, LIMESTONE])
    data = dg.generate_block(np.random.default_rng(0), 1, ["LITHOLOGY"], n_samples=4096, layers=layers)
    assert (data["LITHOLOGY"][0, 1000:] == LIMESTONE).all()


def test_shale_stays_shale_and_nothing_else_becomes_it():
    layers = one_layer_models([10_000, 12_000, 9_000], [500, 600, 450], [2.0, 2.5, 2.0], [SHALE, LIMESTONE, SHALE])
    data = dg.generate_block(np.random.default_rng(0), 1, ["LITHOLOGY"], n_samples=300, layers=layers)
    assert data["LITHOLOGY"][0].tolist() == [SHALE] * 100 + [LIMESTONE] * 100 + [SHALE] * 100


def test_heterogeneity_is_uniform_around_the_layers():
    layers = one_layer_models([10_000], [500], [2.0], [SHALE])
    data = dg.generate_block(np.random.default_rng(0), 1, ["VEL", "DENS"], n_samples=20_000, layers=layers)
    for name, centre, amplitude in (("VEL", 10_000, 500), ("DENS", 2.0, 0.09)):
        difference = data[name][0] - centre
        assert np.abs(difference).max() == pytest.approx(amplitude, rel=0.01)
        assert difference.std() == pytest.approx(amplitude / np.sqrt(3), rel=0.02)


def test_impedance_is_velocity_times_density(block):
    assert np.array_equal(block["IMP"], block["VEL"] * block["DENS"])


def test_reflectivity_is_the_paper_formula_and_zero_at_the_ends(block):
    z = block["IMP"].astype(float)
    r = (z[:, 2:-1] - z[:, 1:-2]) / (z[:, 2:-1] + z[:, 1:-2])
    assert_close(block["REFL"][:, 1:-2], r, rtol=0, atol=1e-6)
    assert (block["REFL"][:, [0, -2, -1]] == 0).all()


def test_one_interface_gives_one_spike_of_the_right_amplitude():
    z = np.repeat([2.0, 3.0], 50)[None]
    r = dg.reflectivity(z)
    assert np.flatnonzero(r[0]).tolist() == [49]
    assert r[0, 49] == pytest.approx(0.2)


def test_statistics_of_many_traces_are_the_published_ones():
    block = dg.generate_block(
        dg.stream_generator(0, "training"), 1500, ["VEL", "REFL", "REFL_RW", "REFL_KW", "REFL_OW"]
    )
    assert block["VEL"].mean() == pytest.approx(12_000, rel=0.02)
    assert block["VEL"].std() == pytest.approx(4700, rel=0.03)
    rms = {name: np.sqrt((block[name] ** 2).mean(axis=1)).mean() for name in ("REFL", "REFL_RW", "REFL_KW", "REFL_OW")}
    assert rms == pytest.approx({"REFL": 0.032, "REFL_RW": 0.069, "REFL_KW": 0.047, "REFL_OW": 0.050}, rel=0.06)


# --- Wavelets


@pytest.mark.parametrize("dt", dg.TIME_STEPS)
@pytest.mark.parametrize(
    ("ours", "theirs", "frequency"),
    [
        (dg.ricker, bruges.ricker, [27.0]),
        (dg.klauder, bruges.klauder, [5.0, 101.0]),
        (dg.ormsby, bruges.ormsby, [3.0, 14.0, 71.0, 95.0]),
    ],
)
def test_wavelets_are_those_of_bruges(dt, ours, theirs, frequency):
    reference = theirs(traces.wavelets.WAVELET_DURATION, dt, frequency)
    t = dg.wavelet_time(dt)
    assert t == pytest.approx(reference.time[t.size - 1 :], abs=1e-12)
    assert ours(t, np.array([frequency]))[0] == pytest.approx(reference.amplitude[t.size - 1 :], abs=1e-9)


@pytest.mark.parametrize("family", dg.WAVELETS)
def test_wavelets_are_symmetric_with_peak_1_and_differ_from_trace_to_trace(family):
    drawn = dg.draw_wavelets(np.random.default_rng(0), 20, 0.001, [family])[family]
    assert drawn.shape == (20, 513)
    assert drawn == pytest.approx(drawn[:, ::-1], abs=1e-6)
    assert drawn[:, 256] == pytest.approx(np.ones(20), abs=1e-6)
    assert len(np.unique(drawn[:, 200])) == 20


def test_a_random_wavelet_is_one_of_the_three_equally_often():
    drawn = dg.draw_wavelets(np.random.default_rng(0), 3000, 0.008, dg.TRACE_FAMILIES)
    same = np.array([(drawn["random"] == drawn[code]).all(axis=1) for code in dg.WAVELETS])
    assert (same.sum(axis=0) == 1).all()
    assert same.mean(axis=1) == pytest.approx(np.full(3, 1 / 3), abs=0.03)


@pytest.mark.parametrize("n_samples", [3, 4, 100, 101, 513, 1000, 4096])
def test_a_spike_gives_the_wavelet_centred_on_it(n_samples):
    spike = np.zeros((1, n_samples))
    at = n_samples // 2
    spike[0, at] = 1
    traces, wavelets = dg.wavelet_convolution(spike, wavelet="ricker", seed=0)
    inside = np.arange(n_samples) - at + 256
    kept = (inside >= 0) & (inside < 513)
    assert traces[0, kept] == pytest.approx(wavelets[0, inside[kept]], abs=1e-6)
    assert traces[0, ~kept] == pytest.approx(0, abs=1e-6)


def test_convolution_equals_the_plain_sum():
    rng = np.random.default_rng(0)
    traces, wavelets = rng.normal(size=(3, 700)), rng.normal(size=(3, 513))
    expected = [np.convolve(x, w)[256 : 256 + 700] for x, w in zip(traces, wavelets, strict=True)]
    assert dg.convolve(traces, wavelets) == pytest.approx(np.array(expected))


# --- Noise and gaps


def test_noise_has_0_577_of_the_rms_and_heavy_tails(block):
    clean, noisy = block["CONV_REFL_CLEAN"], block["CONV_REFL_NOISY"]
    noise = noisy - clean
    ratio = noise.std(axis=1) / clean.std(axis=1)
    assert ratio.mean() == pytest.approx(np.sqrt((1 + 0.001 + 0.001**2) / 3), rel=0.01)
    kurtosis = (noise**4).mean(axis=1) / (noise**2).mean(axis=1) ** 2
    assert kurtosis.mean() == pytest.approx(3 * (1 / 5) / (1 / 3) ** 2, rel=0.05)


@pytest.mark.parametrize(("snr_db", "lowest", "highest"), [(0, 0, 0), (12.5, 12.5, 12.5), ((-3, 9), -3, 9)])
def test_a_noise_level_is_kept_trace_by_trace(block, snr_db, lowest, highest):
    clean = block["CONV_REFL_CLEAN"]
    noise = dg.data_noise(clean, 0, snr_db) - clean
    level = 10 * np.log10((clean**2).mean(axis=1) / (noise**2).mean(axis=1))
    assert level.mean() == pytest.approx((lowest + highest) / 2, abs=0.5)
    assert lowest - 1 < level.min() and level.max() < highest + 1


@pytest.mark.parametrize("snr_db", ["loud", (1, 2, 3), (5, 1), float("nan"), float("inf"), ()])
def test_a_noise_level_that_is_none_is_refused(snr_db):
    with pytest.raises(ValueError, match="snr_db must be None, a number of dB"):
        dg.data_noise(np.ones((1, 9)), 0, snr_db)


def test_a_silent_trace_stays_silent():
    assert (dg.data_noise(np.zeros((2, 50)), seed=0) == 0).all()


def test_a_gap_is_zero_inside_and_untouched_outside(block):
    difference = block["CONV_REFL_GAPS"] != block["CONV_REFL_NOISY"]
    for trace, original, changed in zip(block["CONV_REFL_GAPS"], block["CONV_REFL_NOISY"], difference, strict=True):
        inside = np.flatnonzero(changed)
        top, bottom = (inside[0], inside[-1] + 1) if inside.size else (0, 0)
        assert (trace[top:bottom] == 0).all()
        assert np.array_equal(np.delete(trace, np.s_[top:bottom]), np.delete(original, np.s_[top:bottom]))


@pytest.mark.parametrize("log", dg.LOGS)
def test_logs_have_their_mean_in_the_gap(log):
    logs = np.random.default_rng(0).uniform(1, 2, (2, 100))
    gap = dg.Gap(np.array([10, 50]), np.array([20, 50]))
    averaged = dg.data_average(logs, gap)
    assert averaged[0, 10:20] == pytest.approx(np.full(10, logs[0, 10:20].mean()))
    assert np.array_equal(averaged[0, :10], logs[0, :10]) and np.array_equal(averaged[1], logs[1])


def test_the_three_wavelets_of_a_trace_share_one_gap(block):
    silent = [block[dg.TRACE_FAMILIES[code][2]] == 0 for code in dg.WAVELETS]
    noise_only = [block[dg.TRACE_FAMILIES[code][1]] == 0 for code in dg.WAVELETS]
    gaps = [a & ~b for a, b in zip(silent, noise_only, strict=True)]
    assert np.array_equal(gaps[0], gaps[1]) and np.array_equal(gaps[0], gaps[2])
    assert (gaps[0] <= (block["VEL_GAPS"] != block["VEL"])).all()


def test_top_mute_below_bottom_mute_is_refused():
    with pytest.raises(ValueError, match="top mute below bottom mute"):
        dg.data_gaps(np.ones((1, 50)), dg.Gap(np.array([30]), np.array([20])))


# --- Repeatable draws


def test_the_same_stream_gives_the_same_traces_and_another_gives_others():
    def trace(**key):
        key = {"seed": 0, "stream": "training", "epoch": 0, "block": 0} | key
        return dg.generate_block(dg.stream_generator(**key), 1, ["REFL"], n_samples=50)["REFL"]

    reference = trace()
    assert np.array_equal(reference, trace())
    for other in ({"seed": 1}, {"stream": "validation"}, {"epoch": 1}, {"block": 1}):
        assert not np.array_equal(reference, trace(**other))


def test_a_kind_of_data_does_not_depend_on_what_else_is_asked_for():
    def made(names):
        return dg.generate_block(dg.stream_generator(0, "training"), 4, names, n_samples=200)

    everything = made({*dg.DATA_NAMES})
    for name in dg.DATA_NAMES:
        assert np.array_equal(made([name])[name], everything[name]), name


# --- DataGenerationClass


def small_set(**options):
    data_set = dg.DataGenerationClass(**{"constant_data_length": 64, "n_traces": 3, "seed": 0} | options)
    data_set.generate_dataset()
    return data_set


@pytest.mark.parametrize("input_name", dg.DATA_NAMES)
@pytest.mark.parametrize("output_name", ["REFL", "CONV_REFL_NOISY", "VEL_GAPS"])
def test_every_data_name_is_an_input_and_an_output(input_name, output_name):
    data_set = small_set()
    x, y = data_set.retrieve_input_output(input_name, output_name)
    assert np.array_equal(x, data_set.data[0][input_name]) and np.array_equal(y, data_set.data[0][output_name])
    assert x.shape == y.shape == (3, 64) and x.dtype == np.float32


def test_several_names_become_channels():
    x, y = small_set().retrieve_mult_input_output(["REFL", "CONV_REFL_NOISY"], ["VEL", "DENS", "IMP"])
    assert x.shape == (3, 64, 2) and y.shape == (3, 64, 3)


def test_variable_lengths_give_lists_and_variable_steps_their_own_time_axes():
    data_set = small_set(variable_dt=1, variable_data_length=1, n_traces=12)
    x, y = data_set.retrieve_input_output("CONV_REFL_NOISY", "VEL")
    assert [trace.shape for trace in x] == [log.shape for log in y]
    assert all(400 <= trace.size <= 5999 for trace in x) and len({trace.size for trace in x}) > 6
    steps = {float(block["DT"][0]) for block in data_set.data}
    assert len(steps) > 1 and steps <= set(dg.TIME_STEPS)
    assert all(block["TIME"][-1] == pytest.approx((block["TIME"].size - 1) * block["DT"][0]) for block in data_set.data)


def test_run_number_and_seed_decide_the_set():
    first = small_set().data[0]["REFL"]
    assert np.array_equal(first, small_set().data[0]["REFL"])
    assert not np.array_equal(first, small_set(run_number=3).data[0]["REFL"])
    assert not np.array_equal(first, small_set(seed=1).data[0]["REFL"])


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"add_noise": False}, "CONV_REFL_NOISY"),
        ({"add_gaps": 0}, "VEL_GAPS"),
        ({"convolve_with_wavelets": False}, "CONV_REFL_CLEAN"),
    ],
)
def test_what_is_switched_off_is_not_made_and_says_so(options, missing):
    data_set = small_set(**options)
    assert missing not in data_set.data[0]
    with pytest.raises(ValueError, match=missing):
        data_set.retrieve_input_output(missing, "VEL")


def test_without_noise_the_gap_is_in_the_clean_trace():
    data_set = small_set(add_noise=False)
    clean, gapped = data_set.retrieve_input_output("CONV_REFL_CLEAN", "CONV_REFL_GAPS")
    assert np.isin(gapped, [0, *clean.ravel()]).all() and (gapped != clean).any()


@pytest.mark.parametrize("as_txt", [False, True])
def test_saved_files_stand_in_the_papers_folders_and_read_back(tmp_path, as_txt):
    data_set = small_set(run_number=7, path_to_save=tmp_path, save_data_to_file=1, save_data_as_txt=as_txt)
    paths = data_set.save_generated_data()
    assert {path.parent.name for path in paths} == {path.name for path in tmp_path.iterdir()} == set(dg.SAVED_KINDS)
    path = tmp_path / "REFL_KW_NOISE" / f"REFL_KW_NOISE_0000000009.{'txt' if as_txt else 'npy'}"
    read = np.loadtxt(path) if as_txt else np.load(path)
    assert read == pytest.approx(data_set.data[0]["REFL_KW_NOISE"][2], rel=1e-7, abs=0)


@pytest.mark.parametrize("as_txt", [False, True])
def test_a_save_that_breaks_off_leaves_the_file_as_it_was(tmp_path, monkeypatch, as_txt):
    def break_off(file, *arguments, **options):
        file.write(b"half")
        raise OSError("no space left")

    path = dg.save_data(np.arange(4.0), tmp_path, "VEL", 0, as_txt)
    whole = path.read_bytes()
    monkeypatch.setattr(np, "savetxt" if as_txt else "save", break_off)
    with pytest.raises(OSError, match="no space left"):
        dg.save_data(np.ones(4), tmp_path, "VEL", 0, as_txt)
    assert path.read_bytes() == whole and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("variable_dt", 2),
        ("add_noise", "yes"),
        ("constant_data_length", 2),
        ("constant_data_length", -5),
        ("constant_data_length", 10.5),
        ("n_traces", 0),
        ("run_number", -1),
        ("seed", -1),
        ("t0", -0.1),
        ("t0", float("nan")),
    ],
)
def test_an_option_outside_its_range_is_named(option, value):
    with pytest.raises(ValueError, match=option) as caught:
        dg.DataGenerationClass(**{option: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: dg.wavelet_convolution(np.ones((1, 9)), wavelet="ormbsy"),
        lambda: small_set().retrieve_input_output("VELOCITY", "VEL"),
        lambda: dg.stream_generator(0, "test"),
        lambda: dg.save_data(np.ones(3), "Data", "VELO", 0),
    ],
)
def test_an_unknown_name_is_answered_with_the_valid_ones(call):
    with pytest.raises(ValueError, match="valid: .*,"):
        call()


def test_bad_arrays_and_steps_are_refused():
    for call in (
        lambda: dg.data_noise(np.ones(5)),
        lambda: dg.data_noise(np.array([[1.0, np.nan]])),
        lambda: dg.wavelet_convolution(np.ones((1, 9)), dt=0),
        lambda: dg.DataGenerationClass().retrieve_input_output("VEL", "VEL"),
    ):
        with pytest.raises(ValueError):
            call()


# --- The script


def test_importing_the_generator_loads_neither_keras_nor_matplotlib():
    code = "import sys, dataGeneration; sys.exit(any(name in sys.modules for name in ('keras', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_script_makes_a_set_and_its_pictures(tmp_path):
    arguments = ["--samples", "200", "--traces", "2", "--save", "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "dataGeneration.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    assert np.load(tmp_path / "out" / "VEL" / "VEL_0000000001.npy").shape == (200,)


def test_the_script_answers_bad_input_with_a_sentence(capsys):
    with pytest.raises(SystemExit) as stopped:
        dg.main(["--samples", "2"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "error: argument --samples: '2' is not a whole number of at least 3\n"


def test_figures_have_no_names_of_code():
    """A panel is headed by what it shows, in words; every kind of trace has such words."""
    data_set = dg.DataGenerationClass(n_traces=2, constant_data_length=256, add_gaps=True, seed=0)
    data_set.generate_dataset()
    titles = [ax.get_title(loc="left") for ax in data_set.plot_earth_model().axes]
    assert [title for title in titles if title] == [
        "Reflectivity",
        "Clean trace",
        "Noisy trace",
        "Noisy trace with a gap",
    ]
    headings = [
        traces.wavelets.trace_heading(name) for names in traces.wavelets.TRACE_FAMILIES.values() for name in names
    ]
    assert len(set(headings)) == len(headings) and not any("_" in heading for heading in headings)
