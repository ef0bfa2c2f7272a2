"""The generator makes the same earth as the plain reference: two-sample tests of 2 000 traces of each, fixed seeds.

A statistic is one value per trace (samples within a trace depend on each other, traces do not), so that the values are
independent. Each is tested for its distribution, its limits and its mean, and p-values are corrected for all of them
(Bonferroni). That these tests have teeth is shown with generators in which one constant is 5 % off.
"""

import ast
import functools
import sys
import types
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import reference_generation as reference
from scipy import stats

import dataGeneration as dg

N = 2000
SEED = 3
LIMIT = 0.01
LITHOLOGIES = ("shale", "sandstone", "limestone", "dolomite", "anhydrite", "halite")
WAVELETS = {"ricker": "RW", "klauder": "KW", "ormsby": "OW"}
KINDS = ("layers", "random density", "logs", "traces", "wavelets")
BANDS = {"above 3000 ft": (0, 3_000), "3000 to 10000 ft": (3_000, 10_000), "below 10000 ft": (10_000, np.inf)}
COARSE = {"n_samples": 512, "dt": 0.008}  # 4 s of earth model for few samples
FINE = {"n_samples": 512, "dt": 0.001}


# --- The same data from both sides, as arrays with one row per trace


def as_rows(models):
    """Layers of the reference as padded arrays."""
    place = np.arange(max(map(len, models))) < np.array([len(model) for model in models])[:, None]
    rows = {}
    for name in ("lithology", "thickness", "base_depth", "velocity", "density"):
        values = [layer[name] for model in models for layer in model]
        rows[name] = np.zeros(place.shape)
        rows[name][place] = [LITHOLOGIES.index(value) for value in values] if name == "lithology" else values
    return rows | {"present": place}


def stacked(rows):
    """One array per name from one dictionary per trace; each trace becomes arrays at once, which takes less memory."""
    columns = {}
    for row in rows:
        for name, values in row.items():
            columns.setdefault(name, []).append(np.array(values))
    return {name: np.array(values) for name, values in columns.items()}


def reference_log(rng):
    log = reference.reference_logs(rng, reference.reference_layers(rng), **COARSE)
    return log | {"lithology": [LITHOLOGIES.index(name) for name in log["lithology"]]}


def reference_trace(rng):
    trace = reference.reference_trace(rng, **FINE)
    gapped = np.array(trace["noisy"]["random"])
    gapped[slice(*trace["gap"])] = 0
    return {
        **{name: trace[name] for name in ("velocity", "density", "reflectivity")},
        **{f"{part} {name}": trace[part][name] for part in ("clean", "noisy") for name in (*WAVELETS, "random")},
        **{f"wavelet {name}": trace["wavelet"][name] for name in WAVELETS},
        "gapped random": gapped,
    }


@functools.cache
def reference_data(kind):
    if kind == "wavelets":
        return reference_data("traces")
    rng = reference.DrawnAhead(np.random.default_rng((SEED, KINDS.index(kind))))
    if kind in ("layers", "random density"):
        return as_rows([reference.reference_layers(rng, kind == "layers") for _ in range(N)])
    return stacked((reference_log if kind == "logs" else reference_trace)(rng) for _ in range(N))


def make(kind, generator):
    """What `reference_data` gives, from dataGeneration or a changed copy of it."""
    rng = generator.stream_generator(SEED, "training", 0, KINDS.index(kind))
    if kind in ("layers", "random density"):
        layers = generator.draw_layers(rng, N, kind == "layers")._asdict()
        place = np.arange(layers["lithology"].shape[1]) < layers.pop("n_layers")[:, None]
        return layers | {"present": place}
    if kind == "wavelets":
        drawn = generator.draw_wavelets(rng, N, FINE["dt"], tuple(WAVELETS.values()))
        return {f"wavelet {name}": drawn[code] for name, code in WAVELETS.items()}
    names = {"velocity": "VEL", "density": "DENS", "reflectivity": "REFL"}
    if kind == "logs":
        names["lithology"] = "LITHOLOGY"
    else:
        names |= {f"clean {name}": f"REFL_{code}" for name, code in WAVELETS.items()}
        names |= {f"noisy {name}": f"REFL_{code}_NOISE" for name, code in WAVELETS.items()}
        names |= {f"{version} random": f"CONV_REFL_{version.upper()}" for version in ("clean", "noisy")}
        names["gapped random"] = "CONV_REFL_GAPS"
    block = generator.generate_block(rng, N, set(names.values()), **(COARSE if kind == "logs" else FINE))
    return {name: block[ours] for name, ours in names.items()}


@functools.cache
def generated_data(kind):
    return make(kind, dg)


# --- Statistics: name -> (kind of data, function of the data -> at most one value per trace)

STATISTICS = {}


def statistic(name, kind, function, *arguments):
    STATISTICS[name] = (kind, functools.partial(function, *arguments) if arguments else function)


def first(values, chosen):
    """The first chosen value of each trace that has one."""
    return values[np.arange(len(values)), chosen.argmax(axis=1)][chosen.any(axis=1)]


def layer_in_band(value, code, top, bottom, data):
    here = data["present"] & (data["lithology"] == code)
    return first(data[value], here & (data["base_depth"] >= top) & (data["base_depth"] < bottom))


def place_in_bounds(code, data):
    """Where a layer's velocity lies between the bounds of its lithology and depth: 0 slowest, 1 fastest."""
    here = data["present"] & (data["lithology"] == code) & (data["base_depth"] >= 2_000)
    velocity, depth = first(data["velocity"], here) / 3280.84, first(data["base_depth"], here)
    slowest, fastest = np.array([reference.velocity_bounds(LITHOLOGIES[code], z) for z in depth]).T
    return (velocity - slowest) / (fastest - slowest)


def layer_sum(weights, data):
    """Sum over the layers of a weight that depends on their lithology."""
    weight = np.array([weights.get(name, 0.0) for name in LITHOLOGIES])[data["lithology"].astype(int)]
    return (weight * data["present"]).sum(axis=1)


def layer_share(weights, data):
    return layer_sum(weights, data) / data["present"].sum(axis=1)


def last_layer(data):
    return data["present"] & (data["present"].cumsum(axis=1) == data["present"].sum(axis=1, keepdims=True))


def interface_time(number, data):
    time = (2 * data["thickness"] / np.where(data["present"], data["velocity"], 1)).cumsum(axis=1)
    return time[data["present"].sum(axis=1) > number, number]


def lithology_change(number, data):
    """Sample at which the lithology changes for the number-th time."""
    changes = np.diff(data["lithology"], axis=1) != 0
    return first(np.broadcast_to(np.arange(changes.shape[1]), changes.shape), changes.cumsum(axis=1) == number)


def one_sample(name, data):
    """One sample of each trace, at a place that differs from trace to trace and is never an end."""
    values = data[name]
    return values[np.arange(len(values)), 5 + np.arange(len(values)) * 37 % (values.shape[1] - 10)]


def rms(values):
    return np.sqrt((values.astype(float) ** 2).mean(axis=1))


def jump(name, data):
    """Median change from sample to sample: the heterogeneity, since most neighbours are in the same layer."""
    return np.median(np.abs(np.diff(data[name].astype(float), axis=1)), axis=1)


def spectrum(values, n_fft):
    """(amplitudes, frequencies in Hz)."""
    return np.abs(np.fft.rfft(values, n_fft)), np.fft.rfftfreq(n_fft, FINE["dt"])


def band_amplitude(name, low, high, data):
    amplitude, f = spectrum(data[name], FINE["n_samples"])
    return np.log(amplitude[:, (f >= low) & (f < high)].mean(axis=1))


def centroid(name, data):
    amplitude, f = spectrum(data[name], 2048)
    return (amplitude**2 @ f) / (amplitude**2).sum(axis=1)


def corner(name, side, data):
    """Frequency of the lowest or the highest crossing of half of the largest amplitude, interpolated."""
    amplitude, f = spectrum(data[name], 2048)
    excess = amplitude / amplitude.max(axis=1, keepdims=True) - 0.5
    rows = np.arange(len(excess))
    if side == "low":
        after = (excess > 0).argmax(axis=1)
        before = np.maximum(after - 1, 0)
    else:
        before = excess.shape[1] - 1 - (excess[:, ::-1] > 0).argmax(axis=1)
        after = before + 1
    step = excess[rows, after] - excess[rows, before]
    fraction = np.divide(-excess[rows, before], step, out=np.zeros(len(rows)), where=step != 0)
    return f[before] + fraction * (f[after] - f[before])


def noise(name, data):
    return data[f"noisy {name}"].astype(float) - data[f"clean {name}"]


def noise_ratio(name, data):
    return noise(name, data).std(axis=1) / data[f"clean {name}"].std(axis=1)


def noise_neighbours(name, data):
    return (noise(name, data)[:, 1:] * noise(name, data)[:, :-1]).mean(axis=1) / noise(name, data).var(axis=1)


def correlation(one, other):
    """Correlation of the rows of two arrays."""
    one, other = (values - values.mean(axis=1, keepdims=True, dtype=float) for values in (one, other))
    return (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))


def jumps_together(data):
    return correlation(np.diff(data["velocity"], axis=1), np.diff(data["density"], axis=1))


def with_next_trace(values):
    """Correlation of every second trace with the one after it."""
    return correlation(values[::2], values[1::2])


def gap_edges(data):
    """(top, bottom) of each trace's gap, from the trace itself; NaN where the gap is empty."""
    inside = (data["gapped random"] == 0) & (data["noisy random"] != 0)
    empty = ~inside.any(axis=1)
    top, bottom = inside.argmax(axis=1), inside.shape[1] - inside[:, ::-1].argmax(axis=1)
    return np.where(empty, np.nan, top), np.where(empty, np.nan, bottom)


def gap_position(data):
    top, bottom = gap_edges(data)
    return ((top + bottom) / 2)[np.isfinite(top)]


def gap_length(data):
    top, bottom = gap_edges(data)
    return np.nan_to_num(bottom - top)


statistic("number of layers", "layers", lambda data: data["present"].sum(axis=1))
statistic("depth of the model", "layers", lambda data: data["base_depth"].max(axis=1))
statistic("thickness, first layer", "layers", lambda data: data["thickness"][:, 0])
statistic("thickness, last layer", "layers", lambda data: first(data["thickness"], last_layer(data)))
statistic("thickness, largest", "layers", lambda data: data["thickness"].max(axis=1))
for number in (0, 2, 9):
    statistic(f"time of interface {number}", "layers", interface_time, number)
statistic("density without a formula", "random density", lambda data: data["density"][:, 0])
for code, lithology in enumerate(LITHOLOGIES):
    statistic(f"share of layers, {lithology}", "layers", layer_share, {lithology: 1.0})
    statistic(f"share of time, {lithology}", "logs", lambda data, code=code: (data["lithology"] == code).mean(axis=1))
    statistic(f"velocity of {lithology} between its bounds", "layers", place_in_bounds, code)
    for band, limits in BANDS.items():
        for value in ("velocity", "density"):
            statistic(f"{value} of {lithology}, {band}", "layers", layer_in_band, value, code, *limits)
# the shale of carbonate and salt sequences comes with the other lithologies, and is taken off by their weight
SAND_AND_SHALE = {**dict.fromkeys(LITHOLOGIES, 0.43), "sandstone": 1.0, "shale": -1.0}
statistic("sandstone against shale of clastic sequences", "layers", layer_sum, SAND_AND_SHALE)
statistic(
    "clastic against the rest",
    "layers",
    layer_share,
    {**dict.fromkeys(LITHOLOGIES, 1.0), "sandstone": -0.5, "shale": 0},
)
for number in (1, 5):
    statistic(f"sample of lithology change {number}", "logs", lithology_change, number)
statistic("lithology changes", "logs", lambda data: (np.diff(data["lithology"], axis=1) != 0).sum(axis=1))
for log in ("velocity", "density"):
    for sample in (25, 125, 500):
        statistic(f"{log} at {8 * sample} ms", "logs", lambda data, log=log, sample=sample: data[log][:, sample])
    statistic(f"{log}, mean", "logs", lambda data, log=log: data[log].mean(axis=1, dtype=float))
    statistic(f"{log}, standard deviation", "logs", lambda data, log=log: data[log].std(axis=1, dtype=float))
    statistic(f"heterogeneity of {log}", "traces", jump, log)
statistic("heterogeneity of velocity against that of density", "traces", jumps_together)
for kind in ("logs", "traces"):
    at = f"at {8 if kind == 'logs' else 1} ms"
    statistic(f"reflectivity {at}, one sample", kind, one_sample, "reflectivity")
    statistic(f"reflectivity {at}, RMS", kind, lambda data: rms(data["reflectivity"]))
    statistic(f"reflectivity {at}, largest", kind, lambda data: np.abs(data["reflectivity"]).max(axis=1))
for wavelet in (*WAVELETS, "random"):
    clean = f"clean {wavelet}"
    statistic(f"{clean}, RMS", "traces", lambda data, clean=clean: rms(data[clean]))
    statistic(f"{clean}, largest", "traces", lambda data, clean=clean: np.abs(data[clean]).max(axis=1))
    statistic(f"{clean}, centroid of the spectrum", "traces", centroid, clean)
    for low, high in ((0, 10), (10, 30), (30, 70), (70, 110), (110, 150)):
        statistic(f"{clean}, amplitude {low} to {high} Hz", "traces", band_amplitude, clean, low, high)
    statistic(f"noise ratio, {wavelet}", "traces", noise_ratio, wavelet)
    statistic(f"noise kurtosis, {wavelet}", "traces", lambda data, w=wavelet: stats.kurtosis(noise(w, data), axis=1))
    statistic(f"noise of neighbours, {wavelet}", "traces", noise_neighbours, wavelet)
for wavelet in WAVELETS:
    shape = f"wavelet {wavelet}"
    statistic(f"{shape}, centroid of the spectrum", "wavelets", centroid, shape)
    statistic(f"{shape}, low corner", "wavelets", corner, shape, "low")
    statistic(f"{shape}, high corner", "wavelets", corner, shape, "high")
statistic("reflectivity of neighbouring traces", "traces", lambda data: with_next_trace(data["reflectivity"]))
statistic("noise of neighbouring traces", "traces", lambda data: with_next_trace(noise("random", data)))
statistic("noise of two wavelets", "traces", lambda data: correlation(noise("ricker", data), noise("klauder", data)))
statistic("noise against clean", "traces", lambda data: correlation(noise("ricker", data), data["clean ricker"]))
statistic("gap, position", "traces", gap_position)
statistic("gap, length", "traces", gap_length)


# --- Tests of two samples


def p_of_limits(one, other):
    """Chance that as many of one sample's values lie beyond all of the other's, when both are from one distribution."""
    p = 1.0
    for a, b in ((one, other), (other, one), (-one, -other), (-other, -one)):
        beyond = np.arange(np.count_nonzero(a > b.max()))
        p = min(p, np.prod((a.size - beyond) / (a.size + b.size - beyond)))
    return min(1.0, 4 * p)


def p_of_same(one, other):
    """p-value for two samples from one distribution: the smallest of three tests, corrected for there being three."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    assert min(one.size, other.size) >= 40 and np.isfinite(one).all() and np.isfinite(other).all()
    tests = (
        stats.ks_2samp(one, other, method="asymp").pvalue,
        p_of_limits(one, other),
        stats.ttest_ind(one, other, equal_var=False).pvalue,
    )
    return min(1.0, 3 * min(tests))


def corrected_p(name, generator=None):
    kind, function = STATISTICS[name]
    data = generated_data(kind) if generator is None else make(kind, generator)
    return min(1.0, len(STATISTICS) * p_of_same(function(data), function(reference_data(kind))))


@pytest.mark.parametrize("name", STATISTICS)
def test_a_statistic_is_that_of_the_reference(name):
    assert corrected_p(name) > LIMIT


def test_limits_are_tested_by_what_lies_beyond_them():
    assert p_of_limits(np.arange(10), np.arange(10)) == 1
    assert p_of_limits(np.arange(8.0), np.arange(4.0)) == pytest.approx(4 * (8 * 7 * 6 * 5) / (12 * 11 * 10 * 9))


# --- Generators with one constant 5 % off


def changed_generator(constant, change):
    """A copy of dataGeneration and its parts in which ``constant`` is change(constant), and so is what follows."""
    n_places = 0
    with patch.dict(sys.modules):
        for name in (
            "traces.noise",
            "traces.wavelets",
            "traces.earth",
            "dataGeneration",
        ):  # each imports only those before it
            path = Path(sys.modules[name].__file__)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assignments = [
                (place, node.targets) for place, node in enumerate(tree.body) if isinstance(node, ast.Assign)
            ]
            places = [place for place, targets in assignments if ast.unparse(targets) == constant]
            for place in places:
                tree.body[place + 1 : place + 1] = ast.parse(f"{constant} = _change({constant})").body
            n_places += len(places)
            generator = sys.modules[name] = types.ModuleType(name)
            generator._change = change
            exec(compile(tree, path, "exec"), vars(generator))
    assert n_places == 1, f"the generator must set {constant} once, not {n_places} times"
    return generator


def with_row(name, **factors):
    def change(rows):
        return tuple(
            row._replace(**{field: getattr(row, field) * factor for field, factor in factors.items()})
            if row.name == name
            else row
            for row in rows
        )

    return change


def with_mix(kind, mix):
    return lambda sequences: sequences | {kind: (sequences[kind][0], mix)}


def with_upper_limit(code, number, limit):
    def change(wavelets):
        bands = enumerate(wavelets[code].bands)
        bands = tuple((low, limit if i == number else high) for i, (low, high) in bands)
        return wavelets | {code: wavelets[code]._replace(bands=bands)}

    return change


MUTANTS = [  # constant, what becomes of it, the statistic that tells
    ("LITHOLOGIES", with_row("sandstone", v_high=1.05), "velocity of sandstone, below 10000 ft"),
    ("LITHOLOGIES", with_row("shale", v_low=1.05), "velocity of shale, below 10000 ft"),
    ("LITHOLOGIES", with_row("halite", v_low=0.95), "velocity of halite, 3000 to 10000 ft"),
    ("LITHOLOGIES", with_row("dolomite", high_divisor=1.05), "velocity of dolomite between its bounds"),
    ("LITHOLOGIES", with_row("limestone", c=1.05), "density of limestone, 3000 to 10000 ft"),
    (
        "SEQUENCES",
        with_mix("clastic", {"shale": 0.475, "sandstone": 0.525}),
        "sandstone against shale of clastic sequences",
    ),
    ("LAYER_THICKNESS", lambda limits: (limits[0], 1.05 * limits[1]), "thickness, first layer"),
    ("COMPACTION_DEPTH", lambda depth: 1.05 * depth, "velocity of anhydrite between its bounds"),
    ("VELOCITY_HETEROGENEITY", lambda amplitude: 1.05 * amplitude, "heterogeneity of velocity"),
    ("DENSITY_HETEROGENEITY", lambda amplitude: 0.95 * amplitude, "heterogeneity of density"),
    ("NOISE_RANGE", lambda limits: (limits[0], 1.05 * limits[1]), "noise ratio, random"),
    ("WAVELETS", with_upper_limit("RW", 0, 50 * 1.05), "wavelet ricker, centroid of the spectrum"),
    ("WAVELETS", with_upper_limit("KW", 1, 120 * 1.05), "wavelet klauder, high corner"),
    ("WAVELETS", with_upper_limit("OW", 3, 120 * 1.05), "wavelet ormsby, high corner"),
    ("WAVELETS", with_upper_limit("OW", 2, 80 * 0.95), "wavelet ormsby, high corner"),
]


@pytest.mark.parametrize(("constant", "change", "name"), MUTANTS)
def test_a_generator_with_one_constant_5_percent_off_is_rejected(constant, change, name):
    assert corrected_p(name, changed_generator(constant, change)) < LIMIT


def test_a_copy_of_the_generator_with_nothing_changed_is_not_rejected():
    assert corrected_p("noise ratio, random", changed_generator("NOISE_RANGE", tuple)) > LIMIT
