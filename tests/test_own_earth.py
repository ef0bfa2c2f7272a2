"""An own earth, an own wavelet and another sampling interval: from their files to traces, studies and networks."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from toys import DENOISING, INVERSION, hastily, load, run_here, toy

import blindTest
import dataGeneration as dg
import hpo.asked
import hpo.options
import modelCard
from baseML import BaseMLClass
from dataFiles import write_traces
from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.baselines import fit_inversion_reference
from evaluation.blind import blind_traces, variants_of
from evaluation.given_wavelet import given_wavelet
from hpo.plans import repeatability_plan
from hpo.study import with_traces_of_source
from support.errors import UserError
from traces.earth import PAPER_EARTH, Earth, Lithology
from traces.earth_files import earth_text, read_earth
from traces.own_wavelet import OwnWavelet, estimate_wavelet, read_wavelet, wavelet_from

DATA = Path(__file__).parents[2] / "shared" / "data"
PROBLEM = toy(INVERSION)
SAND = Lithology("sand", 0.0, 0.0, 2.2, 2.0, 3.0, 1.0, 1.0)
ONE_ROCK = Earth(
    [SAND], {"sands": (1, {"sand": 1})}, layer_thickness=(50, 60), velocity_heterogeneity=0, density_heterogeneity=0
)
EARTH_FILE = """
layer_thickness = [50, 200]
noise_range = [0.0, 0.2]
[lithologies]
coal = {a = 0, b = 0, c = 1.4, v_low = 2.0, v_high = 2.5, low_factor = 1, high_divisor = 1}
"oil shale" = {a = 0, b = 0.2, c = 1.9, v_low = 2.0, v_high = 4, low_factor = 1, high_divisor = 1}
[sequences]
all = {probability = 1, mix = {coal = 0.3, "oil shale" = 0.7}}
"""
NOT_PUBLISHED = "--dt, --earth, --wavelet, --variety and --background need another preset"
ROCK = "[lithologies]\nx = {{a = {}, b = 0, c = 2, v_low = {}, v_high = 2, low_factor = 1, high_divisor = 1}}\n"
SKEWED = [0.0, 0.1, -0.3, 1.0, 0.4, -0.6, -0.2, 0.1, 0.0]  # is neither symmetric nor without sign


def block(names, n_traces=20, n_samples=600, seed=0, **options):
    return dg.generate_block(dg.stream_generator(seed, "training"), n_traces, names, n_samples=n_samples, **options)


def written(folder, text, name="mine.txt"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- The earth


def test_the_earth_that_is_printed_is_the_papers_and_gives_its_traces_to_the_last_bit(tmp_path, capsys):
    dg.main(["--print-earth"])
    earth = read_earth(written(tmp_path, capsys.readouterr().out))
    assert earth == PAPER_EARTH and hash(earth) == hash(PAPER_EARTH) and earth.words == "the paper's earth"
    names = set(dg.BLOCK_NAMES)
    ours, papers = block(names, earth=earth), block(names)
    assert all(np.array_equal(ours[name], papers[name]) for name in names)


def test_an_edited_earth_is_printed_as_it_was_read(tmp_path, capsys):
    path = written(tmp_path, EARTH_FILE + 'more = {probability = 0, mix = {"oil shale" = 1.0}}\n')
    earth = read_earth(path)
    dg.main(["--earth", str(path), "--print-earth"])
    assert read_earth(written(tmp_path, capsys.readouterr().out, "printed.toml")) == earth
    assert Earth.from_dict(json.loads(json.dumps(earth.as_dict()))) == earth != PAPER_EARTH
    with_gap = dataclasses.replace(earth, gap_share=(0.1, 0.25))
    assert read_earth(written(tmp_path, earth_text(with_gap))) == with_gap


def test_what_a_file_lacks_is_the_papers(tmp_path):
    earth = read_earth(written(tmp_path, "\ufeffcompaction_depth = 5000"))
    assert earth == Earth(compaction_depth=5000.0)
    assert earth.words == "an earth that differs from the paper's in compaction_depth"


def test_one_rock_without_heterogeneity_makes_blocky_logs():
    layers = dg.draw_layers(np.random.default_rng(0), 20, earth=ONE_ROCK)
    there = layers.thickness > 0
    assert layers.thickness[there].min() >= 50 and layers.thickness.max() <= 60
    assert (layers.density[there] == 2.2).all() and not layers.lithology.any()
    data = block(["VEL", "DENS", "LITHOLOGY"], earth=ONE_ROCK)
    km = data["VEL"] / 3280.84
    assert 2.0 <= km.min() and km.max() <= 3.0001 and np.allclose(data["DENS"], 2.2)
    # Two-way time through 50 ft or more at 3 km/s or less is 10 ms or more.
    assert (np.count_nonzero(np.diff(data["VEL"], axis=1), axis=1) <= 60).all()


def test_lithologies_are_as_frequent_as_the_earth_says():
    earth = Earth(sequences={"salt": (0.25, {"halite": 1}), "other": (0.75, {"shale": 0.2, "dolomite": 0.8})})
    layers = dg.draw_layers(np.random.default_rng(0), 400, earth=earth)
    counts = np.bincount(layers.lithology[layers.thickness > 0], minlength=6)
    share = counts / counts.sum()
    assert np.allclose(share, [0.15, 0, 0, 0.6, 0, 0.25], atol=0.03)
    assert (counts[[1, 2, 4]] == 0).all()


def test_noise_and_gap_are_those_of_the_earth():
    earth = Earth(noise_range=(0, 0), gap_share=(0.2, 0.3))
    data = block(["CONV_REFL_CLEAN", "CONV_REFL_NOISY", "CONV_REFL_GAPS"], earth=earth)
    assert np.array_equal(data["CONV_REFL_NOISY"], data["CONV_REFL_CLEAN"])
    gap = dg.draw_gap(np.random.default_rng(0), 500, 1000, earth.gap_share)
    length = gap.bottom - gap.top
    assert length.min() >= 200 and length.max() <= 300 and gap.top.min() < 20 and gap.bottom.max() > 980
    noise = [
        block(["CONV_REFL_CLEAN", "CONV_REFL_NOISY"], earth=Earth(noise_range=limits)) for limits in [(1, 1), (2, 2)]
    ]
    rms = [
        np.std(data["CONV_REFL_NOISY"] - data["CONV_REFL_CLEAN"]) / np.std(data["CONV_REFL_CLEAN"]) for data in noise
    ]
    assert rms == pytest.approx([1, 2], rel=0.05)
    level = block(["CONV_REFL_CLEAN", "CONV_REFL_NOISY"], earth=Earth(noise_range=(2, 3)), snr_db=10)
    found = np.std(level["CONV_REFL_NOISY"] - level["CONV_REFL_CLEAN"], axis=1) / np.std(
        level["CONV_REFL_CLEAN"], axis=1
    )
    assert found == pytest.approx(10**-0.5, rel=0.15)


def test_a_level_of_noise_is_refused_where_there_is_no_noise():
    silent = Earth(noise_range=(0, 0))
    with pytest.raises(ValueError, match=r"snr_db must be None where noise_range is \(0.0, 0.0\)"):
        CustomDataGen(snr_db=5, earth=silent)
    assert "noise" not in variants_of(DENOISING, TraceProtocol(earth=silent))


def test_a_data_set_of_an_own_earth_is_drawn_and_saved(tmp_path, capsys):
    earth, wavelet = (
        written(tmp_path, EARTH_FILE),
        written(tmp_path, "# dt = 0.002\n" + "\n".join(map(str, SKEWED)), "w"),
    )
    options = ["--earth", earth, "--wavelet", wavelet, "--dt", "0.002", "--samples", "200", "--save"]
    dg.main([*map(str, options), "--output", str(tmp_path / "Data")])
    assert "lithologies, sequences, layer_thickness and noise_range, with a given wavelet" in capsys.readouterr().out
    assert len(list((tmp_path / "Data").glob("*.png"))) == 3
    files = {path.parent.name: np.load(path) for path in (tmp_path / "Data").glob("*/*.npy")}
    expected = np.convolve(files["REFL"], SKEWED)[3:203]
    assert files["CONV_REFL_CLEAN"] == pytest.approx(expected, abs=1e-6) and files["DT"] == [0.002]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layer_thickness = [10.0, ", "at end of document"),
        ("a b", "at line 1, column 3"),
        (b"\xff\xfe", "not a text in UTF-8"),
        ("thickness = [1, 2]", "'thickness' is unknown; valid: lithologies, sequences"),
        ("layer_thickness = 5", "layer_thickness must be (lowest, highest), thicknesses in ft of 0.01 to 1e+06, not 5"),
        ("layer_thickness = [9, 5]", "not [9, 5]"),
        ("layer_thickness = [1, 2, 3]", "not [1, 2, 3]"),
        ("stopping_depth = ['a', 'b']", "not ['a', 'b']"),
        ("layers_per_sequence = [1, 9]", "whole numbers of 2 to 1000"),
        ("layers_per_sequence = [3.5, 9]", "whole numbers"),
        ("noise_range = [0.0, nan]", "noise_range must be (lowest, highest)"),
        ("gap_share = [0.1, 1.5]", "shares of a trace of 0 to 0.9"),
        ("compaction_depth = inf", "compaction_depth must be a depth in ft"),
        ("density_heterogeneity = true", "density_heterogeneity must be a density"),
        ("density_heterogeneity = 2.5", "the density of lithology 'shale' must stay within 0.1 to 10 g/cm3"),
        ("velocity_heterogeneity = 5000", "the velocity of lithology 'shale' must stay within 100"),
        ("layer_thickness = [0.01, 1]\nsequences_per_model = [1, 9999]", "could have 89991"),
        ("lithologies = 3", "lithologies must be a table, not 3"),
        ("[lithologies]", "1 to 100 lithologies are needed, not 0"),
        ("[lithologies]\nshale = 2", "lithology 'shale' must be a table"),
        ("[lithologies]\nshale = {a = 1}", "lithology 'shale' lacks b"),
        (ROCK.format(0, 1500), "v_low of lithology 'x' must be a velocity in km/s of 0.1 to 15, not 1500"),
        (ROCK.format(0, 3), "v_low of lithology 'x' must be at most its v_high, 2"),
        (ROCK.format(-1, 1) + "[sequences]\ns = {probability = 1, mix = {x = 1}}", "the density of lithology 'x'"),
        (ROCK.format(0, 1), "sequence 'clastic': the lithology 'shale' is unknown; valid: x"),
        ("[sequences]\na = {probability = 0.9, mix = {shale = 1}}", "sequences must sum to 1, not to 0.9"),
        ("[sequences]\na = {probability = 1, mix = {shale = 0.5}}", "the mix of sequence 'a' must sum to 1"),
        ("[sequences]\na = {probability = 1, mix = {granite = 1}}", "'granite' is unknown; valid: shale"),
        ("[sequences]\na = {probability = 1}", "sequence 'a' lacks mix"),
        ("[sequences]\na = {probability = 1, mix = {shale = 2, halite = -1}}", "a probability of 0 to 1, not 2"),
        ("[sequences]\n'' = {probability = 1, mix = {shale = 1}}", "a text of 1 to 40 letters, not ''"),
        ("a = " + "[" * 5000, ""),
        ("# " + "x" * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_a_broken_earth_is_one_sentence(tmp_path, text, words):
    with pytest.raises(ValueError) as caught:
        read_earth(written(tmp_path, text, "broken.toml"))
    message = str(caught.value)
    assert message.startswith("earth '") and "broken.toml" in message and "\n" not in message and len(message) < 500
    assert words in message


def test_a_file_that_is_not_there_is_one_sentence(tmp_path, capsys):
    for script, options in ((dg.main, ["--earth"]), (dg.main, ["--wavelet"]), (blindTest.main, ["--earth"])):
        with pytest.raises(SystemExit, match="2"):
            script([*options, str(tmp_path / "no")])
        assert "cannot be read: No such file or directory" in capsys.readouterr().err
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_earth(tmp_path)


# --- The wavelet


@pytest.mark.parametrize("dt", [0.002, 0.001, 0.004, 0.0015])
def test_traces_have_the_wavelet_of_the_file_at_their_interval(tmp_path, dt):
    """The convolution of every reflection coefficient with a smooth wavelet, whose phase and sign are kept."""
    time = np.arange(-60, 101) * 0.002

    def formula(t):  # has its content below 100 Hz, and is not symmetric
        return -np.exp(-(((t - 0.02) / 0.02) ** 2)) * np.cos(2 * np.pi * 25 * t + 0.7)

    scale = np.abs(formula(time)).max()
    path = written(tmp_path, "# time (s), amplitude\n" + "\n".join(f"{t:.3f}, {formula(t)}" for t in time))
    wavelet = read_wavelet(path)
    data = block(["REFL", "CONV_REFL_CLEAN"], 4, 500, dt=dt, own_wavelet=wavelet)
    sample = np.arange(-200, 201)
    expected = [np.convolve(trace, formula(sample * dt) / scale)[200:700] for trace in data["REFL"]]
    assert data["CONV_REFL_CLEAN"] == pytest.approx(np.array(expected), abs=2e-4)


def test_a_column_of_amplitudes_is_centred_at_its_largest_and_a_time_of_zero_at_itself(tmp_path):
    text = "\n".join(str(-2 * value) for value in SKEWED)
    column = read_wavelet(written(tmp_path, f"# mine\n#dt=0.004\n{text}"))
    times = read_wavelet(written(tmp_path, "\n".join(f"{0.004 * i} {-2 * value}" for i, value in enumerate(SKEWED))))
    assert column == wavelet_from([-value for value in SKEWED], 0.004) and column.dt == 0.004
    assert (
        [value for value in column.samples if value]
        == [value for value in times.samples if value]
        == [-value for value in SKEWED[1:-1]]
    )
    assert column.samples[len(column.samples) // 2] == -1.0 and times.words.endswith("largest at 12 ms")
    assert not np.any(times.samples[: len(times.samples) // 2])


def test_the_other_traces_and_all_draws_stay_as_they_are():
    names = ["VEL", "REFL_RW", "CONV_REFL_GAPS", "VEL_GAPS", "CONV_REFL_CLEAN"]
    own, papers = block(names, own_wavelet=wavelet_from(SKEWED, 0.001)), block(names)
    assert all(np.array_equal(own[name], papers[name]) for name in ("VEL", "REFL_RW", "VEL_GAPS"))
    assert np.array_equal(own["CONV_REFL_GAPS"] == 0, papers["CONV_REFL_GAPS"] == 0)
    assert not np.allclose(own["CONV_REFL_CLEAN"], papers["CONV_REFL_CLEAN"], atol=0.01)


def test_ends_that_are_not_zero_are_tapered():
    wavelet = wavelet_from([0.05, 0.3, 1.0, 0.3, 0.05], 0.002)
    assert abs(wavelet.samples[0]) < 1e-6 and wavelet.samples[2] == 1.0 and wavelet.samples[1] > 0.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no numbers in it"),
        ("# dt = 0.002", "there are no numbers in it"),
        ("0\n1\n0", "needs a line '# dt = 0.002'"),
        ("# dt = soon\n0\n1\n0", "line 1 has 'soon', where a number is needed"),
        ("# dt = 2\n0\n1\n0", "dt must be a time of 0.0001 to 0.1 s, not 2"),
        ("# dt = 0.002\n0\nnan\n0", "line 3 has 'nan'"),
        ("# dt = 0.002\n0\none\n0", "line 3 has 'one'"),
        ("# dt = 0.002\n0\n1 2\n0", "not 2 as line 3"),
        ("0 1 2", "one number, or two, not 3 as line 1"),
        ("# dt = 0.002\n0\n0\n0", "samples that are not zero"),
        ("# dt = 0.002\n0\n1", "3 to 2001 samples, not 2"),
        ("# dt = 0.002\n" + "0\n" * 3000, "not 3000"),
        ("# dt = 0.002\n1\n0.5\n0", "cut off: it begins with 1"),
        ("0 0\n0.002 1\n0.005 0", "its times must increase by one interval"),
        ("0 0\n0 1\n0 0", "its times must increase by one interval"),
        ("-0.003 0\n-0.001 1\n0.001 1\n0.003 0", "time 0 must be one of its times, which are"),
        ("-2 0\n0 1\n2 0", "dt must be a time of 0.0001 to 0.1 s, not 2"),
        (b"\xff\xfe1", "not a text in UTF-8"),
        ("1\n" * 600_000, "more than 1000000 bytes"),
    ],
)
def test_a_broken_wavelet_is_one_sentence(tmp_path, text, words):
    with pytest.raises(ValueError) as caught:
        read_wavelet(written(tmp_path, text, "broken.txt"))
    message = str(caught.value)
    assert message.startswith("wavelet '") and "\n" not in message and len(message) < 500
    assert words in message


@pytest.mark.parametrize("described", [3, {}, {"dt": 0.001, "samples": 3}, {"dt": 0.001, "samples": [0, "a", 0]}])
def test_a_stored_wavelet_may_come_from_anybody(described):
    with pytest.raises(ValueError, match="wavelet"):
        OwnWavelet.from_dict(described)


@pytest.mark.parametrize(("dt", "noise"), [(0.001, 0.0), (0.002, 0.3), (0.004, 0.0), (0.004, 0.5)])
def test_a_wavelet_is_estimated_from_traces_of_white_reflectivity(dt, noise):
    """At 4 ms its spectrum ends just below the Nyquist frequency, above most of the band that noise is taken from."""
    rng, half = np.random.default_rng(0), round(0.128 / dt)
    right = dg.ormsby(np.arange(half + 1) * dt, np.array([[5.0, 15.0, 70.0, 118.0]]))
    wavelet = np.concatenate([right[:, :0:-1], right], axis=1)
    clean = dg.convolve(rng.standard_normal((100, 1500)), wavelet) * rng.uniform(0.1, 10, (100, 1))
    traces = clean + noise * clean.std(axis=1, keepdims=True) * rng.standard_normal(clean.shape)
    traces[3] = 0.0
    found = estimate_wavelet(traces, dt)
    assert found.dt == dt and np.array(found.samples) == pytest.approx(wavelet[0], abs=0.06)


def test_a_wavelet_is_not_estimated_from_what_may_be_noise():
    with pytest.raises(ValueError, match="Nyquist frequency of 125 Hz .* noise cannot be told from signal"):
        estimate_wavelet(np.random.default_rng(0).standard_normal((50, 800)), 0.004)
    with pytest.raises(ValueError, match="traces of zeros"):
        estimate_wavelet(np.zeros((3, 800)), 0.004)


def test_a_file_of_traces_gives_the_wavelet_that_they_show(tmp_path):
    """The files have dead traces, a level, mutes and missing samples, and more traces than are looked at."""
    rng = np.random.default_rng(1)
    wavelet = dg.ricker(np.arange(-32, 33) * 0.004, np.array([[30.0]]))
    clean = dg.convolve(rng.standard_normal((1200, 500)), np.tile(wavelet, (1200, 1)))
    traces = (clean + 0.3 * rng.standard_normal(clean.shape) + 20).astype(np.float32)
    traces[:, :60], traces[5] = 0.0, 3.0
    segy = write_traces(tmp_path / "line.sgy", traces, 0.004)
    traces[7, 100] = np.nan
    np.save(tmp_path / "line.npy", traces.reshape(30, 40, 500))
    for found in (given_wavelet(segy), given_wavelet(tmp_path / "line.npy", 0.004)):
        assert found.dt == 0.004 and np.array(found.samples) == pytest.approx(wavelet[0], abs=0.06)
    run = asked("--wavelet", str(tmp_path / "line.npy"), "--dt", "0.004")
    assert OwnWavelet.from_dict(run.settings.wavelet) == found
    with pytest.raises(UserError, match=r"line.npy': its traces have no sampling interval, which --dt can give"):
        asked("--wavelet", str(tmp_path / "line.npy"))


@pytest.mark.parametrize("name", ["f3.sgy", "npra_31_81_PR.sgy", "gom_cdp_nmo.su", "viking_small.segy"])
def test_field_data_give_a_wavelet(name):
    """Zero phase, a dominant lobe of less than 50 ms, in the band of such data."""
    if not (DATA / name).is_file():
        pytest.skip(f"{name} is not there")
    wavelet = given_wavelet(DATA / name)
    samples = np.array(wavelet.samples)
    assert np.array_equal(samples, samples[::-1]) and samples[samples.size // 2] == 1.0
    spectrum = np.abs(np.fft.rfft(samples, 4096))
    assert 5 < np.fft.rfftfreq(4096, wavelet.dt)[spectrum.argmax()] < 80


# --- Studies and networks


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(folder of a study that was resumed without the files, the same study undisturbed, its settings)."""
    folder = tmp_path_factory.mktemp("own")
    earth = written(folder, EARTH_FILE, "earth.toml")
    wavelet = written(folder, "# dt = 0.004\n" + "\n".join(map(str, SKEWED)), "wavelet.txt")
    files = ["--earth", str(earth), "--wavelet", str(wavelet), "--dt", "0.002", "--seed", "1", "--validation", "fixed"]
    whole, resumed = folder / "whole", folder / "resumed"
    with hastily():
        assert run_here(PROBLEM, whole, *files, "--study-name", "s", "--n-trials", "2") == 0
        assert run_here(PROBLEM, resumed, *files, "--study-name", "s", "--n-trials", "1") == 0
        expected = read_earth(earth), read_wavelet(wavelet)
        earth.unlink()
        wavelet.unlink()
        again = ["--mode", "optuna_resume", "--study-name", "s", "--n-trials", "2"]
        assert run_here(PROBLEM, resumed, *again) == 0
    return resumed, whole, expected


pytestmark = pytest.mark.usefixtures("hasty")


@pytest.fixture(scope="module")
def network_path(finished):
    return next(finished[0].glob("*/Final_Model/Optuna/*.keras"))


def test_a_study_stores_earth_wavelet_and_interval_and_is_resumed_without_their_files(finished):
    resumed, whole, (earth, wavelet) = finished
    studies = [load(output, INVERSION) for output in (resumed, whole)]
    assert [t.value for t in studies[0].trials] == [t.value for t in studies[1].trials] and len(studies[0].trials) == 2
    stored = studies[0].user_attrs
    assert Earth.from_dict(stored["earth"]) == earth and OwnWavelet.from_dict(stored["wavelet"]) == wavelet
    assert stored["dt"] == 0.002
    note = " ".join(map(str, studies[0]._storage.get_study_system_attrs(studies[0]._study_id).values()))
    assert "samples at 2 ms" in note and earth.words in note and wavelet.words in note


def test_a_network_says_what_traces_it_knows_and_is_tested_on_them(finished, network_path, capsys):
    _, _, (earth, wavelet) = finished
    network = BaseMLClass.load_model(network_path)
    protocol = TraceProtocol.of(network)
    assert protocol == TraceProtocol(48, 0.002, earth=earth, own_wavelet=wavelet)
    assert len({protocol, TraceProtocol.of(network), TraceProtocol(48, 0.002)}) == 2
    x, y = blind_traces(INVERSION, 3, protocol=protocol)
    data = dg.generate_block(
        dg.stream_generator(0, "blind"), 3, ["CONV_REFL_CLEAN", "VEL"], **protocol.of_blocks("ML_VEL")
    )
    assert np.array_equal(x, data["CONV_REFL_CLEAN"]) and np.array_equal(y, data["VEL"])
    reference = fit_inversion_reference(0, protocol, 50)
    assert reference.dt == 0.002 and reference.mean_velocity < fit_inversion_reference(0, None, 50).mean_velocity
    capsys.readouterr()
    blindTest.main(["--model", str(network_path), "--traces", "4"])
    printed = capsys.readouterr().out
    assert "48 samples at 2 ms" in printed and earth.words in printed and wavelet.words in printed


def test_the_card_of_a_network_says_in_words_what_its_traces_were_made_of(finished, network_path, tmp_path, capsys):
    _, _, (earth, _) = finished
    assert modelCard.main([str(network_path), "--output", str(tmp_path / "n.keras"), "--traces", "4"]) == 0
    card = json.loads((tmp_path / "n.json").read_text())
    assert earth.words in card["made_of"] and Earth.from_dict(card["run"]["earth"]) == earth
    assert modelCard.main([str(tmp_path / "n.keras"), "--traces", "4"]) == 0


def test_an_update_goes_on_with_the_traces_of_the_network_or_with_another_earth(finished, network_path, tmp_path):
    _, _, (earth, wavelet) = finished
    other = written(tmp_path, "stopping_depth = [5000, 6000]", "other.toml")
    for options, expected in (([], earth), (["--earth", str(other)], read_earth(other))):
        name = f"n{len(options)}"
        for suffix in (".keras", ".json"):
            (tmp_path / f"{name}{suffix}").write_bytes(network_path.with_suffix(suffix).read_bytes())
        model = ["--mode", "model_update", "--model", str(tmp_path / f"{name}.keras")]
        assert run_here(PROBLEM, tmp_path, *model, *options) == 0
        updated = TraceProtocol.of(BaseMLClass.load_model(tmp_path / f"{name}_update.keras"))
        assert updated == TraceProtocol(48, 0.002, earth=expected, own_wavelet=wavelet)


def test_an_update_at_another_interval_is_refused(network_path, tmp_path, capsys):
    assert run_here(PROBLEM, tmp_path, "--mode", "model_update", "--model", str(network_path), "--dt", "0.004") == 2
    assert "was trained for dt 0.002, not 0.004" in capsys.readouterr().err


def test_the_best_configuration_of_a_study_is_trained_again_on_its_traces(finished, tmp_path):
    resumed, _, (earth, wavelet) = finished
    options = ["--samples", "48", "--output", str(resumed), "--mode", "final_model", "--from-study", "s"]
    run = with_traces_of_source(asked(*options))
    assert run.settings.protocol == TraceProtocol(48, 0.002, earth=earth, own_wavelet=wavelet)
    assert len(repeatability_plan(run).trainings) == 3
    run = with_traces_of_source(asked(*options, "--dt", "0.004"))
    assert run.settings.protocol == TraceProtocol(48, 0.004, earth=earth, own_wavelet=wavelet)
    with pytest.raises(UserError, match="study 's' cannot be made: the published scripts made traces of the paper's"):
        with_traces_of_source(asked(*options, "--preset", "published"))


def asked(*options):
    return hpo.asked.run_from_options(PROBLEM, hpo.options.parse_options("", options), options)


def test_a_study_is_not_resumed_with_another_earth(finished, tmp_path, capsys):
    other = str(written(tmp_path, "stopping_depth = [5000, 6000]", "other.toml"))
    for options in (["--mode", "optuna_resume", "--earth", other], ["--earth", other], []):
        assert run_here(PROBLEM, finished[0], "--study-name", "s", "--seed", "1", *options) == 2
        error = capsys.readouterr().err
        assert "study 's' was started with another " in error and error.count("\n") == 1 and len(error) < 300


def test_a_worker_needs_no_files(tmp_path):
    run = asked(
        "--earth", str(tmp_path / "gone"), "--wavelet", str(tmp_path / "gone"), "--study-name", "s", "--as-worker"
    )
    assert run.given.isdisjoint({"earth", "wavelet"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--preset", "published", "--dt", "0.002"],
            NOT_PUBLISHED,
        ),
        (
            ["--preset", "published", "--earth", "FILE"],
            NOT_PUBLISHED,
        ),
        (
            ["--preset", "published", "--wavelet", "FILE"],
            NOT_PUBLISHED,
        ),
        (["--earth", "no such file"], "earth 'no such file' cannot be read"),
        (["--wavelet", "no such file"], "wavelet 'no such file' cannot be read"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(options, words):
    with pytest.raises(UserError) as caught:
        asked(*options)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["0", "1", "nan", "x", "-0.001"])
def test_an_interval_that_no_traces_have_is_refused(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        asked("--dt", text)
    assert re.search(r"dt must be (a time of 0.0001 to 0.1 s|a number of seconds), not ", capsys.readouterr().err)


def test_the_papers_search_can_have_an_own_earth_and_says_so(tmp_path):
    run = asked("--preset", "paper", "--earth", str(written(tmp_path, "compaction_depth = 5000")))
    line = PROBLEM.traces_line(dataclasses.asdict(run.settings), "Traces: ")
    assert line == "Traces: fresh models for every trace, of an earth that differs from the paper's in compaction_depth"


def test_a_stored_study_that_was_spoilt_is_refused():
    assert PROBLEM.traces_line({"generation": "described", "earth": 3}, "") == "not recorded with the results"
    with pytest.raises(ValueError, match="an earth must be a table, not 3"):
        assert dataclasses.replace(asked().settings, earth=3).protocol


def test_traces_of_another_problem_have_no_own_earth():
    class Other(CustomDataGen):
        def make_block(self, rng, n_traces):
            return np.zeros((n_traces, 5)), np.zeros((n_traces, 5))

    with pytest.raises(ValueError, match="another problem have an earth, wavelets and a variety of their own"):
        Other(earth=ONE_ROCK)
    other = dataclasses.replace(PROBLEM, paper_trials=0)
    options = hpo.options.parse_options("", ["--earth", "x"])
    with pytest.raises(UserError, match="--earth, --wavelet and --variety have no meaning for inversion"):
        hpo.asked.run_from_options(other, options)
