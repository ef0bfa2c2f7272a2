"""What differs from trace to trace beyond the paper's traces, and the tests of networks that it makes possible."""

import dataclasses
import sqlite3

import numpy as np
import pytest
from scipy import signal, stats
from toys import DENOISING, INVERSION, NETWORK, TINY_SPACE, hastily, load, run_here, toy

import blindTest
import hpo.asked
import hpo.options
from baseML import create_model
from dataGeneration import generate_block, stream_generator
from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.baselines import Baseline, fit_inversion_reference
from evaluation.blind import blind_tests, blind_traces, variants_of
from traces.variants import VARIANTS
from hpo.study import open_study
from networks.rows import NetworkConfig
from traces.variety import PAPER_VARIETY, VARIETIES, Draw, Variety, background_of, decay_gain

FIELD = VARIETIES["field"]["DeNoise"]
CLEAN, NOISY = "CONV_REFL_CLEAN", "CONV_REFL_NOISY"
NEUTRAL = Variety(hum_frequency=Draw(60.0))  # is not the paper's, but its traces are


def block(names, variety=PAPER_VARIETY, n_traces=20, n_samples=2000, **options):
    rng = stream_generator(1, "training")
    return generate_block(rng, n_traces, names, n_samples=n_samples, variety=variety, **options)


def one(name, variety=PAPER_VARIETY, **options):
    return block([name], variety, **options)[name]


def rms(traces):
    return np.sqrt(np.mean(np.square(traces, dtype=np.float64), axis=1))


def snr_db(clean, noisy):
    return 20 * np.log10(rms(clean) / rms(noisy - clean))


def power(traces, dt=0.001):
    frequency, found = signal.periodogram(traces, 1 / dt, axis=1)
    return frequency, found.mean(axis=0)


# --- What is drawn


@pytest.mark.parametrize("name", ["VEL", "DENS", CLEAN, NOISY, "CONV_REFL_GAPS", "REFL_OW_NOISE"])
def test_a_variety_in_which_nothing_differs_is_the_papers(name):
    paper = one(name)
    assert np.abs(one(name, NEUTRAL) - paper).max() <= 1e-5 * np.abs(paper).max()


def test_a_quantity_does_not_change_with_what_else_is_drawn():
    rng = stream_generator(0, "training")
    first = Variety(phase=FIELD.phase).draw(stream_generator(0, "training"), 500)
    all_of_them = FIELD.draw(rng, 500)
    assert np.array_equal(first["phase"], all_of_them["phase"])
    drawn = {name: values for name, values in all_of_them.items() if np.ptp(values) > 0}
    pairs = [(a, b) for a in drawn for b in drawn if a < b]
    assert max(abs(stats.spearmanr(drawn[a], drawn[b]).statistic) for a, b in pairs) < 0.25


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Variety)])
def test_quantities_are_drawn_as_their_table_says(name):
    row = getattr(FIELD, name)
    found = FIELD.draw(stream_generator(3, "training"), 20_000)[name]
    differ = found[found != row.usual]
    assert differ.size / 20_000 == pytest.approx(row.share, abs=0.015)
    if row.share and row.low < row.high:
        assert row.low <= differ.min() and differ.max() <= row.high
        low, high, values = (np.log if row.logarithmic else np.asarray)(row.low), row.high, differ
        if row.logarithmic:
            high, values = np.log(row.high), np.log(differ)
        assert stats.kstest((values - low) / (high - low), "uniform").pvalue > 1e-4


# --- Earth and wavelets


def test_heterogeneity_is_what_is_asked_for():
    layers, paper, twice = (one("VEL", Variety(heterogeneity=Draw(factor))) for factor in (0.0, 1.0, 2.0))
    assert max(np.unique(trace).size for trace in layers) < 200
    assert paper == pytest.approx(one("VEL"), rel=1e-6)
    assert twice - layers == pytest.approx(2 * (paper - layers), abs=0.02)
    assert np.abs(paper - layers).max() <= 500.01


def test_heterogeneity_is_alike_over_its_correlation_time():
    time = Variety(correlation=Draw(0.01))
    noise = one("VEL", time) - one("VEL", Variety(heterogeneity=Draw(0.0)))
    assert noise.std() == pytest.approx(500 / np.sqrt(3), rel=0.05)
    at_10_ms = np.mean(noise[:, 10:] * noise[:, :-10]) / np.mean(noise**2)
    assert at_10_ms == pytest.approx(np.exp(-1), abs=0.05)


def test_a_phase_turns_every_frequency():
    turned = one(CLEAN, Variety(phase=Draw(90.0)))
    quarter = np.imag(signal.hilbert(one(CLEAN), axis=1))
    inner = slice(300, -300)
    assert np.corrcoef(turned[:, inner].ravel(), quarter[:, inner].ravel())[0, 1] > 0.99


def test_a_stretched_wavelet_has_other_frequencies():
    def mean_frequency(traces):
        frequency, found = power(traces)
        return np.sum(frequency * found) / np.sum(found)

    usual, slow = (mean_frequency(one("REFL_RW", variety)) for variety in (NEUTRAL, Variety(stretch=Draw(0.5))))
    assert slow / usual == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", [CLEAN, NOISY])
def test_a_recording_has_nothing_above_its_nyquist_frequency(name):
    frequency, found = power(one(name, Variety(recorded=Draw(0.004), snr_db=Draw(0.0))))
    assert found[frequency > 126].max() < 1e-3 * found.max()
    assert found[(frequency > 60) & (frequency < 95)].min() > 1e-3 * found.max()


# --- Noise


@pytest.mark.parametrize("level", [-5.0, 5.0, 30.0])
@pytest.mark.parametrize("change", [{}, {"colour": Draw(2.0)}, {"low": Draw(1.0)}, {"hum": Draw(0.5)}])
def test_every_noise_has_its_level(level, change):
    data = block([CLEAN, NOISY], Variety(snr_db=Draw(level), **change))
    assert snr_db(data[CLEAN], data[NOISY]) == pytest.approx(level, abs=0.35)


def test_a_level_that_is_given_takes_the_place_of_the_drawn_one():
    flat = dataclasses.replace(FIELD, **dict.fromkeys(("top", "gap", "level", "decades", "agc"), Draw(0.0)))
    data = block([CLEAN, NOISY], flat, snr_db=3.0)
    assert snr_db(data[CLEAN], data[NOISY]) == pytest.approx(3.0, abs=0.35)


def noise_of(**change):
    data = block([CLEAN, NOISY], Variety(snr_db=Draw(0.0), **change), n_samples=4000)
    return (data[NOISY] - data[CLEAN]) / rms(data[CLEAN])[:, None]


def test_noise_has_the_colour_the_lines_and_the_bursts_that_were_drawn():
    frequency, white = power(noise_of())
    band = (frequency > 5) & (frequency < 400)
    _, red = power(noise_of(colour=Draw(1.0)))
    assert np.polyfit(np.log(frequency[band]), np.log(red[band] / white[band]), 1)[0] == pytest.approx(-1.0, abs=0.1)
    _, low = power(noise_of(low=Draw(0.75)))
    assert low[frequency < 30].sum() / low.sum() == pytest.approx(0.75 + 0.25 * 30 / 500, abs=0.02)
    _, hum = power(noise_of(hum=Draw(0.9)))
    lines = np.isclose(frequency, 50) | np.isclose(frequency, 100) | np.isclose(frequency, 150)
    assert hum[lines].sum() / hum.sum() == pytest.approx(0.9, abs=0.03)
    assert stats.kurtosis(noise_of().ravel()) == pytest.approx(0.0, abs=0.1)
    assert stats.kurtosis(noise_of(bursts=Draw(1.0)).ravel()) == pytest.approx(2.4, abs=0.3)  # 3 E[u^4] / E[u^2]^2 - 3


# --- Gain, level and mutes


def test_gain_scale_level_and_mutes_are_those_of_trace_and_noise_alike():
    plain = block([CLEAN, NOISY], Variety(snr_db=Draw(10.0)))
    changed = Variety(snr_db=Draw(10.0), decades=Draw(2.0), scale=Draw(3.0), top=Draw(0.25), gap=Draw(0.1))
    found = block([CLEAN, NOISY], dataclasses.replace(changed, gap_place=Draw(0.5)))
    live = np.ones(2000, bool)
    live[:500] = live[900:1100] = False
    for name in (CLEAN, NOISY):
        expected = np.where(live, 3 * plain[name] * decay_gain(2.0, 2000), 0)
        assert found[name] == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_a_level_is_in_deviations_of_the_trace():
    clean, raised = one(CLEAN), one(CLEAN, Variety(level=Draw(-2.0)))
    assert np.ptp(raised - clean, axis=1).max() < 1e-5
    assert np.mean(raised - clean, axis=1) == pytest.approx(-2 * clean.std(axis=1), rel=1e-3)


def test_gain_control_makes_a_decayed_trace_even():
    even = one(CLEAN, Variety(decades=Draw(3.0), agc=Draw(0.3)))
    assert rms(even[:, :500]).mean() / rms(even[:, -500:]).mean() == pytest.approx(1.0, abs=0.25)


# --- Backgrounds


def test_a_background_has_the_low_frequencies_of_its_log_with_an_error_of_scale_and_time():
    time = np.arange(4000) * 0.001
    log = np.tile(10_000 + 2000 * np.cos(2 * np.pi * 0.5 * time) + 1000 * np.sin(2 * np.pi * 20 * time), (100, 1))
    found = background_of(np.random.default_rng(0), log, 0.001)
    inner = slice(300, -300)
    slow = log[0] - 1000 * np.sin(2 * np.pi * 20 * time)
    lags = np.arange(-20, 21)
    shifted = np.stack([np.roll(slow, -lag)[inner] for lag in lags])
    scale = found[:, inner].mean(axis=1) / shifted.mean()
    best = np.argmin(np.abs(found[:, None, inner] / scale[:, None, None] - shifted).mean(axis=2), axis=1)
    residual = np.abs(found[:, inner] / scale[:, None] - shifted[best])
    assert residual.max() < 60 and set(np.unique(best)) <= set(range(41)) and np.ptp(lags[best]) > 30
    assert 0.945 < scale.min() < 0.97 and 1.03 < scale.max() < 1.055


def test_an_inversion_with_a_background_gets_it_beside_its_trace():
    stream = CustomDataGen(gen_type="ML_VEL", background=True, n=60, n_samples=1000)
    plain = CustomDataGen(gen_type="ML_VEL", n=60, n_samples=1000)
    x, y = stream[3]
    assert x.shape == (1, 1000, 2) and np.array_equal(x[..., :1], plain[3][0]) and np.array_equal(y, plain[3][1])
    x, y = blind_traces(INVERSION, 60, protocol=TraceProtocol(n_samples=2000, background=True))
    assert np.sqrt(np.mean((x[..., 1] - y) ** 2)) < 0.6 * y.std()


@pytest.mark.parametrize("options", [{}, {"gen_type": "ML_VEL", "transform_type": "SWT"}])
def test_a_background_is_for_inversions_of_traces_only(options):
    with pytest.raises(ValueError, match="a background belongs to ML_VEL with transform_type 'NA'"):
        CustomDataGen(background=True, **options)


# --- Streams, networks and studies


def test_streams_of_field_data_are_noisy_and_repeat_exactly():
    for gen_type, x_name in (("DeNoise", NOISY), ("ML_VEL", NOISY)):
        stream, again = (CustomDataGen(gen_type=gen_type, variety="field", n=5, n_samples=500) for _ in range(2))
        assert stream.x_name == x_name and np.array_equal(stream[4][0], again[4][0])
    assert CustomDataGen(gen_type="ML_VEL").x_name == CLEAN


def test_an_unknown_variety_is_refused():
    with pytest.raises(ValueError, match="variety must be one of paper, field, not 'wild'|variety 'wild'"):
        CustomDataGen(variety="wild")
    with pytest.raises(ValueError, match="the published scripts made traces of the paper's variety"):
        CustomDataGen(variety="field", generation="published")


def test_the_reference_of_classical_inversions_is_of_the_traces_that_they_get():
    paper, field = (fit_inversion_reference(0, TraceProtocol(1000, variety=name), 50) for name in ("paper", "field"))
    assert paper.mean_velocity == pytest.approx(field.mean_velocity, rel=0.01)
    assert paper.band_limited_slope != pytest.approx(field.band_limited_slope, rel=0.01)


def test_running_units_make_a_network_that_a_gain_and_a_level_do_not_change():
    config = NetworkConfig("RES", "AE", 1, num_dil=2, num_filt=4, krnl_size=3, standard_units=True, unit_window=100)
    network = create_model(config, n_samples=2000)
    x = np.random.default_rng(0).standard_normal((3, 2000)).astype(np.float32)
    answer, gain = network.predict_result(x), decay_gain(4.0, 2000)
    decayed = network.predict_result((x * gain).astype(np.float32)) / gain
    assert rms(decayed - answer) == pytest.approx(0, abs=0.25 * rms(answer).max())
    assert rms(network.predict_result(x + 5) - 5 - answer) == pytest.approx(0, abs=0.02 * rms(answer).max())
    assert rms(network.predict_result(1000 * x) / 1000 - answer) == pytest.approx(0, abs=1e-3)


def test_a_network_with_a_background_answers_what_it_lacks():
    config = NetworkConfig("RES", "SEQ", 1, num_dil=2, num_filt=4, krnl_size=3, standard_units=True, background=True)
    network = create_model(config, n_samples=300, n_channels=2)
    layers = network.get_model().layers[-3:]
    for weight in network.get_model().trainable_weights:
        weight.assign(np.zeros(weight.shape))
    x = np.stack([np.ones((2, 300)), np.full((2, 300), 9000.0)], axis=-1).astype(np.float32)
    assert layers and network.predict_result(x) == pytest.approx(9000.0)
    with pytest.raises(ValueError, match="a background needs standard_units and a network of type SEQ"):
        dataclasses.replace(NETWORK, background=True)


def test_an_extended_study_is_of_field_data_and_an_older_one_of_the_papers(tmp_path, hasty):
    problem = dataclasses.replace(
        toy(DENOISING), extended_space={"arch_type": TINY_SPACE["arch_type"]}, extended_base={"arch_type": "CNN"}
    )
    options = ("--preset", "extended", "--n-trials", "1", "--num-epochs", "1", "--study-name", "s")
    assert run_here(problem, tmp_path, *options) == 0
    assert load(tmp_path, problem).user_attrs["variety"] == "field"
    database = sqlite3.connect(tmp_path / "Denoising" / "Search" / "Optuna" / "studies.db")
    with database:
        database.execute("DELETE FROM study_user_attributes WHERE key = 'variety'")
    database.close()
    asked = hpo.options.parse_options("", ["--mode", "optuna_resume", "--study-name", "s", "--output", str(tmp_path)])
    run, _ = open_study(hpo.asked.run_from_options(problem, asked))
    assert run.settings.variety == "paper"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--background",), "--background is for --preset extended"),
        (("--preset", "published", "--variety", "field"), "--variety and --background need another preset"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(tmp_path, capsys, options, sentence):
    assert run_here(INVERSION, tmp_path, *options) == 2
    assert sentence in capsys.readouterr().err
    assert run_here(DENOISING, tmp_path, "--preset", "extended", "--background") == 2


# --- Tests of networks


def test_a_decay_or_a_level_that_is_undone_leaves_a_method_as_good_as_it_was():
    plain = dataclasses.replace(DENOISING, baselines={"Noisy input": Baseline(lambda noisy, dt: noisy)})
    for by in ("decay", "level"):
        tests = blind_tests(plain, {}, 10, by, protocol=TraceProtocol(1000))
        values = [rows[0].scores["snr_db"].value for rows in tests.values()]
        assert len(values) == 5 and values == pytest.approx([values[0]] * 5, abs=0.02)


def test_each_variant_has_one_thing_that_differs_from_the_papers_traces():
    start = TraceProtocol(variety="field")
    for by in ("heterogeneity", "decay", "level"):
        for variant in VARIANTS[by].values():
            variety = variant.protocol(start).variety
            changed = [one.name for one in dataclasses.fields(Variety) if getattr(variety, one.name) != one.default]
            assert len(changed) <= 1
    coarse = VARIANTS["interval"]["4 ms"].protocol(start)
    assert (coarse.dt, coarse.n_samples, coarse.variety) == (0.004, 1024, "field")
    assert "noise" in variants_of(INVERSION, start) and "noise" not in variants_of(INVERSION, TraceProtocol())


def test_the_command_tests_by_heterogeneity(tmp_path, capsys):
    options = ("--problem", "inversion", "--by", "heterogeneity", "--traces", "4", "--samples", "300", "--csv")
    with hastily():
        blindTest.main([*options, str(tmp_path)])
    printed = capsys.readouterr().out
    assert "x 0.25" in printed and "Band-limited" in printed
    assert {path.name for path in tmp_path.iterdir()} == {
        f"blind_test_inversion_x_{factor}.csv" for factor in ("0", "0.25", "0.5", "1", "2")
    }
    blindTest.main(["--problem", "denoising", "--variety", "field", "--traces", "4", "--samples", "300"])
    assert "with the variety of field data" in capsys.readouterr().out
