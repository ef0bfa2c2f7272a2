"""The stream of the published scripts: its rows at any age, beside a plain reference and the published statistics."""

import functools

import numpy as np
import pytest
import reference_generation as reference
from scipy import stats
from test_generation_statistics import p_of_same

from dataGeneration import generate_block, reflectivity, stream_generator
from dataPreProcessing import CustomDataGen
from traces.published import PublishedRows

N_ROWS = 130
# Section 10 of the specification, from 60 to 75 rows: epoch (the first is 1), RMSE (ft/s) of the velocity that the
# added heterogeneity alone gives, RMS of the reflectivity.
AGES = {1: (289, 0.032), 2: (335, 0.037), 10: (466, 0.047), 30: (568, 0.054), 100: (672, 0.062), 300: (717, 0.080)}
ROWS_OF_TABLE = 65
HEAVY = 100  # epoch from which single rows decide the RMS of the reflectivity
SMALL = {"n_samples": 400, "dt": 0.01}
OPTIONS = {"n": 60, "batch_size": 20, "n_samples": 300, "generation": "published"}


def rows_of(n_rows=N_ROWS, n_samples=4096, dt=0.001, seed=0, **options):
    return PublishedRows(lambda age: stream_generator(seed, "training", age), n_rows, n_samples, dt, **options)


@functools.cache
def aged():
    """Rows at the ages of the table, and the same without heterogeneity: epoch -> (VEL, DENS, blocky VEL)."""
    rows = rows_of()
    found = {epoch: list(rows.at(epoch - 1).values()) for epoch in AGES}
    rows = rows_of(heterogeneity={"VEL": 0.0, "DENS": 0.0})
    return {epoch: (*found[epoch], rows.at(epoch - 1)["VEL"]) for epoch in AGES}


def squares_of_rows(values):
    """Mean square of each row, whose mean over rows is the square of the RMS of all."""
    return (values.astype(float) ** 2).mean(axis=1)


def check_rms(squares, expected):
    """The RMS of rows is the expected one, within three standard errors of both: of these rows and of the table's."""
    error = squares.std() * np.sqrt(1 / len(squares) + 1 / ROWS_OF_TABLE)
    assert abs(squares.mean() - expected**2) <= 3 * error


# --- What the specification says of rows that age


@pytest.mark.parametrize("epoch", AGES)
def test_the_heterogeneity_of_old_rows_grows_as_in_the_published_scripts(epoch):
    velocity, _, blocky = aged()[epoch]
    check_rms(squares_of_rows(velocity - blocky), AGES[epoch][0])


@pytest.mark.parametrize("epoch", AGES)
def test_the_reflectivity_of_old_rows_grows_as_in_the_published_scripts(epoch):
    velocity, density, _ = aged()[epoch]
    squares = squares_of_rows(reflectivity(velocity * density))
    if epoch < HEAVY:
        check_rms(squares, AGES[epoch][1])
    else:
        of_tables = np.sqrt(squares.reshape(-1, ROWS_OF_TABLE).mean(axis=1))
        assert of_tables.min() / 1.1 <= AGES[epoch][1] <= 1.1 * of_tables.max()


def test_old_rows_have_what_no_earth_has():
    """Densities become negative, and reflectivities exceed one."""
    young, old = (aged()[epoch] for epoch in (1, 300))
    assert young[1].min() > 1.6 and old[1].min() < 0
    assert np.abs(reflectivity(young[0] * young[1])).max() < 1 < np.abs(reflectivity(old[0] * old[1])).max()


def test_about_a_third_of_the_samples_is_left_over():
    rows = rows_of(1000)
    covered = [rows.covered(age).mean() / 4096 for age in range(3)]
    assert 1 - np.mean(covered) == pytest.approx(0.35, abs=0.02)


PUBLISHED = {  # at the first use: value, relative tolerance
    "velocity, mean": (12_028, 0.01),
    "velocity, deviation": (4717, 0.05),
    "velocity, 5 % quantile": (6282, 0.02),
    "velocity, 95 % quantile": (22_378, 0.02),
    "density, mean": (2.367, 0.01),
    "density, deviation": (0.2472, 0.05),
    "reflectivity, RMS": (0.0326, 0.01),
    "Ricker, RMS": (0.0692, 0.04),
    "Klauder, RMS": (0.0476, 0.01),
    "Ormsby, RMS": (0.0496, 0.01),
    "noise ratio": (0.5775, 0.01),
    "noise, kurtosis": (5.39, 0.01),
}


@functools.cache
def first_use(n_rows=3000):
    names = ("VEL", "DENS", "REFL", "REFL_RW", "REFL_OW", "REFL_KW", "REFL_KW_NOISE")
    block = generate_block(stream_generator(1, "training"), n_rows, names, logs=rows_of(n_rows, seed=1).at(0))

    def rms(name):
        return np.sqrt(squares_of_rows(block[name]).mean())

    noise = block["REFL_KW_NOISE"].astype(float) - block["REFL_KW"]
    return {
        "velocity, mean": block["VEL"].mean(dtype=float),
        "velocity, deviation": block["VEL"].std(dtype=float),
        "velocity, 5 % quantile": np.quantile(block["VEL"], 0.05),
        "velocity, 95 % quantile": np.quantile(block["VEL"], 0.95),
        "density, mean": block["DENS"].mean(dtype=float),
        "density, deviation": block["DENS"].std(dtype=float),
        "reflectivity, RMS": rms("REFL"),
        "Ricker, RMS": rms("REFL_RW"),
        "Klauder, RMS": rms("REFL_KW"),
        "Ormsby, RMS": rms("REFL_OW"),
        "noise ratio": (noise.std(axis=1) / block["REFL_KW"].std(axis=1)).mean(),
        "noise, kurtosis": stats.kurtosis(noise, axis=1, fisher=False).mean(),
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_that_are_used_for_the_first_time_have_the_published_statistics(name):
    value, tolerance = PUBLISHED[name]
    assert first_use()[name] == pytest.approx(value, rel=tolerance)


# --- The same rule, written plainly


@functools.cache
def plain_rows(n_rows=100, ages=(0, 1, 12)):
    """Age -> velocity and density of rows of the plain reference."""
    rng = reference.DrawnAhead(np.random.default_rng(4))
    rows = [reference.ReferenceRow(**SMALL) for _ in range(n_rows)]
    found = {}
    for age in range(max(ages) + 1):
        for row in rows:
            row.use(rng)
        if age in ages:
            found[age] = tuple(np.array([getattr(row, name) for row in rows]) for name in ("velocity", "density"))
    return found


@functools.cache
def our_rows(n_rows=600):
    rows = rows_of(n_rows, **SMALL)
    return {age: tuple(rows.at(age).values()) for age in plain_rows()}


ROW_STATISTICS = {
    "mean velocity": lambda velocity, density: velocity.mean(axis=1),
    "deviation of velocity": lambda velocity, density: velocity.std(axis=1),
    "change from sample to sample at the end": lambda velocity, density: np.diff(velocity)[:, -60:].std(axis=1),
    "change from sample to sample in the middle": lambda velocity, density: np.diff(velocity)[:, 150:250].std(axis=1),
    "deviation of density": lambda velocity, density: density.std(axis=1),
    "velocity of the last sample": lambda velocity, density: velocity[:, -1],
}


@pytest.mark.parametrize("age", [0, 1, 12])
@pytest.mark.parametrize("name", ROW_STATISTICS)
def test_rows_age_as_those_of_the_plain_reference(name, age):
    ours, plain = (ROW_STATISTICS[name](*rows[age]) for rows in (our_rows(), plain_rows()))
    assert p_of_same(ours, plain) > 0.01 / (3 * len(ROW_STATISTICS))


# --- The stream


def batches(epoch, **options):
    """x and y of an epoch (from 0) of a stream."""
    stream = CustomDataGen(**OPTIONS | options)
    stream.begin_at(epoch + 1)
    return [np.concatenate(part) for part in zip(*(stream[index] for index in range(len(stream))), strict=True)]


@pytest.mark.parametrize("gen_type", ["DeNoise", "ML_VEL", "AE"])
def test_any_age_can_be_had_at_once_and_is_the_same_to_the_last_bit(gen_type):
    stream = CustomDataGen(gen_type=gen_type, **OPTIONS)
    for _ in range(13):
        stream.on_epoch_begin()
        step_by_step = [np.concatenate(part) for part in zip(*(stream[i] for i in range(len(stream))), strict=True)]
    for epoch, starting_age in ((12, 0), (0, 12), (5, 7)):
        at_once = batches(epoch, gen_type=gen_type, starting_age=starting_age)
        assert all((one == other).all() for one, other in zip(step_by_step, at_once, strict=True))


def test_a_stream_that_goes_back_begins_anew():
    rows = rows_of(5, **SMALL)
    first = rows.at(3)
    rows.at(9)
    assert (rows.at(3)["DENS"] == first["DENS"]).all()


def test_what_a_stream_gave_does_not_change_later():
    stream = CustomDataGen(gen_type="ML_VEL", **OPTIONS)
    _, y = stream[0]
    before = y.copy()
    for _ in range(3):
        stream.on_epoch_begin()
        stream[0]
    assert (y == before).all()


def test_the_batch_size_changes_no_trace():
    small, large = (batches(4, batch_size=size) for size in (7, 60))
    assert all((one == other).all() for one, other in zip(small, large, strict=True))


def test_streams_and_seeds_have_rows_of_their_own():
    x = batches(3)[0]
    for other in ({"seed": 1}, {"stream": "validation"}, {"starting_age": 1}):
        assert not (batches(3, **other)[0] == x).any()


def test_a_row_keeps_what_a_model_did_not_cover():
    """In the samples that no model covered since, only heterogeneity is added from one epoch to the next."""
    rows = rows_of(200, **SMALL)
    before = rows.at(4)["VEL"]
    after, covered = rows.at(5)["VEL"], rows.covered(5)
    left = np.arange(SMALL["n_samples"]) >= covered[:, None]
    change = (after - before)[left]
    assert left.mean() > 0.2 and np.abs(change).max() <= 500.01 and change.std() == pytest.approx(289, rel=0.03)
    assert np.abs((after - before)[~left]).max() > 5000


def test_the_described_stream_starts_at_an_age_too():
    described = {"generation": "described"}
    assert (batches(3, **described)[0] == batches(0, starting_age=3, **described)[0]).all()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("generation", "old", "described, published"), ("starting_age", -1, "-1"), ("starting_age", 10**9, "100000")],
)
def test_an_option_outside_its_range_is_refused(option, value, words):
    with pytest.raises(ValueError, match=words):
        CustomDataGen(**{option: value})


def test_another_problem_has_no_published_stream():
    class Other(CustomDataGen):
        def make_block(self, rng, n_traces):
            x = rng.random((n_traces, self.n_samples))
            return x, x

    with pytest.raises(ValueError, match="generation of another problem"):
        Other(generation="published")


def test_lithology_cannot_come_from_logs():
    logs = {"VEL": np.ones((1, 50)), "DENS": np.ones((1, 50))}
    with pytest.raises(ValueError, match="LITHOLOGY"):
        generate_block(stream_generator(0, "training"), 1, ["LITHOLOGY"], n_samples=50, logs=logs)
