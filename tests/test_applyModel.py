"""applyModel.py as its users call it: a file goes in, an answer and a report come out, or one sentence."""

import functools
import os
import shutil
import time
from pathlib import Path

import forked
import numpy as np
import pytest
from matplotlib import pyplot
from test_dataFiles import DATA, damaged, segy, small_files, values_of
from test_prediction import TINY, snr, warned
from toys import DENOISING, INVERSION, ROOT

import applyModel
from baseML import BaseMLClass, NetworkConfig, create_model
from dataFiles import open_traces, write_traces
from dataPreProcessing import CustomDataGen, TraceProtocol
from evaluation.apply import apply as apply_network
from evaluation.apply import plan_for
from evaluation.blind import blind_traces
from evaluation.field import field_rows, field_verdict, mean_spectrum, neighbour_correlation, velocity_rows
from evaluation.field import velocity_table
from networks.prediction import TrainedOn
from traces.live import examine

pytestmark = pytest.mark.filterwarnings("ignore:invalid value")
PROTOCOL = TraceProtocol(n_samples=400)


DENOISER = applyModel.TASKS["denoise"][0]
PRETRAINED = functools.cache(BaseMLClass.from_pretrained)  # A network is loaded once for all tests.


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of the test's own, in which pictures are drawn coarsely."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("plots.style.DPI", 30)
    monkeypatch.setattr(BaseMLClass, "from_pretrained", PRETRAINED)
    yield
    pyplot.close("all")


def apply(*words):
    """The exit status of the command."""
    try:
        return applyModel.main([str(word) for word in words])
    except SystemExit as ended:
        return ended.code


def read(path, **options):
    with open_traces(path, **options) as file:
        return file.read(0, file.n_traces)


def headers_of(content, n_samples):
    """The bytes of a SEG-Y file of 4-byte samples that are no samples."""
    traces = [content[first : first + 240] for first in range(3600, len(content), 240 + 4 * n_samples)]
    return [content[:3600], *traces]


@pytest.fixture
def line(tmp_path):
    """A line of noisy traces in SEG-Y, amplitudes of thousands, one of them dead, and the clean traces."""
    noisy, clean = (1e4 * part for part in blind_traces(DENOISING, 12, protocol=PROTOCOL))
    noisy[3] = clean[3] = 0
    return write_traces(tmp_path / "line.sgy", noisy, 0.001), noisy, clean


# --- What comes out


def test_a_denoised_line_has_the_headers_of_the_line_and_less_noise(line, capsys):
    path, noisy, clean = line
    before = path.read_bytes()
    assert apply(path, "--task", "denoise", "--html", "report.html") == 0
    printed = capsys.readouterr().out
    output = Path("line_denoised.sgy")
    assert path.read_bytes() == before and headers_of(output.read_bytes(), 400) == headers_of(before, 400)
    made = read(output)
    assert not made[3].any()
    alive = np.arange(12) != 3
    assert snr(clean[alive], made[alive]) > snr(clean[alive], noisy[alive]) + 8
    expected = BaseMLClass.from_pretrained(DENOISER).predict(noisy[alive], dt=0.001)
    np.testing.assert_allclose(made[alive], expected, atol=1e-3 * expected.std())
    for words in (
        "line.sgy (SEG-Y) holds 12 traces of 400 samples, one every 1 ms",
        f"The network is pretrained/{DENOISER}.keras.",
        "Warning: 1 of 12 traces is dead or holds values that are not numbers (counted from 0: 3); such traces stay",
        "Spectral Wiener",
        "no signal-to-noise ratio is given",
        "Output   line_denoised.sgy",
        "Picture  line_denoised.png",
        "Next     ",
    ):
        assert words in printed, words
    assert Path("line_denoised.png").stat().st_size > 5000
    page = Path("report.html").read_text(encoding="utf-8")
    assert "SWT BayesShrink" in page and "data:image/png;base64," in page and "line.sgy" in page


def test_velocity_is_in_the_unit_asked_for_and_dead_traces_keep_their_bytes(tmp_path, capsys):
    trace, velocity = blind_traces(INVERSION, 10)
    trace[4] = 0
    path = write_traces(tmp_path / "line.sgy", 5e3 * trace, 0.001)
    assert apply(path, "--task", "invert") == 0
    printed = capsys.readouterr().out
    feet = read("line_velocity.sgy")
    assert not feet[4].any()
    alive = np.arange(10) != 4
    # The scale is found from ten traces, whose deviations are spread by a factor of 2.
    assert np.sqrt(np.mean((feet - velocity)[alive] ** 2)) < 2500
    assert "Amplitudes are multiplied by" in printed and "taken for an increase of impedance" in printed
    assert apply(path, "--task", "invert", "--unit", "m/s", "--output", "metres.sgy", "--scale", "2e-4") == 0
    exact = read("metres.sgy") / 0.3048
    assert np.sqrt(np.mean((exact - velocity)[alive] ** 2)) < 2000
    write_traces(tmp_path / "reversed.sgy", -5e3 * trace, 0.001)
    assert apply("reversed.sgy", "--task", "invert", "--polarity", "reversed", "--scale", "2e-4") == 0
    np.testing.assert_allclose(read("reversed_velocity.sgy")[alive], exact[alive], rtol=1e-3)


def test_integers_are_rounded_and_clipped_to_what_the_format_holds(tmp_path, capsys):
    noisy, _ = blind_traces(DENOISING, 5, protocol=PROTOCOL)
    loud = np.clip(np.rint(noisy / np.abs(noisy).max() * 300), -128, 127)
    Path("line.sgy").write_bytes(segy(loud, code=8))
    assert apply("line.sgy", "--task", "denoise") == 0
    printed = capsys.readouterr().out
    made = read("line_denoised.sgy")
    expected = np.clip(BaseMLClass.from_pretrained(DENOISER).predict(loud, dt=0.004), -128, 127)
    assert np.abs(made - expected).max() < 0.51
    assert "rounded to whole numbers" in printed
    assert apply("line.sgy", "--task", "invert") == 2
    assert "--output that ends with .npy holds velocities" in capsys.readouterr().err
    assert apply("line.sgy", "--task", "invert", "--output", "velocity.npy") == 0
    assert np.load("velocity.npy").shape == loud.shape


@pytest.mark.parametrize("name", ["line.su", "line.npy", "line.npz", "cube.npy", "one.npy"])
def test_other_kinds_of_files_keep_their_kind_and_shape(tmp_path, name):
    noisy, _ = blind_traces(DENOISING, 6, protocol=PROTOCOL)
    shapes = {"cube.npy": (2, 3, 400), "one.npy": (400,)}
    if name in shapes:
        noisy = noisy[: max(1, int(np.prod(shapes[name][:-1])))].reshape(shapes[name])
        np.save(name, noisy)
    else:
        write_traces(tmp_path / name, noisy, 0.001)
    dt = ["--dt", "0.001"] if name.endswith(".npy") else []
    assert apply(name, "--task", "denoise", *dt) == 0
    output = f"{Path(name).stem}_denoised{Path(name).suffix}"
    made = np.load(output) if name.endswith(".npy") else read(output)
    expected = BaseMLClass.from_pretrained(DENOISER).predict(noisy, dt=0.001)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_a_network_of_ones_own_is_applied(line, tmp_path, capsys):
    path, noisy, _ = line
    for ending in (".keras", ".json"):
        shutil.copyfile(ROOT / f"pretrained/{DENOISER}{ending}", tmp_path / f"own{ending}")
    assert apply(path, "--model", "own.keras", "--output", "out.sgy") == 0
    assert "The network is own.keras." in capsys.readouterr().out and read("out.sgy").shape == noisy.shape


@pytest.mark.parametrize("n_traces, n_samples, dead", [(1, 3, 0), (2, 9, 0), (3, 40, 3), (3, 40, 2), (40, 17, 1)])
@pytest.mark.parametrize("task", applyModel.TASKS)
def test_small_and_dead_files_have_a_report(tmp_path, capsys, n_traces, n_samples, dead, task):
    traces = np.random.default_rng(0).standard_normal((n_traces, n_samples))
    traces[:dead] = 0
    write_traces(tmp_path / "line.sgy", traces, 0.004)
    assert apply("line.sgy", "--task", task, "--output", "out.sgy") == 0
    printed = capsys.readouterr().out
    assert np.isfinite(read("out.sgy")).all() and Path("out.png").exists() == (dead < n_traces)
    assert ("no live trace to report on" in printed) == (dead == n_traces)


# --- With a background


@pytest.fixture(scope="module")
def backed():
    """A network with new weights, as if it had been trained with a background."""
    network = create_model(TINY, 400, n_channels=2)
    network.trained_on = TrainedOn.of(CustomDataGen(gen_type="ML_VEL", n=100, n_samples=400, background=True))
    network.provenance = {"problem": "inversion", "background": True}
    return network


@pytest.fixture
def backed_line(backed, tmp_path):
    """A line of the generator, one of its traces dead, its velocity, and a network's file beside it."""
    backed.save_model(tmp_path / "backed.keras")
    trace, velocity = blind_traces(INVERSION, 8, protocol=PROTOCOL)
    trace[3] = 0
    write_traces(tmp_path / "line.sgy", trace, 0.001)
    return trace, velocity


def test_velocity_is_found_with_the_background_of_each_trace_or_one_for_all(backed, backed_line, tmp_path, capsys):
    trace, velocity = backed_line
    background = np.repeat(velocity.mean(axis=1, keepdims=True).clip(8000, 14_000), 400, axis=1)
    background[3] = 0  # A dead trace needs none.
    write_traces(tmp_path / "metres.sgy", 0.3048 * background, 0.001)
    options = ["--model", "backed.keras", "--scale", "1"]
    assert apply("line.sgy", *options, "--background", "metres.sgy", "--background-unit", "m/s") == 0
    printed = capsys.readouterr().out
    assert "The background is metres.sgy, one log for each trace, in m/s" in printed
    alive = np.arange(8) != 3
    made = read("line_velocity.sgy")
    assert not made[3].any()
    expected, _ = warned(backed, trace[alive], dt=0.001, background=background[alive])
    np.testing.assert_allclose(made[alive], expected, rtol=1e-4)
    for words in (
        "Network",
        "Background alone",
        "Band-limited",
        "RMS change of the background (ft/s)",
        "add the same to the background",
    ):
        assert words in printed, words
    assert "of the background is outside" not in printed
    np.save("one.npy", background[0])
    assert apply("line.sgy", *options, "--background", "one.npy", "--output", "out.sgy", "--html", "report.html") == 0
    assert "one log for all traces, in ft/s" in capsys.readouterr().out
    expected, _ = warned(backed, trace[alive], dt=0.001, background=background[0])
    np.testing.assert_allclose(read("out.sgy")[alive], expected, rtol=1e-4)
    assert "Background alone" in Path("report.html").read_text(encoding="utf-8")
    assert apply("line.sgy", *options, "--background", "metres.sgy", "--output", "out.sgy") == 0
    assert "% of the background is outside of" in capsys.readouterr().out


def test_a_network_whose_change_is_that_of_a_classical_inversion_is_like_it():
    protocol = TraceProtocol(n_samples=400, background=True)
    x, _ = blind_traces(INVERSION, 6, protocol=protocol)
    trace, background = x[..., 0], x[..., 1].astype(float)
    rival = next(row for row in rows_of(trace, background, protocol, background) if row.name == "Band-limited")
    network, alone, same, *_ = rows_of(trace, background, protocol, rival.velocity)
    assert (network.name, alone.name, same.name) == ("Network", "Background alone", "Band-limited")
    assert alone.change == alone.likeness == 0 < network.change == same.change
    assert same.likeness == pytest.approx(1)
    headings, *lines = velocity_table([network, alone], "m/s", 0.3048)
    assert lines[1][1] == f"{0.3048 * np.percentile(background, 5):.0f}" and lines[1][4] == "0"
    assert len(headings) == len(lines[0]) and headings[1] == "5 % (m/s)"


def rows_of(trace, background, protocol, velocity):
    return velocity_rows(trace, background, 0.001, protocol, "Network", velocity)


OF_BACKGROUNDS = [
    ([], "with a background: --background FILE with velocities is needed"),
    (["--background", "none.sgy"], "does not exist"),
    (["--background", "few.npy"], "holds 5 logs of 400 samples, and the traces of 'line.sgy' need 8, or one for all"),
    (["--background", "short.npy"], "holds 8 logs of 399 samples"),
    (["--background", "slow.sgy"], "has a sampling interval of 0.002 s, and the traces have 0.001 s"),
    (["--background", "depth.sgy"], "is in depth"),
    (["--background", "nan.npy"], "but that of a live trace holds nan"),
    (["--background", "zero.npy"], "but that of a live trace holds 0"),
    (["--background", "few.npy", "--background-unit", "km/h"], "'km/h'"),
    (["--background-unit", "m/s"], "--background-unit is the unit of the velocities"),
]


@pytest.mark.parametrize("words, part", OF_BACKGROUNDS, ids=[" ".join(words) for words, _ in OF_BACKGROUNDS])
def test_a_background_that_does_not_fit_is_refused_in_one_sentence(backed_line, capsys, words, part):
    _, velocity = backed_line
    np.save("few.npy", velocity[:5])
    np.save("short.npy", velocity[:, :399])
    np.save("zero.npy", velocity * (np.arange(8) != 5)[:, None])
    np.save("nan.npy", np.where(np.arange(400) == 7, np.nan, velocity))
    write_traces("slow.sgy", velocity, 0.002)
    Path("depth.sgy").write_bytes(segy(values_of(5), text="C 9 Depth min: -4502.00 max: -2.00".ljust(3200)))
    before = sorted(Path().iterdir())
    assert apply("line.sgy", "--model", "backed.keras", *words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and part in error
    assert sorted(Path().iterdir()) == before


def test_a_network_without_a_background_refuses_one(line, capsys):
    for name in ("denoising_paper", "inversion_paper"):
        assert apply("line.sgy", "--model", str(ROOT / f"pretrained/{name}.keras"), "--background", "line.sgy") == 2
        assert "is for networks that were trained with one, and this network was not" in capsys.readouterr().err


# --- What goes wrong


@pytest.fixture
def files(line, tmp_path):
    """Files that a network cannot be applied to, beside one that it can."""
    noisy = line[1]
    np.save("bare.npy", noisy)
    np.savez("several.npz", a=noisy, b=noisy)
    depth = segy(values_of(5), text="C 9 Depth min: -4502.00 max: -2.00".ljust(3200))
    Path("depth.sgy").write_bytes(depth)
    Path("cut.sgy").write_bytes(line[0].read_bytes()[:-7])
    Path("record.mseed").write_bytes(b"000001D")
    Path("empty.sgy").write_bytes(line[0].read_bytes()[:3600])
    Path("network.keras").write_bytes(b"no network")
    Path("short.sgy").write_bytes(segy(values_of(5, 4, 2)))
    Path("file").write_text("words")


MISTAKES = [
    (["line.sgy"], "--task denoise or --task invert is needed"),
    (["line.sgy", "--task", "guess"], "'guess'"),
    (["none.sgy", "--task", "denoise"], "does not exist"),
    ([".", "--task", "denoise"], "is a folder"),
    (["bare.npy", "--task", "denoise"], "has no sampling interval; --dt"),
    (["bare.npy", "--task", "denoise", "--dt", "4"], "dt must be a time of 0.0001 to 0.1 s, not 4.0"),
    (["bare.npy", "--task", "denoise", "--dt", "4 ms"], "--dt"),
    (["several.npz", "--task", "denoise"], "holds several arrays"),
    (["several.npz", "--task", "denoise", "--array", "c"], "has no array 'c'"),
    (["depth.sgy", "--task", "denoise"], "is in depth"),
    (["depth.sgy", "--task", "invert"], "is in depth"),
    (["cut.sgy", "--task", "denoise"], "is cut off"),
    (["record.mseed", "--task", "denoise"], "none of the known kinds"),
    (["empty.sgy", "--task", "denoise"], "holds no trace"),
    (["short.sgy", "--task", "denoise"], "2 samples"),
    (["line.sgy", "--model", "network.keras"], "is not a Keras model"),
    (["line.sgy", "--model", "none.keras"], "there is no model file"),
    (
        ["line.sgy", "--model", str(ROOT / "pretrained/denoising_paper.keras"), "--task", "invert"],
        "does not fit the network",
    ),
    (["line.sgy", "--task", "denoise", "--scale", "2"], "are for an inversion"),
    (["line.sgy", "--task", "denoise", "--unit", "m/s"], "are for an inversion"),
    (["line.sgy", "--task", "invert", "--scale", "0"], "scale must be a number other than 0"),
    (["line.sgy", "--task", "invert", "--scale", "nan"], "scale must be a number other than 0"),
    (["line.sgy", "--task", "denoise", "--output", "line.sgy"], "is the input itself"),
    (["line.sgy", "--task", "denoise", "--output", "./line.sgy"], "is the input itself"),
    (["line.sgy", "--task", "denoise", "--output", "out.segd"], "must end with"),
    (["line.sgy", "--task", "denoise", "--output", "file/out.sgy"], "is not a writable folder"),
    (["line.sgy", "--task", "denoise", "--picture", "file/out.png"], "is not a writable folder"),
    (["line.sgy", "--task", "denoise", "--html", "file/out.html"], "is not a writable folder"),
    (["line.sgy", "--task", "denoise", "--picture", "out.xyz"], "'out.xyz' must end with .png"),
]


@pytest.mark.parametrize("words, part", MISTAKES, ids=[" ".join(words)[-50:] for words, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_leaves_nothing(files, capsys, words, part):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert apply(*words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and part in error and len(error) < 1000
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_two_hundred_damaged_files_are_answered_or_refused_with_one_sentence(tmp_path, capsys, monkeypatch):
    """The networks are small, and no picture is drawn, because two hundred of either would take minutes."""
    networks = {}
    for task, (problem, _) in applyModel.TASKS.items():
        kind = {"denoise": ("CNN", "AE"), "invert": ("DNN", "SEQ")}[task]
        networks[task] = create_model(NetworkConfig(*kind, 1, 2, num_filt=2, krnl_size=3), 64)
        networks[task].provenance = {"problem": problem}
    monkeypatch.setattr(applyModel, "_network", lambda options: (options.task, networks[options.task]))
    monkeypatch.setattr(applyModel, "_report", lambda *_: (None, [], []))
    rng, refused, n_files = np.random.default_rng(3), 0, 0
    for _ in range(7):
        for name, content, places in small_files(tmp_path):
            n_files += 1
            path, output = Path(f"damaged{Path(name).suffix}"), Path(f"out{Path(name).suffix}")
            path.write_bytes(damaged(rng, content, places))
            output.unlink(missing_ok=True)
            dt = ["--dt", "0.004"] if name.endswith("npy") else []
            status = apply(path, "--task", rng.choice(["denoise", "invert"]), "--output", output, *dt)
            error = capsys.readouterr().err
            assert status in (0, 2)
            if status == 2:
                refused += 1
                assert error.splitlines()[-1].startswith("error: ") and error.count("error") == 1
            assert output.exists() == (status == 0)
    assert n_files > 200 and 20 < refused < n_files - 20


def _apply_in_a_process(folder):
    os.chdir(folder)
    applyModel.main(["line.sgy", "--task", "denoise"])


def test_a_killed_process_leaves_no_output(tmp_path):
    write_traces(tmp_path / "line.sgy", np.random.default_rng(0).standard_normal((4000, 500)), 0.004)
    process = forked.forks().Process(target=_apply_in_a_process, args=(tmp_path,))
    process.start()
    begun = time.monotonic()
    while not [path for path in tmp_path.glob(".unfinished-*/*") if path.stat().st_size > 8_000_000]:
        assert process.is_alive() and time.monotonic() - begun < 60
        time.sleep(0.02)
    process.kill()
    process.join()
    assert not (tmp_path / "line_denoised.sgy").exists()


def test_ctrl_c_leaves_no_output(line, monkeypatch, capsys):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("evaluation.apply.check_stop", stop)
    assert apply(line[0], "--task", "denoise") == 130
    assert "no output was written" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["line.sgy"]


# --- The report


def test_neighbours_of_random_noise_are_not_alike_and_those_of_reflections_are():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((50, 2000))
    assert abs(neighbour_correlation(noise)) < 0.02
    signal = np.tile(rng.standard_normal(2000), (50, 1))
    assert neighbour_correlation(signal * 1e-200) == pytest.approx(1)
    # Signal and noise of one deviation: half of the variance is common.
    assert neighbour_correlation(signal + noise) == pytest.approx(0.5, abs=0.05)
    assert neighbour_correlation(np.zeros((3, 10))) == 0 == neighbour_correlation(noise[:1])


def test_a_report_tells_noise_that_was_removed_from_signal_that_was():
    rng = np.random.default_rng(1)
    signal = np.convolve(rng.standard_normal(1000), np.hanning(25), "same")
    section = np.tile(signal, (20, 1)) + rng.standard_normal((20, 1000))
    live = examine(section)
    right, wrong = (
        field_rows(section, live, 0.004, "Network", kept)[0]
        for kept in (np.tile(signal, (20, 1)), section - 0.3 * np.tile(signal, (20, 1)))
    )
    assert abs(right.coherence) < 0.05 and wrong.coherence > 0.9
    assert right.energy == pytest.approx(1 / section.var(), rel=0.05)
    rows = field_rows(section, live, 0.004, "Network", np.tile(signal, (20, 1)))
    assert [row.name for row in rows][:1] == ["Network"] and "SWT BayesShrink" in [row.name for row in rows]
    assert "removes" in field_verdict(rows) and "Spectral Wiener" in field_verdict(rows)


def test_a_spectrum_has_the_power_where_it_is():
    frequency, power = mean_spectrum(np.sin(2 * np.pi * 30 * np.arange(1000) * 0.002)[None], 0.002)
    assert abs(frequency[power.argmax()] - 30) < 2


# --- Real files


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not on this machine")
@pytest.mark.parametrize("name", ["f3.sgy", "gom_cdp_nmo.su"])
def test_real_files_are_answered(name):
    for task in applyModel.TASKS:
        assert apply(DATA / name, "--task", task) == 0
        suffix = Path(name).suffix
        output = Path(f"{Path(name).stem}_{applyModel.TASKS[task][1]}{suffix}")
        assert output.stat().st_size == (DATA / name).stat().st_size and np.isfinite(read(output)).all()


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not on this machine")
@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.s*") if not path.name.startswith("volve")))
def test_a_network_that_changes_nothing_gives_real_files_back(tmp_path, name):
    network = BaseMLClass.load_model(ROOT / "pretrained/denoising_paper.keras")
    network.predict_result = lambda traces: traces
    path, output = DATA / name, tmp_path / f"same{Path(name).suffix}"
    with open_traces(path) as file:
        apply_network(plan_for(network, file, None, False, "ft/s"), output)
        highest, n_samples = file.stored.format.highest, file.n_samples
    before, after = read(path), read(output)
    # Of integers, half a step is lost at most, so that none is lost here; of floats, the rounding of the resampling.
    largest = 0 if isinstance(highest, int) else 1e-6 * np.abs(before).max()
    assert np.abs(after - before).max() <= largest
    if path.suffix != ".su":
        assert headers_of(output.read_bytes(), n_samples) == headers_of(path.read_bytes(), n_samples)
