"""Random earth models and the seismic traces that they give, made in whole blocks of traces.

    sequences -> lithologies -> velocity, density -> logs in two-way time -> heterogeneity
              -> impedance -> reflectivity -> wavelet -> noise -> gap

Units: depth ft, velocity ft/s, density g/cm3, two-way time s, impedance ft/s g/cm3. Arrays are (n_traces, n_samples),
float32, unless a docstring says otherwise. Every number is from section "Synthetic earth model" of the paper;
the density polynomials are those of Mavko et al. (2020). Another earth is the option ``earth``, an `Earth`, and another
wavelet the option ``own_wavelet``: the constants of both, such as SEQUENCES and LITHOLOGIES, are read only.

    python dataGeneration.py                       one data set and its pictures, in the folder Data
    python dataGeneration.py --traces 5 --save     five traces, saved as .npy files too
    python dataGeneration.py --print-earth         the paper's earth, as a TOML file that --earth reads
"""

import contextlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from support.checks import check_choice, check_flag, check_names, check_path, check_whole, unmasked
from support.command_line import LARGEST_SEED, OneSentenceParser, check_output, converter, whole_number
from support.errors import UserError
from support.files import replacing
from support.modules import FixedModule
from support.words import number_of
from traces.checks import LONGEST_TRACE, MOST_TRACES, SHORTEST_TRACE, NoiseLevel, are_real, check_snr, check_time
from traces.checks import SAMPLES_PER_PASS, interval
from traces.earth import COMPACTION_DEPTH, FT_PER_KM, LAYER_THICKNESS, LAYERS_PER_SEQUENCE, SEQUENCES_PER_MODEL
from traces.earth import DENSITY_HETEROGENEITY, LITHOLOGIES, LITHOLOGY_NAMES, SEQUENCES, VELOCITY_HETEROGENEITY
from traces.earth import PAPER_EARTH, STOPPING_DEPTH, Earth, Layers, Lithology, draw_layers, heterogeneous_log
from traces.earth import FIXED as FIXED_OF_EARTH
from traces.earth import check_earth, log_in_time, reflectivity, samples_per_layer
from traces.earth_files import earth_text, read_earth
from traces.noise import Gap, data_average, data_gaps, data_noise, draw_gap
from traces.own_wavelet import OwnWavelet, check_own_wavelet, read_wavelet
from traces.protocol import how_made
from traces.variety import PAPER_VARIETY, VARIETIES, Variety, correlated, disturb, varied_noise, varied_traces
from traces.variety import varied_wavelets, variety_of
from traces.wavelets import FURTHER_WAVELETS, PUBLISHED_WAVELETS, TRACE_FAMILIES, WAVELETS, convolve, draw_wavelets
from traces.wavelets import WAVELET_NAMES, klauder, ormsby, ricker, trace_heading, wavelet_convolution, wavelet_time

TIME_STEPS = (0.001, 0.002, 0.004, 0.008)  # s, what variable_dt draws from
DATA_LENGTHS = (400, 5999)  # samples, what variable_data_length draws from, both ends included
LARGEST_RUN_NUMBER = 10**9 - 1  # a file's name has ten digits for the number
TRACES_PER_BLOCK = 50  # of a stream: many enough to share a block's fixed cost, few enough for the first to come soon
LOGS = ("VEL", "DENS", "IMP")
DATA_NAMES = ("REFL", *TRACE_FAMILIES["random"], *(name for log in LOGS for name in (log, f"{log}_GAPS")))
BLOCK_NAMES = ("LITHOLOGY", *DATA_NAMES, *(name for code in WAVELETS for name in TRACE_FAMILIES[code]))
PAIRS = {  # gen_type: names of (x, y) for clean and for noisy data
    "DeNoise": (("CONV_REFL_NOISY", "CONV_REFL_CLEAN"), ("CONV_REFL_NOISY", "CONV_REFL_CLEAN")),
    "ML_VEL": (("CONV_REFL_CLEAN", "VEL"), ("CONV_REFL_GAPS", "VEL_GAPS")),
    "AE": (("CONV_REFL_CLEAN", "CONV_REFL_CLEAN"), ("CONV_REFL_NOISY", "CONV_REFL_NOISY")),
}
_TRACE_KINDS = (TRACE_FAMILIES[code][version] for version in range(3) for code in WAVELETS)
SAVED_KINDS = ("TIME", "DT", "VEL", "DENS", "REFL", *_TRACE_KINDS, "VEL_GAPS", "DENS_GAPS")
CROSSPLOT = {"velocity": "VEL", "density": "DENS", "lithology": "LITHOLOGY"}
STREAMS = {"training": 0, "validation": 1, "blind": 2, "data set": 3}
FIXED = {**FIXED_OF_EARTH, "WAVELETS": "give own_wavelet=.., or add a row to it in traces/wavelets.py"}
sys.modules[__name__].__class__ = FixedModule


def stream_generator(seed: int, stream: str, epoch: int = 0, block: int = 0) -> np.random.Generator:
    """Generator of one block of traces: no two of (seed, stream, epoch, block) share draws.

    Raises ValueError for a stream that is not in STREAMS, or a number that is not a whole number of at least 0.

    >>> float(stream_generator(0, "training").random()) == float(stream_generator(0, "blind").random())
    False
    """
    number = STREAMS[check_choice("stream", stream, STREAMS)]
    key = (number, check_whole("epoch", epoch, 0), check_whole("block", block, 0))
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(check_whole("seed", seed, 0), spawn_key=key)))


def generate_block(
    rng: np.random.Generator,
    n_traces: int,
    names: Iterable[str],
    *,
    n_samples: int = 4096,
    dt: float = 0.001,
    t0: float = 0.0,
    layers: Layers | None = None,
    logs: Mapping[str, np.ndarray] | None = None,
    density_empirical: bool = True,
    add_noise: bool = True,
    snr_db: NoiseLevel = None,
    earth: Earth = PAPER_EARTH,
    own_wavelet: OwnWavelet | None = None,
    variety: Variety = PAPER_VARIETY,
) -> dict[str, np.ndarray]:
    """The data that ``names`` asks for, and only those: name -> (n_traces, n_samples) float32.

    ``names`` are from BLOCK_NAMES; "LITHOLOGY" are codes, int. The layers, each log, the wavelets, each noise and the
    gap have generators of their own, so that none of them changes with what else is asked for. ``layers`` are models
    in depth to be used instead of random ones; ``logs`` are "VEL" and "DENS" in time to be used instead of those of
    layers, and then there is no "LITHOLOGY". ``add_noise=False`` leaves the traces with a gap without noise; ``snr_db``
    is the noise level, as in `data_noise`. ``earth`` is what models, noise and gaps are drawn from, and ``own_wavelet``
    takes the place of random wavelets in CONV_REFL_...; ``variety`` is what else differs from trace to trace, where
    ``snr_db`` takes the place of its noise level. Raises ValueError for an invalid name, size, time or level.

    >>> block = generate_block(stream_generator(0, "training"), 2, ["VEL", "REFL_RW"], n_samples=500)
    >>> {name: (values.shape, values.dtype.name) for name, values in sorted(block.items())}
    {'REFL_RW': ((2, 500), 'float32'), 'VEL': ((2, 500), 'float32')}
    """
    snr_db = check_snr(snr_db)
    names = frozenset(check_names("data name", names, BLOCK_NAMES))
    n_traces = check_whole("n_traces", n_traces, 1, MOST_TRACES)
    n_samples = check_whole("n_samples", n_samples, SHORTEST_TRACE, LONGEST_TRACE)
    dt, t0 = check_time(dt, t0)
    families = {family: wanted for family, wanted in TRACE_FAMILIES.items() if names.intersection(wanted)}
    layer_rng, velocity_rng, density_rng, wavelet_rng, gap_rng, *noise_rngs = rng.spawn(6 + len(PUBLISHED_WAVELETS))
    noise_rngs += noise_rngs[0].spawn(len(FURTHER_WAVELETS))
    noise_rng = dict(zip(("random", *PUBLISHED_WAVELETS, *FURTHER_WAVELETS), noise_rngs, strict=True))
    (variety_rng,) = layer_rng.spawn(1)  # so that the draws of a set do not change with its variety
    drawn = variety.draw(variety_rng, n_traces)
    if variety.has_noise and snr_db is not None:
        drawn["snr_db"] = variety_rng.uniform(*snr_db, (n_traces, 1))
    if logs is None:
        layers = draw_layers(layer_rng, n_traces, density_empirical, earth) if layers is None else layers
        counts = samples_per_layer(layers, n_samples, dt, t0)
    elif "LITHOLOGY" in names:
        raise ValueError("LITHOLOGY cannot be made from logs of velocity and density; it needs layers")
    gap = draw_gap(gap_rng, n_traces, n_samples, earth.gap_share)
    wavelets = draw_wavelets(wavelet_rng, n_traces, dt, families, drawn["stretch"])
    if own_wavelet is not None and "random" in wavelets:
        given = own_wavelet.at(dt)
        wavelets["random"] = np.broadcast_to(given, (n_traces, given.size))
    if not variety.is_of_paper:
        wavelets = {family: varied_wavelets(of_family, drawn, dt) for family, of_family in wavelets.items()}

    def log_of(rows: slice, name: str, of: str, log_rng: np.random.Generator, amplitude: float) -> np.ndarray:
        if logs is not None:
            return logs[name][rows]
        blocky, some = getattr(layers, of)[rows], counts[rows]
        if variety.is_of_paper:
            return heterogeneous_log(log_rng, blocky, some, amplitude)
        white = 2 * amplitude * log_rng.random((len(some), n_samples), np.float32) - amplitude
        white *= drawn["heterogeneity"][rows].astype(np.float32)
        return correlated(white, drawn["correlation"][rows], dt) + log_in_time(blocky.astype(np.float32), some)

    def some_traces(rows: slice) -> dict[str, np.ndarray]:
        data = {"LITHOLOGY": log_in_time(layers.lithology[rows], counts[rows])} if "LITHOLOGY" in names else {}
        data["VEL"] = log_of(rows, "VEL", "velocity", velocity_rng, earth.velocity_heterogeneity)
        if not names <= {"LITHOLOGY", "VEL", "VEL_GAPS"}:
            data["DENS"] = log_of(rows, "DENS", "density", density_rng, earth.density_heterogeneity)
            data["IMP"] = data["VEL"] * data["DENS"]
            data["REFL"] = reflectivity(data["IMP"])
        muted = Gap(gap.top[rows], gap.bottom[rows])
        for log in LOGS:
            if f"{log}_GAPS" in names:
                data[f"{log}_GAPS"] = data_average(data[log], muted)
        of_rows = {name: values[rows] for name, values in drawn.items()}
        for family, (clean, noisy, gapped) in families.items():
            if variety.is_of_paper:
                data[clean] = convolve(data["REFL"], wavelets[family][rows])
            else:
                data[clean] = varied_traces(variety_rng, data["REFL"], wavelets[family][rows], of_rows, dt)
            if noisy in names or (gapped in names and add_noise):
                if variety.has_noise:
                    data[noisy] = varied_noise(noise_rng[family], data[clean], of_rows, dt)
                else:
                    data[noisy] = data_noise(data[clean], noise_rng[family], snr_db, earth.noise_range)
            if not variety.is_of_paper:
                disturb(data[clean], data.get(noisy), of_rows, dt)
            if gapped in names:
                data[gapped] = data_gaps(data[noisy] if add_noise else data[clean], muted)
        return {name: data[name] for name in names}

    step = max(1, SAMPLES_PER_PASS // n_samples)
    parts = [some_traces(slice(first, first + step)) for first in range(0, n_traces, step)]
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in names}


def save_data(values: np.ndarray, folder: str | Path, kind: str, number: int, save_data_as_txt: bool = False) -> Path:
    """Write one array to ``folder/kind/kind_<10-digit number>.npy`` (or .txt) and return the path.

    The file takes its name only when it is complete. Raises ValueError for a kind that is neither in SAVED_KINDS nor
    one of the CONV_REFL_...

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_data(np.ones(3), folder, "VEL", 7).name
    'VEL_0000000007.npy'
    """
    check_choice("kind of data", kind, (*SAVED_KINDS, *TRACE_FAMILIES["random"]))
    number = check_whole("number", number, 0)
    values = unmasked(kind, values)
    if not are_real(values):
        raise ValueError(f"{kind} to be saved must be numbers, not {values.dtype}")
    path = Path(folder, kind, f"{kind}_{number:010d}{'.txt' if save_data_as_txt else '.npy'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        if save_data_as_txt:
            np.savetxt(file, np.atleast_1d(values), fmt="%.9g")
        else:
            np.save(file, values)
    return path


@dataclass(eq=False)
class DataGenerationClass:
    """One data set of synthetic traces with the paper's options.

    A flag is True, False, 1 or 0. Raises ValueError for an option outside its range.

    >>> data_set = DataGenerationClass(constant_data_length=300, n_traces=4, seed=0)
    >>> blocks = data_set.generate_dataset()
    >>> x, y = data_set.retrieve_input_output("CONV_REFL_NOISY", "VEL")
    >>> x.shape, y.shape
    ((4, 300), (4, 300))
    """

    variable_dt: bool = False  # Each trace has a time step from TIME_STEPS instead of 1 ms.
    variable_data_length: bool = False  # Each trace has a number of samples from DATA_LENGTHS.
    constant_data_length: int = 4096  # samples per trace otherwise, at least 3
    density_empirical: bool = True  # Density follows from velocity; otherwise it is random.
    convolve_with_wavelets: bool = True  # Traces are made with every wavelet.
    add_noise: bool = True  # Traces with noise are made, and those with a gap have noise.
    add_gaps: bool = True  # Traces and logs with a gap are made.
    save_data_to_file: bool = False  # `run_data_generation` saves the set.
    save_data_as_txt: bool = False  # Files are text instead of .npy.
    plotting_option: bool = False  # `run_data_generation` draws the first trace.
    path_to_save: str | Path = "Data"  # folder of the files and pictures
    run_number: int = 0  # of the first trace, from which the others count on; with ``seed`` it decides every draw
    t0: float = 0.0  # s, two-way time of the first sample
    _: KW_ONLY
    n_traces: int = 1
    seed: int | None = None  # whole number of at least 0; with None every set is another one
    snr_db: NoiseLevel = None  # as in `data_noise`
    dt: float = TIME_STEPS[0]  # s, time step of all traces without ``variable_dt``
    earth: Earth = PAPER_EARTH  # what models, noise and gaps are drawn from
    own_wavelet: OwnWavelet | None = None  # takes the place of random wavelets in CONV_REFL_...
    variety: str | Variety = PAPER_VARIETY  # what else differs from trace to trace; of a name, that of "DeNoise"

    def __post_init__(self) -> None:
        for option in fields(self):
            if option.type is bool:
                setattr(self, option.name, check_flag(option.name, getattr(self, option.name)))
        length = self.constant_data_length
        self.constant_data_length = check_whole("constant_data_length", length, SHORTEST_TRACE, LONGEST_TRACE)
        self.path_to_save = check_path("path_to_save", self.path_to_save)
        self.run_number = check_whole("run_number", self.run_number, 0)
        self.dt, self.t0 = check_time(self.dt, self.t0)
        self.n_traces = check_whole("n_traces", self.n_traces, 1, MOST_TRACES)
        self.snr_db = check_snr(self.snr_db)
        self.earth, self.own_wavelet = check_earth(self.earth), check_own_wavelet(self.own_wavelet)
        self.variety = variety_of(self.variety, "DeNoise")
        seed = np.random.SeedSequence().entropy if self.seed is None else self.seed
        self._rng = stream_generator(seed, "data set", self.run_number)
        self.layers: list[Layers] = []  # one entry per block
        self.data: list[dict[str, np.ndarray]] = []  # one entry per block

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names that this set can give as input or output, from DATA_NAMES."""
        return tuple(name for name in DATA_NAMES if self._is_made(name))

    def _is_made(self, name: str) -> bool:
        return not (
            ("REFL_" in name and not self.convolve_with_wavelets)
            or (name.endswith(("_NOISY", "_NOISE")) and not self.add_noise)
            or (name.endswith("_GAPS") and not self.add_gaps)
        )

    def velocity_density_logs_creation(self) -> list[Layers]:
        """Draw the layered models in depth: one `Layers` per block of traces that share time step and length."""
        blocks = [1] * self.n_traces if self.variable_dt or self.variable_data_length else [self.n_traces]
        self.layers = [draw_layers(self._rng, n_traces, self.density_empirical, self.earth) for n_traces in blocks]
        return self.layers

    def create_data(self) -> list[dict[str, np.ndarray]]:
        """Logs in time and traces of the models in ``layers``, one dictionary per block: name -> (n_traces, n_samples).

        "TIME" (n_samples,) and "DT" (1,) are in s; "WAVELET" (n_traces,) is the place in PUBLISHED_WAVELETS of the
        wavelet that the CONV_REFL_... have, where these are random.
        """
        picks = self.own_wavelet is None
        wanted = {name for name in BLOCK_NAMES if self._is_made(name)} - set(TRACE_FAMILIES["random"] if picks else ())
        self.data = []
        for layers in self.layers:
            dt = self._rng.choice(TIME_STEPS) if self.variable_dt else self.dt
            n_samples = self.constant_data_length
            if self.variable_data_length:
                n_samples = int(self._rng.integers(*DATA_LENGTHS, endpoint=True))
            options = {"n_samples": n_samples, "dt": dt, "t0": self.t0, "snr_db": self.snr_db}
            options |= {"earth": self.earth, "own_wavelet": self.own_wavelet, "variety": self.variety}
            n_traces = len(layers.n_layers)
            block = generate_block(self._rng, n_traces, wanted, layers=layers, add_noise=self.add_noise, **options)
            block["TIME"] = self.t0 + np.arange(n_samples) * dt
            block["DT"] = np.array([dt])
            if picks:
                self._pick_wavelets(block)
            self.data.append(block)
        return self.data

    def _pick_wavelets(self, block: dict[str, np.ndarray]) -> None:
        """Add the CONV_REFL_... to a block, each trace with one of the published wavelets."""
        block["WAVELET"] = self._rng.integers(len(PUBLISHED_WAVELETS), size=len(block["VEL"]))
        for version, name in enumerate(TRACE_FAMILIES["random"]):
            if self._is_made(name):
                choices = [block[TRACE_FAMILIES[code][version]] for code in PUBLISHED_WAVELETS]
                block[name] = np.choose(block["WAVELET"][:, None], choices)

    def generate_dataset(self) -> list[dict[str, np.ndarray]]:
        """Draw the models and make all their data; returns what `create_data` returns."""
        self.velocity_density_logs_creation()
        return self.create_data()

    def save_generated_data(self) -> list[Path]:
        """Save every trace in the paper's layout, one folder per kind of data; returns the paths.

        The CONV_REFL_... are among them where they have an own wavelet; otherwise they are some of the others.
        """
        self._check_generated()
        kinds = SAVED_KINDS if self.own_wavelet is None else (*SAVED_KINDS, *TRACE_FAMILIES["random"])
        paths = []
        traces = ((block, row) for block in self.data for row in range(len(block["VEL"])))
        for number, (block, row) in enumerate(traces, self.run_number):
            for kind in (kind for kind in kinds if kind in block):
                values = block[kind] if kind in ("TIME", "DT") else block[kind][row]
                paths.append(save_data(values, self.path_to_save, kind, number, self.save_data_as_txt))
        return paths

    def plot_generated_data(self, save: bool = True) -> list:
        """Draw the first trace of the set: logs in depth, crossplot, traces in time; returns the Matplotlib figures.

        With ``save`` each is written to ``path_to_save`` as a PNG, named like the data files.
        """
        import dataPlotting  # Matplotlib takes a second to load, and only pictures need it.

        model, traces = self._first_model()
        block, title = self.data[0], f"Trace {self.run_number}"
        paths = [self.path_to_save / f"{kind}_{self.run_number:010d}.png" for kind in ("MODEL", "XPLOT", "TRACES")]
        model_path, crossplot_path, traces_path = paths if save else [None] * 3
        points = {name: block[kind][0] for name, kind in CROSSPLOT.items()} | {
            "lithology_names": self.earth.lithology_names
        }
        return [
            dataPlotting.plot_model(**model, title=title, save_path=model_path),
            dataPlotting.plot_xplot(**points, title=title, save_path=crossplot_path),
            dataPlotting.plot_refl(block["TIME"], traces, title=title, save_path=traces_path),
        ]

    def plot_earth_model(self, save_path: Path | None = None):
        """The paper's Fig 2 of this set, a Matplotlib figure: logs of the first model, crossplot of all, traces."""
        import dataPlotting

        model, traces = self._first_model()
        model |= {"time": self.data[0]["TIME"], "traces": traces}
        for name, kind in CROSSPLOT.items():
            model[f"cross_{name}"] = np.concatenate([block[kind].ravel() for block in self.data])
        return dataPlotting.plot_earth_model_and_traces(**model, save_path=save_path)

    def _first_model(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Layers of the first trace, and its traces in time, as the plot functions take them."""
        self._check_generated()
        block, layers = self.data[0], self.layers[0]
        names = ("base_depth", "lithology", "velocity", "density")
        model = {name: getattr(layers, name)[0, : layers.n_layers[0]] for name in names}
        model |= {"impedance": model["velocity"] * model["density"], "lithology_names": self.earth.lithology_names}
        trace_names = ("REFL", *(name for name in TRACE_FAMILIES["random"] if name in block))
        return model, {trace_heading(name): block[name][0] for name in trace_names}

    def _check_generated(self) -> None:
        if not self.data:
            raise ValueError("there is no data yet: call generate_dataset() first")

    def _retrieve(self, name: str) -> np.ndarray | list[np.ndarray]:
        """One kind of data of all traces; a list of 1-D arrays when their lengths differ."""
        check_choice("data name", name, self.data_names)
        self._check_generated()
        parts = [block[name] for block in self.data]
        if len({part.shape[1] for part in parts}) == 1:
            return np.concatenate(parts)
        return [part[0] for part in parts]

    def retrieve_input_output(self, input_name: str, output_name: str) -> tuple:
        """The pair (input, output) for a network: (n_traces, n_samples) each; lists of traces when lengths differ.

        Names are from DATA_NAMES. Raises ValueError for another name, or for one that the options switched off.
        """
        return self._retrieve(input_name), self._retrieve(output_name)

    def retrieve_mult_input_output(self, input_names: Sequence[str], output_names: Sequence[str]) -> tuple:
        """Several kinds of data as channels: (n_traces, n_samples, n_names) each; lists when lengths differ."""

        def stacked(names: Sequence[str]) -> np.ndarray | list[np.ndarray]:
            channels = [self._retrieve(name) for name in check_names("data name", names, self.data_names)]
            if not channels:
                raise ValueError(f"a list of data names is needed, not {names!r}; valid: {', '.join(self.data_names)}")
            if isinstance(channels[0], list):
                return [np.stack(trace, axis=-1) for trace in zip(*channels, strict=True)]
            return np.stack(channels, axis=-1)

        return stacked(input_names), stacked(output_names)

    def run_data_generation(self) -> list[dict[str, np.ndarray]]:
        """Make the data set, then save and draw it as the options say; returns what `create_data` returns."""
        self.generate_dataset()
        if self.save_data_to_file:
            self.save_generated_data()
        if self.plotting_option:
            self.plot_generated_data()
        return self.data


def main(arguments: Sequence[str] | None = None) -> None:
    """Make one data set, save its pictures, and show them where there is a display."""
    parser = OneSentenceParser(description="Make one set of synthetic seismic traces and its pictures.")
    for option, name, lowest, highest, default, meaning in (
        ("--traces", "n_traces", 1, MOST_TRACES, 1, "traces in the set"),
        ("--samples", "constant_data_length", SHORTEST_TRACE, LONGEST_TRACE, 4096, "samples per trace"),
        ("--run-number", "run_number", 0, LARGEST_RUN_NUMBER, 0, "number of the first trace"),
        ("--seed", "seed", 0, LARGEST_SEED, 0, "the same seed makes the same set"),
    ):
        number = {"type": whole_number(lowest, highest), "default": default, "metavar": "N", "dest": name}
        parser.add_argument(option, help=f"{meaning} (default {default})", **number)
    output = {"default": "Data", "metavar": "OUTPUT", "dest": "path_to_save"}
    parser.add_argument("--output", help="folder of the results (default Data)", **output)
    dt = {"type": converter(interval), "default": TIME_STEPS[0], "metavar": "S"}
    parser.add_argument("--dt", help=f"sampling interval in s (default {TIME_STEPS[0]})", **dt)
    earth = "earth of the models, a TOML file (default: the paper's, see --print-earth)"
    parser.add_argument("--earth", type=converter(read_earth), default=PAPER_EARTH, metavar="FILE", help=earth)
    wavelet = "own wavelet instead of random ones: a text file of times in s and amplitudes"
    parser.add_argument("--wavelet", type=converter(read_wavelet), metavar="FILE", dest="own_wavelet", help=wavelet)
    field = "what differs from trace to trace: as in the paper (default), or also what does in field data"
    parser.add_argument("--variety", choices=VARIETIES, default="paper", help=field)
    printed = "print the earth as a TOML file that can be edited and given back with --earth, and end"
    parser.add_argument("--print-earth", action="store_true", help=printed)
    for option, name, meaning in (
        ("--save", "save_data_to_file", "save the data, one folder per kind of data"),
        ("--txt", "save_data_as_txt", "save as text instead of .npy"),
    ):
        parser.add_argument(option, action="store_true", dest=name, help=meaning)
    options = parser.parse_args(arguments)
    if options.print_earth:
        print(earth_text(options.earth), end="")
        return
    del options.print_earth
    options.save_data_to_file |= options.save_data_as_txt
    name, options.variety = options.variety, variety_of(options.variety, "DeNoise")
    try:
        check_output(Path(options.path_to_save))
        data_set = DataGenerationClass(**vars(options))
        data_set.run_data_generation()
        figures = data_set.plot_generated_data()
    except (UserError, ValueError, OSError) as error:
        parser.error(str(error))
    print(f"{len(figures)} pictures of trace {data_set.run_number} are in {data_set.path_to_save}")
    if data_set.earth != PAPER_EARTH or data_set.own_wavelet is not None or name != "paper":
        print(f"Traces: {how_made('described', data_set.earth, data_set.own_wavelet, name)}")
    if data_set.save_data_to_file:
        saved = number_of(data_set.n_traces, "trace is", "traces are")
        print(f"{saved} in {data_set.path_to_save}, in one folder per kind of data")
    show_figures()


def show_figures() -> None:
    """Open the figures in windows, where there is a display."""
    from matplotlib import pyplot

    if pyplot.get_backend().lower() != "agg":
        with contextlib.suppress(KeyboardInterrupt):
            pyplot.show()


if __name__ == "__main__":
    main()
