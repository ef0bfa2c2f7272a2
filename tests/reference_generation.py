"""The plain reference of the generator: the paper's earth model and traces, one trace at a time, one draw at a time.

It is what dataGeneration is compared with (test_generation_statistics.py) and the slow side of its benchmark, so it
shares neither code nor numbers with it and is written for the eye, not for speed. The wavelets are those of bruges,
as in the paper. Units: ft, ft/s, g/cm3, s. `rng` is a numpy.random.Generator.
"""

import itertools
import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # bruges' use of pkg_resources
    from bruges import filters as bruges

CLASTIC = {"shale": 0.50, "sandstone": 0.50}
CARBONATE = {"shale": 0.30, "limestone": 0.30, "dolomite": 0.30, "anhydrite": 0.10}
SALT = {"shale": 0.40, "anhydrite": 0.40, "halite": 0.20}

# density = a v^2 + b v + c; velocity limits (km/s); low factor at 10 000 ft; high divisor at the surface
LITHOLOGY_TABLE = {
    "shale": (-0.0261, 0.373, 1.458, 1.50, 5.0, 1.5, 2.0),
    "sandstone": (-0.0115, 0.261, 1.515, 1.50, 6.0, 1.5, 2.0),
    "limestone": (-0.0296, 0.461, 0.963, 3.50, 6.4, 1.5, 1.8),
    "dolomite": (-0.0235, 0.390, 1.242, 4.50, 7.1, 1.5, 1.8),
    "anhydrite": (-0.0203, 0.321, 1.732, 4.60, 7.4, 1.5, 1.5),
    "halite": (-0.0455, 0.5892, 0.4358, 4.37, 4.8, 1.0, 1.0),
}


def pick_lithology(rng, mix):
    """One lithology's name from {name: probability}."""
    draw = rng.uniform(0, 1)
    for name, probability in mix.items():
        draw -= probability
        if draw < 0:
            return name
    return name


def pick_sequence(rng):
    """The lithologies of one sequence."""
    draw = rng.uniform(0, 1)
    if draw < 0.65:
        return CLASTIC
    if draw < 0.65 + 0.30:
        return CARBONATE
    return SALT


def velocity_bounds(lithology, depth):
    """(slowest, fastest) velocity in km/s of a layer whose base is at that depth."""
    _, _, _, v_low, v_high, low_factor, high_divisor = LITHOLOGY_TABLE[lithology]
    compaction = min(depth, 10_000) / 10_000
    one = v_low * (1 + (low_factor - 1) * compaction)
    other = v_high / (high_divisor + (1 - high_divisor) * compaction)
    return min(one, other), max(one, other)


def reference_layers(rng, density_empirical=True):
    """One model in depth: a list of dictionaries with lithology, thickness, base_depth, velocity, density."""
    drawn = []
    depth_reached = 0.0
    for _ in range(rng.integers(1, 99, endpoint=True)):
        mix = pick_sequence(rng)
        for _ in range(rng.integers(3, 9, endpoint=True)):
            layer = {"lithology": pick_lithology(rng, mix), "thickness": rng.uniform(10, 1000)}
            depth_reached += layer["thickness"]
            drawn.append(layer)
        if depth_reached >= rng.uniform(10_000, 25_000):
            break
    layers = drawn[1:]
    depth = 0.0
    for layer in layers:
        depth += layer["thickness"]
        v = rng.uniform(*velocity_bounds(layer["lithology"], depth))
        layer["base_depth"] = depth
        layer["velocity"] = v * 3280.84
        if density_empirical:
            a, b, c, *_ = LITHOLOGY_TABLE[layer["lithology"]]
            layer["density"] = a * v**2 + b * v + c
        else:
            layer["density"] = rng.uniform(0, 0.1) + rng.uniform(1.9, 3.1)
    return layers


def interface_times(layers):
    """Two-way times of the layers' bases."""
    times = []
    time = 0.0
    for layer in layers:
        time += 2 * layer["thickness"] / layer["velocity"]
        times.append(time)
    return times


def reference_logs(rng, layers, n_samples, dt, t0=0.0):
    """Lithology, velocity, density, impedance and reflectivity in two-way time: a dictionary of lists."""
    base_times = interface_times(layers)
    lithology, velocity, density, impedance = [], [], [], []
    at = 0
    for i in range(n_samples):
        while at < len(layers) - 1 and base_times[at] <= t0 + i * dt:
            at += 1
        lithology.append(layers[at]["lithology"])
        velocity.append(layers[at]["velocity"] + rng.uniform(-500, 500))
        density.append(layers[at]["density"] + rng.uniform(-0.09, 0.09))
        impedance.append(velocity[i] * density[i])
    reflectivity = [0.0] * n_samples
    for i in range(1, n_samples - 2):
        reflectivity[i] = (impedance[i + 1] - impedance[i]) / (impedance[i + 1] + impedance[i])
    return {
        "lithology": lithology,
        "velocity": velocity,
        "density": density,
        "impedance": impedance,
        "reflectivity": reflectivity,
    }


def reference_wavelet(rng, name, dt):
    """A Ricker, Klauder or Ormsby wavelet with random frequencies."""
    if name == "ricker":
        return bruges.ricker(0.512, dt, rng.uniform(10, 50)).amplitude
    if name == "klauder":
        return bruges.klauder(0.512, dt, [rng.uniform(2, 8), rng.uniform(80, 120)]).amplitude
    frequencies = [rng.uniform(2, 8), rng.uniform(10, 20), rng.uniform(60, 80), rng.uniform(90, 120)]
    return bruges.ormsby(0.512, dt, frequencies).amplitude


def reference_clean(reflectivity, wavelet):
    """The reflectivity convolved with the wavelet, whose centre falls on the sample: as many samples as it had."""
    start = len(wavelet) // 2
    return np.convolve(reflectivity, wavelet)[start : start + len(reflectivity)].tolist()


def reference_noisy(rng, clean):
    """The clean trace with noise."""
    mean = sum(clean) / len(clean)
    std = (sum((value - mean) ** 2 for value in clean) / len(clean)) ** 0.5
    return [value + rng.uniform(0.001, 1) * rng.normal(mean, std) for value in clean]


def reference_gap(rng, n_samples):
    """(top, bottom): the samples top <= i < bottom are in the gap; the second draw depends on the first one."""
    top = int(rng.integers(0, n_samples - 3, endpoint=True))
    return top, int(rng.integers(top, n_samples - 2, endpoint=True))


def reference_trace(rng, n_samples=4096, dt=0.001, t0=0.0):
    """Everything of one trace: a dictionary.

    layers, interface_times, what `reference_logs` gives, gap; wavelet, clean and noisy are dictionaries with the keys
    ricker, klauder, ormsby, and random for the one of the three whose name is in random_wavelet.
    """
    layers = reference_layers(rng)
    logs = reference_logs(rng, layers, n_samples, dt, t0)
    wavelet, clean, noisy = {}, {}, {}
    for name in ("ricker", "klauder", "ormsby"):
        wavelet[name] = reference_wavelet(rng, name, dt)
        clean[name] = reference_clean(logs["reflectivity"], wavelet[name])
        noisy[name] = reference_noisy(rng, clean[name])
    picked = ("ricker", "klauder", "ormsby")[rng.integers(3)]
    for versions in (wavelet, clean, noisy):
        versions["random"] = versions[picked]
    return {
        "layers": layers,
        "interface_times": interface_times(layers),
        **logs,
        "wavelet": wavelet,
        "clean": clean,
        "noisy": noisy,
        "random_wavelet": picked,
        "gap": reference_gap(rng, n_samples),
    }


def reference_pair(rng, n_samples=4096, dt=0.001):
    """(noisy, clean) of one trace with one of the three wavelets, and nothing that the pair does not need."""
    logs = reference_logs(rng, reference_layers(rng), n_samples, dt)
    picked = ("ricker", "klauder", "ormsby")[rng.integers(3)]
    clean = reference_clean(logs["reflectivity"], reference_wavelet(rng, picked, dt))
    return reference_noisy(rng, clean), clean


class ReferenceRow:
    """One row of the published scripts, which is used for one trace after another and never emptied."""

    def __init__(self, n_samples=4096, dt=0.001):
        self.dt = dt
        self.velocity = [0.0] * n_samples
        self.density = [0.0] * n_samples
        self.uses = 0

    def use(self, rng):
        """Make the logs of one more trace in the row."""
        n_samples = len(self.velocity)
        layers = reference_layers(rng)
        times = interface_times(layers)
        start = 0
        for layer, time in list(zip(layers, times, strict=True))[: max(len(layers) - 4, 1)]:
            if time > (n_samples - 1) * self.dt:
                break
            end = round(time / self.dt)
            for i in range(start, end):
                self._write(i, layer)
            start = end
        if self.uses == 0:
            for i in range(start, n_samples):
                self._write(i, layers[-1])
        for i in range(n_samples):
            self.velocity[i] += rng.uniform(-500, 500)
            self.density[i] += rng.uniform(-0.09, 0.09)
        self.uses += 1

    def _write(self, i, layer):
        self.velocity[i], self.density[i] = layer["velocity"], layer["density"]


class DrawnAhead:
    """A generator whose uniform and normal numbers are drawn thousands at a time, which is several times faster."""

    def __init__(self, rng):
        self.integers = rng.integers
        self._uniform, self._normal = (
            itertools.chain.from_iterable(draw(4096).tolist() for draw in itertools.repeat(kind))
            for kind in (rng.random, rng.standard_normal)
        )

    def uniform(self, low, high):
        return low + (high - low) * next(self._uniform)

    def normal(self, mean, deviation):
        return mean + deviation * next(self._normal)
