"""Own records: small files of each kind with known answers, what is left out and why, onsets, and splits by event."""

import sys
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from problems.broadband.bands import low_pass
from problems.broadband.parts import SHORT_PERIODS
from problems.broadband.records import GRAVITY, pick_onset, read_records, split_by_event
from problems.broadband.response import psa
from problems.broadband.source import DT, N_SAMPLES, P_TIME, make_records
from traces.resampling import resample

REAL = Path(__file__).parents[2] / "shared" / "data" / "real_3c_4096.npz"
EARLIER = 3.0  # s that the files begin before the records
TAPERED = 60  # samples


@cache
def motion():
    """Records (4, 3, 5096) in cm/s^2 with noise, whose P arrives at EARLIER + P_TIME."""
    rng = np.random.default_rng(0)
    made = make_records(rng, 40)
    y = made.acceleration[np.argsort(made.sources.magnitude)[-4:]].astype(np.float64)
    margins = (round(EARLIER / DT), 1000 - round(EARLIER / DT))
    padded = np.pad(y, ((0, 0), (0, 0), margins))
    return padded + 1e-3 * np.abs(padded).max() * rng.standard_normal(padded.shape)


def expected(rows=slice(None)):
    first = round(EARLIER / DT)
    return motion()[rows, :, first : first + N_SAMPLES]


def write(path, samples=None, **arrays):
    given = {"acceleration": motion() if samples is None else samples, "dt": DT, "unit": "cm/s^2"}
    given |= {"onset": EARLIER + P_TIME} | arrays
    np.savez(path, **{key: value for key, value in given.items() if value is not None})
    return path


def assert_same_motion(found, right):
    error = np.abs(found - right)[..., TAPERED:].max(axis=-1)
    assert (error < 0.02 * np.abs(right).max(axis=-1)).all()


# --- What is read


def test_a_record_keeps_its_samples_and_two_seconds_before_p(tmp_path):
    records, report = read_records(write(tmp_path / "own.npz"))
    assert records.y.dtype == np.float32 and records.y.shape == (4, 3, N_SAMPLES)
    assert_same_motion(records.y, expected())
    assert np.array_equal(records.x, low_pass(records.y))
    assert not records.picked.any() and (records.rates == 100).all()
    assert (
        not np.abs(records.y[..., 0]).any() and records.y[:, :, TAPERED:200].std() > 0.5 * expected()[..., :200].std()
    )
    assert report.describe().startswith(f"4 records were read from {tmp_path / 'own.npz'}, of 0 known events")


@pytest.mark.parametrize(("unit", "factor"), [("m/s^2", 0.01), ("g", 1 / GRAVITY), ("cm/s^2", 1.0)])
def test_each_unit_becomes_cm_per_s2(tmp_path, unit, factor):
    records, _ = read_records(write(tmp_path / "own.npz", factor * motion(), unit=unit))
    assert_same_motion(records.y, expected())


def test_a_file_of_200_hz_has_the_same_spectrum_at_100_hz(tmp_path):
    fine = np.stack([resample(record, DT, DT / 2) for record in motion()])
    records, _ = read_records(write(tmp_path / "own.npz", fine, dt=DT / 2))
    assert (records.rates == 200).all()
    assert_same_motion(records.y, expected())
    assert np.allclose(psa(records.y, DT, SHORT_PERIODS), psa(expected(), DT, SHORT_PERIODS), rtol=0.01)


def test_a_file_of_50_hz_is_said_to_lack_the_highest_frequencies(tmp_path):
    coarse = np.stack([resample(record, DT, 2 * DT) for record in motion()])
    records, report = read_records(write(tmp_path / "own.npz", coarse, dt=2 * DT))
    assert records.y.shape == (4, 3, N_SAMPLES) and (records.rates == 50).all()
    assert "The files of 4 are sampled too coarsely for motion to 30 Hz." in report.describe()


def test_a_trend_is_taken_out(tmp_path):
    drifting = motion() + 5.0 + 0.1 * np.arange(motion().shape[-1]) * DT
    records, _ = read_records(write(tmp_path / "own.npz", drifting))
    assert_same_motion(records.y, expected())


def test_what_the_user_says_replaces_what_the_file_says_and_is_noted(tmp_path):
    path = write(tmp_path / "own.npz", samples=motion() / 100, unit="counts", dt=None)
    records, report = read_records(path, unit="m/s^2", dt=DT)
    assert_same_motion(records.y, expected())
    assert "taken to be m/s^2, as given, although files say counts" in report.describe()


def test_events_are_those_of_the_files_or_the_names_of_folders(tmp_path):
    (tmp_path / "quake").mkdir()
    write(tmp_path / "quake" / "a.npz", motion()[:2], station=np.array(["XX.ONE", "XX.TWO"]))
    write(tmp_path / "b.npz", motion()[2:].swapaxes(1, 2), event="us1")
    records, report = read_records(tmp_path)
    assert sorted(records.events) == ["quake", "quake", "us1", "us1"]
    assert set(records.stations) == {"XX.ONE", "XX.TWO", ""}
    assert "of 2 known events at 2 known stations" in report.describe()
    order = np.argsort(records.names)
    assert_same_motion(records.y[order], expected([2, 3, 0, 1]))


def test_an_onset_of_the_user_is_for_files_that_have_none(tmp_path):
    for given in ({}, {"onset": None}):
        records, _ = read_records(write(tmp_path / "own.npz", **given), onset=EARLIER + P_TIME if given else 0.0)
        assert_same_motion(records.y, expected())
        assert not records.picked.any()


def test_no_more_than_the_asked_number_are_read(tmp_path):
    assert len(read_records(write(tmp_path / "own.npz"), most=2)[0].y) == 2


# --- Onsets


def test_an_onset_that_no_file_says_is_picked(tmp_path):
    # Before P, synthetic records have a little motion, as their spectra have no phase; noise hides it.
    noise = 0.01 * np.abs(motion()).max(axis=(1, 2), keepdims=True)
    noisy = motion() + noise * np.random.default_rng(1).standard_normal(motion().shape)
    records, report = read_records(write(tmp_path / "own.npz", noisy, onset=None))
    assert records.picked.all() and "The onset of P was picked in 4" in report.describe()
    for found, whole in zip(records.y, motion(), strict=True):
        shift = np.correlate(whole[2], found[2], "valid").argmax() * DT
        assert abs(shift - EARLIER) < 0.3


def test_the_picker_finds_p_within_a_tenth_of_a_second_where_it_stands_out():
    noise = 0.01 * np.random.default_rng(0).standard_normal(6000)
    for onset in (300, 1234, 4000):
        wave = np.zeros(6000)
        wave[onset:] = np.sin(2 * np.pi * 4 * np.arange(6000 - onset) * DT)
        for scale in (1, 1e-6):
            assert abs(pick_onset(scale * (wave + noise), DT) - onset * DT) < 0.1
    assert pick_onset(noise, DT) is None and pick_onset(noise[:100], DT) is None


# --- STEAD


def stead(path, **attributes):
    given = {"p_arrival_sample": 500.0, "receiver_type": "HN", "receiver_code": "ABC", "network_code": "XX"}
    with h5py.File(path, "w") as file:
        for row, record in enumerate(motion()):
            stored = file.create_dataset(f"data/ABC.XX_{row}_EV", data=record.T.astype(np.float32))
            stored.attrs.update(
                given | {"source_id": f"event {row // 2}", "trace_category": "earthquake_local"} | attributes
            )
    return path


def test_stead_has_its_onsets_events_and_stations(tmp_path):
    records, report = read_records(stead(tmp_path / "chunk.hdf5"), unit="cm/s^2")
    assert_same_motion(records.y, expected())
    assert records.events.tolist() == ["event 0", "event 0", "event 1", "event 1"]
    assert set(records.stations) == {"XX.ABC"} and not report.left_out


def test_the_table_beside_says_what_the_attributes_do_not(tmp_path):
    with h5py.File(tmp_path / "few.h5", "w") as file:
        file["data/one"] = motion()[0].T
    words = "trace_name,source_id,p_arrival_sample,network_code,receiver_code,receiver_type\none,us9,500,XX,ABC,HN\n"
    (tmp_path / "few.csv").write_text(words)
    records, _ = read_records(tmp_path, unit="cm/s^2")
    assert records.events.tolist() == ["us9"] and not records.picked.any()
    assert_same_motion(records.y, expected(slice(0, 1)))


def test_what_is_no_trace_in_stead_is_left_out(tmp_path):
    path = stead(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file.create_group("data/inner")
        file["data/flat"] = np.ones(100)
    records, report = read_records(path, unit="cm/s^2")
    assert len(records.y) == 4 and [each.name.split()[-1] for each in report.left_out] == ["flat", "inner"]
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["other"] = np.ones(3)
    with pytest.raises(ValueError, match="no group 'data' of traces"):
        read_records(tmp_path / "b.h5", unit="cm/s^2")


def test_counts_noise_and_seismometers_of_stead_are_not_taken_for_acceleration(tmp_path):
    with pytest.raises(ValueError, match="an unknown unit, but acceleration in .* take the gain"):
        read_records(stead(tmp_path / "a.h5"))
    with pytest.raises(ValueError, match="noise and not an earthquake"):
        read_records(stead(tmp_path / "a.h5", trace_category="noise"), unit="g")
    with pytest.raises(ValueError, match="instrument 'H' and not an accelerometer"):
        read_records(stead(tmp_path / "a.h5", receiver_type="HH"), unit="m/s^2")
    converted, _ = read_records(tmp_path / "a.h5", unit="cm/s^2", any_instrument=True)
    assert_same_motion(converted.y, expected())


# --- miniSEED and SAC


def stream(row=0, codes="ENZ", channel="HN"):
    obspy = pytest.importorskip("obspy", reason="pip install -r requirements-tests.txt brings obspy")
    header = {"network": "XX", "station": "ABC", "delta": DT, "starttime": obspy.UTCDateTime(2020, 1, 1)}
    return obspy.Stream(
        [
            obspy.Trace(samples.astype(np.float32), header | {"channel": f"{channel}{code}"})
            for samples, code in zip(motion()[row], codes, strict=True)
        ]
    )


def test_a_miniseed_file_has_the_components_in_order(tmp_path):
    made = stream()
    made.traces.reverse()
    made.write(str(tmp_path / "one.mseed"), "MSEED")
    records, _ = read_records(tmp_path / "one.mseed", unit="cm/s^2")
    assert records.stations.tolist() == ["XX.ABC"] and records.picked.all()
    assert np.array_equal(np.abs(records.y[0]).max(axis=1).argsort(), np.abs(expected(0)).max(axis=1).argsort())


def test_components_in_sac_files_are_one_record_with_the_onset_of_the_header(tmp_path):
    for event, row in (("first", 0), ("second", 1)):
        (tmp_path / event).mkdir()
        for trace in stream(row, "21Z"):
            trace.stats.sac = {"b": 0.0, "a": EARLIER + P_TIME}
            trace.write(str(tmp_path / event / f"{trace.id}.SAC"), "SAC")
    records, _ = read_records(tmp_path, unit="cm/s^2")
    assert records.events.tolist() == ["first", "second"] and not records.picked.any()
    assert_same_motion(records.y, expected(slice(0, 2)))


def test_velocity_gaps_and_missing_components_of_waveforms_are_named(tmp_path):
    whole = stream()
    for trace in whole:
        trace.stats.sac = {"b": 0.0, "a": EARLIER + P_TIME, "idep": 7}
        trace.write(str(tmp_path / f"{trace.id}.sac"), "SAC")
    with pytest.raises(ValueError, match="velocity and not acceleration"):
        read_records(tmp_path, unit="cm/s^2")
    start = whole[0].stats.starttime
    (whole.slice(endtime=start + 20) + whole.slice(starttime=start + 22)).write(str(tmp_path / "gap.mseed"), "MSEED")
    with pytest.raises(ValueError, match="gaps"):
        read_records(tmp_path / "gap.mseed", unit="cm/s^2")
    whole[1:].write(str(tmp_path / "two.mseed"), "MSEED")
    with pytest.raises(ValueError, match="not all of two horizontal components"):
        read_records(tmp_path / "two.mseed", unit="cm/s^2")


def test_later_earthquakes_at_one_station_are_records_of_their_own(tmp_path):
    first, second = stream(0), stream(1)
    for trace in second:
        trace.stats.starttime += 3600
    (first + second).write(str(tmp_path / "day.mseed"), "MSEED")
    assert len(read_records(tmp_path, unit="cm/s^2")[0].y) == 2


def test_one_sentence_says_that_obspy_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "obspy", None)
    (tmp_path / "one.mseed").write_bytes(b"any")
    with pytest.raises(ValueError, match="is read with ObsPy, which is not installed: pip install"):
        read_records(tmp_path)


# --- What is left out or refused


def with_gap(y):
    y[0, 0, 1000] = np.nan


def clipped(y):
    y[0] = np.clip(y[0], -0.3 * np.abs(y[0]).max(), 0.3 * np.abs(y[0]).max())


def dead(y):
    y[0, 1] = 0


@pytest.mark.parametrize(
    ("spoil", "words"), [(with_gap, "gaps"), (clipped, "clipped samples"), (dead, "a component without motion")]
)
def test_a_spoilt_record_is_left_out_and_named(tmp_path, spoil, words):
    y = motion().copy()
    spoil(y)
    records, report = read_records(write(tmp_path / "own.npz", y))
    assert len(records.y) == 3
    assert f"1 record or file was left out ({words}" in report.describe() and "own.npz, record 0" in report.describe()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"samples": motion()[..., 400:]}, None),
        ({"onset": 1.0}, "too short: not 2 s before P and 38.96 s after it"),
        ({"onset": 30.0}, "too short"),
        ({"onset": 1.6}, None),  # near enough to 2 s
        ({"dt": 0.04}, "a sampling interval of 0.04 s, not of 0.0001 to 0.02 s"),
        ({"dt": np.nan}, "a sampling interval of nan s"),
        ({"onset": np.nan}, None),  # unknown, and picked
        ({"unit": b"cm/s^2"}, None),
        ({"quantity": "velocity"}, "velocity and not acceleration"),
        ({"samples": 1e6 * motion()}, r"a peak above 5,000 cm/s\^2, so that the unit may be wrong"),
        ({"samples": motion()[:, :2]}, "records must be numbers"),
        ({"samples": np.array([["text"]])}, "records must be numbers"),
        ({"samples": 1e-3 * np.random.default_rng(0).standard_normal((1, 3, 5096)), "onset": None}, "no onset of P"),
    ],
)
def test_what_no_record_can_be_made_of_is_refused_with_the_reason(tmp_path, changes, words):
    path = write(tmp_path / "own.npz", **changes)
    if words is None:
        read_records(path)
        return
    with pytest.raises(ValueError, match=f"no record in .* can be used. .*{words}"):
        read_records(path)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"unit": "counts"}, {}, r"in the unit counts, but acceleration in cm/s\^2, m/s\^2, g is needed"),
        ({"unit": None}, {}, "in an unknown unit"),
        ({"dt": None}, {}, "has no sampling interval"),
        ({}, {"unit": "mm/s^2"}, "unit 'mm/s.2' is unknown; valid: cm/s"),
        ({}, {"onset": -1.0}, "onset must be a time"),
        ({}, {"dt": 100}, "dt must be a time step"),
        ({}, {"most": 0}, "most must be"),
        ({}, {"array": "other"}, "there is no array 'other' among acceleration"),
    ],
)
def test_what_has_to_be_known_is_asked_for(tmp_path, changes, options, words):
    with pytest.raises(ValueError, match=words):
        read_records(write(tmp_path / "own.npz", **changes), **options)


def test_a_missing_path_an_empty_folder_and_damaged_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read_records(tmp_path / "none")
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(ValueError, match="holds no records, in a file whose name ends with .npz"):
        read_records(tmp_path)
    for name in ("bad.npz", "bad.h5"):
        (tmp_path / name).write_bytes(b"no file")
    with pytest.raises(ValueError, match=r"left out \(damaged or of another kind.*bad.npz.*bad.h5"):
        read_records(tmp_path, unit="g")
    write(tmp_path / "good.npz")
    records, report = read_records(tmp_path)
    assert len(records.y) == 4 and len(report.left_out) == 2


@pytest.mark.skipif(not REAL.is_file(), reason="real records are not in the repository")
def test_real_records_in_counts_are_refused_and_read_once_they_are_in_a_unit(tmp_path):
    with pytest.raises(ValueError, match="in an unknown unit"):
        read_records(REAL, dt=0.01)
    _, report = read_records(REAL, dt=0.01, unit="cm/s^2", onset=2.0)
    assert "18 records or files were left out (a peak above 5,000 cm/s^2" in report.describe()
    np.savez(tmp_path / "own.npz", acceleration=np.load(REAL)["acc"] / 1000)
    records, report = read_records(tmp_path, dt=0.01, unit="cm/s^2", onset=2.0)
    assert len(records.y) + len(report.left_out) == 27 and len(records.y) > 20 and np.isfinite(records.y).all()
    assert f"The event of {len(records.y)} is unknown." in report.describe()


# --- Splits


def test_no_event_is_in_two_parts_and_each_part_has_one():
    events = np.random.default_rng(0).integers(0, 40, 300).astype(str)
    parts = split_by_event(events, seed=1)
    assert sorted(np.concatenate(parts)) == list(range(300))
    labels = [set(events[part]) for part in parts]
    assert sum(map(len, labels)) == 40 and [len(each) for each in labels] == [32, 4, 4]
    assert all(map(np.array_equal, parts, split_by_event(events, seed=1)))
    few = split_by_event(np.array(["a", "b", "c", "c"]), seed=0)
    assert [len(np.unique(np.array(["a", "b", "c", "c"])[part])) for part in few] == [1, 1, 1]


@pytest.mark.parametrize(
    ("events", "shares", "words"),
    [
        (["a", "", "b", "c"], (0.8, 0.1, 0.1), "the event of each record, but that of 1 record is unknown"),
        (["a", "b"], (0.8, 0.1, 0.1), "3 parts need as many events, but there are 2"),
        (["a", "b"], (0.8, 0.1), "add up to 1"),
    ],
)
def test_a_split_that_events_do_not_allow_is_refused(events, shares, words):
    with pytest.raises(ValueError, match=words):
        split_by_event(np.array(events), 0, shares)
