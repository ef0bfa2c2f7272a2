"""What holds for every choice of the generator's options, and what it answers to nonsense (property tests)."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

import dataGeneration as dg

LOGS = ("VEL", "DENS", "IMP")
WAVELETS = ("RW", "KW", "OW")
# clean, noisy, with a gap
FAMILIES = (
    ("CONV_REFL_CLEAN", "CONV_REFL_NOISY", "CONV_REFL_GAPS"),
    *((f"REFL_{code}", f"REFL_{code}_NOISE", f"REFL_{code}_GAPS") for code in WAVELETS),
)
ASKED_FOR = {*LOGS, *(f"{log}_GAPS" for log in LOGS), "REFL", *FAMILIES[0]}  # as input or output
NOISY = tuple(name for family in FAMILIES for name in family[1:])
EVERYTHING = {*ASKED_FOR, *sum(FAMILIES, ()), "LITHOLOGY"}


def few(examples):
    return settings(derandomize=True, deadline=None, max_examples=examples)


flags = st.sampled_from([True, False, 1, 0])
levels = st.floats(-20, 40)  # dB
options = st.fixed_dictionaries(
    {
        "variable_dt": flags,
        "variable_data_length": flags,
        "constant_data_length": st.integers(3, 80),
        "density_empirical": flags,
        "convolve_with_wavelets": flags,
        "add_noise": flags,
        "add_gaps": flags,
        "t0": st.floats(0, 10),
        "n_traces": st.integers(1, 4),
        "run_number": st.integers(0, 10**9),
        "seed": st.integers(0, 2**64),
        "snr_db": st.one_of(st.none(), levels, st.tuples(levels, levels).map(sorted)),
    }
)
not_whole = st.one_of(
    st.integers(max_value=-1), st.floats(), st.text(max_size=4), st.none(), st.lists(st.integers(), max_size=2)
)
not_finite = st.sampled_from([np.nan, np.inf, -np.inf])
negative = st.floats(max_value=0, exclude_max=True)


def made(**chosen):
    """A data set and its names -> one array per trace."""
    data_set = dg.DataGenerationClass(**chosen)
    blocks = data_set.generate_dataset()
    rows = {name: [row for block in blocks for row in block[name]] for name in blocks[0] if name not in ("TIME", "DT")}
    return data_set, rows


def names_that_need(chosen):
    """Names that the options switch on, by the paper: everything but what needs a wavelet, noise or a gap."""
    names = EVERYTHING - {"LITHOLOGY"}
    if not chosen["convolve_with_wavelets"]:
        names -= set(sum(FAMILIES, ()))
    if not chosen["add_noise"]:
        names -= {noisy for _, noisy, _ in FAMILIES}
    if not chosen["add_gaps"]:
        names = {name for name in names if not name.endswith("_GAPS")}
    return names


# --- All options together


@few(60)
@given(options)
def test_every_set_has_the_names_shapes_and_times_that_its_options_ask_for(chosen):
    data_set, rows = made(**chosen)
    wanted = names_that_need(chosen)
    assert set(data_set.data_names) == wanted & ASKED_FOR
    assert wanted <= set(rows) <= wanted | {"LITHOLOGY", "WAVELET"}
    assert all(len(of_traces) == chosen["n_traces"] for of_traces in rows.values())
    for block in data_set.data:
        (dt,), time = block["DT"], block["TIME"]
        assert dt in ((0.001, 0.002, 0.004, 0.008) if chosen["variable_dt"] else (0.001,))
        low, high = (400, 5999) if chosen["variable_data_length"] else 2 * (chosen["constant_data_length"],)
        assert low <= time.size <= high
        assert_close(time, chosen["t0"] + np.arange(time.size) * dt, atol=1e-12)
        assert all(block[name].shape[1:] == time.shape and np.isfinite(block[name]).all() for name in wanted)


@few(40)
@given(options)
def test_every_set_obeys_the_formulas(chosen):
    _, rows = made(**chosen)
    for velocity, density, impedance, r in zip(*(rows[name] for name in (*LOGS, "REFL")), strict=True):
        assert (velocity > 0).all() and (density > 0).all()
        assert_close(impedance, velocity * density)
        assert np.count_nonzero(r[[0, -2, -1]]) == 0 and np.abs(r).max() < 1
        z = impedance.astype(float)
        assert_close(r[1:-2], (z[2:-1] - z[1:-2]) / (z[2:-1] + z[1:-2]), rtol=0, atol=1e-6)


@few(30)
@given(options, st.sampled_from(["add_noise", "add_gaps", "convolve_with_wavelets"]))
def test_switching_noise_gaps_or_wavelets_off_changes_nothing_else(chosen, option):
    _, with_it = made(**chosen | {option: True})
    _, without = made(**chosen | {option: False})
    gapped = {name for *_, name in FAMILIES} if option == "add_noise" else set()  # then the clean trace has the gap
    for name in names_that_need(chosen | {option: False}) - gapped:
        assert all(np.array_equal(a, b) for a, b in zip(with_it[name], without[name], strict=True)), name


@few(30)
@given(options)
def test_gaps_are_one_stretch_of_each_trace_the_same_in_all_its_data(chosen):
    chosen |= {"add_gaps": True}
    _, rows = made(**chosen)
    pairs = [(f"{log}_GAPS", log) for log in LOGS]
    if chosen["convolve_with_wavelets"]:
        pairs += [(gapped, noisy if chosen["add_noise"] else clean) for clean, noisy, gapped in FAMILIES]
    for trace in range(chosen["n_traces"]):
        changed = [np.flatnonzero(rows[gapped][trace] != rows[source][trace]) for gapped, source in pairs]
        inside = np.concatenate(changed)
        if inside.size == 0:
            continue
        gap = slice(inside.min(), inside.max() + 1)
        for gapped, source in pairs:
            expected = rows[source][trace][gap].mean(dtype=float) if gapped[:-5] in LOGS else 0
            assert rows[gapped][trace][gap] == pytest.approx(np.full(gap.stop - gap.start, expected), rel=1e-6), gapped


@few(30)
@given(options)
def test_a_random_wavelet_is_one_of_the_three_in_every_version(chosen):
    chosen |= {"convolve_with_wavelets": True}
    _, rows = made(**chosen)
    for version, name in enumerate(FAMILIES[0]):
        for trace, row in enumerate(rows.get(name, [])):
            picked = FAMILIES[1 + rows["WAVELET"][trace]][version]
            assert np.array_equal(row, rows[picked][trace])


@few(20)
@given(options)
def test_the_same_options_give_the_same_set(chosen):
    (_, one), (_, other) = made(**chosen), made(**chosen)
    assert all(np.array_equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True))


@few(30)
@given(options, st.data())
def test_any_pair_of_names_and_any_channels_can_be_asked_for(chosen, data):
    data_set, rows = made(**chosen)
    names = st.sampled_from(data_set.data_names)
    x, y = data_set.retrieve_input_output(data.draw(names), data.draw(names))
    several = data.draw(st.lists(names, min_size=1, max_size=4))
    stacked, _ = data_set.retrieve_mult_input_output(several, several[:1])
    assert len(x) == len(y) == len(stacked) == chosen["n_traces"]
    for trace, channels in enumerate(stacked):
        assert x[trace].shape == y[trace].shape == channels.shape[:1]
        assert np.array_equal(channels, np.stack([rows[name][trace] for name in several], axis=-1))


@few(10)
@given(options, flags)
def test_what_a_set_saves_reads_back(chosen, as_txt):
    chosen |= {"variable_data_length": False, "n_traces": min(chosen["n_traces"], 2)}
    with tempfile.TemporaryDirectory() as folder:
        saving = {"save_data_to_file": True, "save_data_as_txt": as_txt, "path_to_save": folder}
        data_set, rows = made(**chosen)
        again = dg.DataGenerationClass(**chosen, **saving)
        again.run_data_generation()
        ending, read = ("txt", np.loadtxt) if as_txt else ("npy", np.load)
        saved = sorted(path.name for path in Path(folder).iterdir())
        not_saved = {"IMP", "IMP_GAPS", *FAMILIES[0]}
        assert set(saved) == (names_that_need(chosen) - not_saved) | {"TIME", "DT"}
        for name in set(saved) - {"TIME", "DT"}:
            for trace, row in enumerate(rows[name]):
                path = Path(folder, name, f"{name}_{chosen['run_number'] + trace:010d}.{ending}")
                assert read(path) == pytest.approx(row, rel=1e-6, abs=1e-30)


# --- Blocks


@few(60)
@given(
    names=st.sets(st.sampled_from(sorted(EVERYTHING)), min_size=1),
    n_traces=st.integers(1, 4),
    n_samples=st.integers(3, 80),
    dt=st.floats(1e-4, 0.05),
    t0=st.floats(0, 10),
    add_noise=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_block_is_what_was_asked_for_whatever_else_is(names, n_traces, n_samples, dt, t0, add_noise, seed):
    def block(asked):
        geometry = {"n_samples": n_samples, "dt": dt, "t0": t0, "add_noise": add_noise}
        return dg.generate_block(dg.stream_generator(seed, "training"), n_traces, asked, **geometry)

    data, everything = block(names), block(EVERYTHING)
    assert set(data) == names
    for name, values in data.items():
        assert values.shape == (n_traces, n_samples) and np.isfinite(values).all(), name
        assert name in NOISY or np.array_equal(values, everything[name]), name


@pytest.mark.parametrize("name", NOISY)
def test_the_noise_of_one_wavelet_does_not_depend_on_the_others_that_are_asked_for(name):
    def block(asked):
        return dg.generate_block(dg.stream_generator(0, "training"), 2, asked, n_samples=20)

    assert np.array_equal(block([name])[name], block(EVERYTHING)[name])


@few(40)
@given(st.integers(1, 50), st.integers(3, 500), st.integers(0, 2**32))
def test_a_gap_lies_between_two_samples_of_the_trace(n_traces, n_samples, seed):
    top, bottom = dg.draw_gap(np.random.default_rng(seed), n_traces, n_samples)
    assert top.shape == bottom.shape == (n_traces,)
    assert (top >= 0).all() and (top <= n_samples - 3).all()
    assert (top <= bottom).all() and (bottom <= n_samples - 2).all()


# --- Nonsense is refused with a sentence that names it


def assert_refused(value, call, *arguments, **named):
    with pytest.raises(ValueError) as caught:
        call(*arguments, **named)
    sentence = str(caught.value)
    assert repr(value) in sentence or str(value) in sentence, sentence
    assert len(sentence.split()) >= 4 and "\n" not in sentence


@few(60)
@given(st.sampled_from(["constant_data_length", "n_traces", "run_number", "seed"]), not_whole)
def test_a_count_that_is_no_whole_number_is_refused(option, value):
    if option == "seed" and value is None:
        return  # another set at every call
    assert_refused(value, dg.DataGenerationClass, **{option: value})


@few(20)
@given(st.integers(max_value=2))
def test_a_trace_shorter_than_three_samples_is_refused(length):
    assert_refused(length, dg.DataGenerationClass, constant_data_length=length)


@few(20)
@given(
    st.sampled_from(["variable_dt", "variable_data_length", "density_empirical", "convolve_with_wavelets", "add_gaps"]),
    st.one_of(st.integers(2), st.integers(max_value=-1), st.text(max_size=3), st.floats(), st.none()),
)
def test_a_flag_that_is_neither_on_nor_off_is_refused(option, value):
    assert_refused(value, dg.DataGenerationClass, **{option: value})


@few(20)
@given(st.one_of(not_finite, negative, st.text(max_size=3), st.none()))
def test_a_start_time_that_is_no_time_is_refused(t0):
    assert_refused(t0, dg.DataGenerationClass, t0=t0)


@few(20)
@given(st.one_of(not_finite, st.text(max_size=3), st.tuples(st.just(5), st.floats(max_value=4)), st.tuples(levels)))
def test_a_noise_level_that_is_none_is_refused(snr_db):
    assert_refused(snr_db, dg.DataGenerationClass, snr_db=snr_db)
    assert_refused(snr_db, dg.data_noise, np.ones((1, 9)), snr_db=snr_db)


@few(20)
@given(options, levels)
def test_a_noise_level_changes_the_noise_and_nothing_else(chosen, level):
    _, paper = made(**chosen | {"snr_db": None})
    _, rows = made(**chosen | {"snr_db": level})
    for name in set(rows) - set(NOISY):
        assert all(np.array_equal(a, b) for a, b in zip(rows[name], paper[name], strict=True)), name


@few(20)
@given(st.one_of(st.sampled_from([0, 0.0]), not_finite, negative))
def test_a_time_step_that_is_not_above_zero_is_refused(dt):
    assert_refused(dt, dg.wavelet_convolution, np.ones((1, 9)), dt=dt)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("n_traces", value) for value in (0, -1, 1.5)),
        *(("n_samples", value) for value in (2, 0, -7, 9.5)),
        *(("dt", value) for value in (0, -0.001, np.nan, np.inf)),
        *(("t0", value) for value in (-0.1, np.nan, np.inf)),
        ("names", "VELOCITY"),
    ],
)
def test_nonsense_asked_of_a_block_is_refused(option, value):
    asked = {"n_traces": 1, "names": ["CONV_REFL_NOISY"], "n_samples": 9}
    asked[option] = ["VEL", value] if option == "names" else value
    assert_refused(value, dg.generate_block, np.random.default_rng(0), **asked)


@few(30)
@given(st.text(max_size=12).filter(lambda name: name not in EVERYTHING | {"ricker", "klauder", "ormsby"}))
def test_an_unknown_name_is_refused(name):
    data_set, _ = made(constant_data_length=9, seed=0)
    assert_refused(name, data_set.retrieve_input_output, name, "VEL")
    assert_refused(name, data_set.retrieve_mult_input_output, ["VEL"], ["VEL", name])
    assert_refused(name, dg.wavelet_convolution, np.ones((1, 9)), wavelet=name)


@few(30)
@given(options, st.data())
def test_a_name_that_the_options_switched_off_is_refused(chosen, data):
    data_set, _ = made(**chosen | {"variable_data_length": False, "add_noise": False})
    off = sorted(ASKED_FOR - set(data_set.data_names))
    name = data.draw(st.sampled_from(off))
    assert_refused(name, data_set.retrieve_input_output, name, "VEL")


@few(30)
@given(st.integers(0, 50), st.integers(0, 50))
def test_a_gap_is_refused_when_its_top_lies_below_its_bottom_and_only_then(top, bottom):
    gap = dg.Gap(np.array([top]), np.array([bottom]))
    for mute in (dg.data_gaps, dg.data_average):
        if top > bottom:
            with pytest.raises(ValueError, match="top mute below bottom mute"):
                mute(np.ones((1, 50)), gap)
        else:
            assert mute(np.ones((1, 50)), gap).shape == (1, 50)


@few(20)
@given(st.integers(0, 8), not_finite)
def test_a_trace_with_a_value_that_is_not_finite_is_refused(place, value):
    trace = np.ones((1, 9))
    trace[0, place] = value
    for call in (dg.data_noise, dg.wavelet_convolution):
        with pytest.raises(ValueError, match="finite"):
            call(trace)
