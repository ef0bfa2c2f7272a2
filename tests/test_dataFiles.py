"""Traces from and to files: every kind and format, what is odd in real files, copies, damaged files."""

import contextlib
import math
import os
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import segyio

import dataFiles
from dataFiles import open_traces, write_traces

DATA = Path(__file__).parents[2] / "shared" / "data"
FORMATS = {  # code: (type of one sample, words, type that is read)
    1: ("ibm", "IBM floats of 32 bits", "float32"),
    2: ("i4", "integers of 32 bits", "float64"),
    3: ("i2", "integers of 16 bits", "float32"),
    5: ("f4", "IEEE floats of 32 bits", "float32"),
    6: ("f8", "IEEE floats of 64 bits", "float64"),
    7: ("i3", "integers of 24 bits", "float32"),
    8: ("i1", "integers of 8 bits", "float32"),
    9: ("i8", "integers of 64 bits", "float64"),
    10: ("u4", "unsigned integers of 32 bits", "float64"),
    11: ("u2", "unsigned integers of 16 bits", "float32"),
    12: ("u8", "unsigned integers of 64 bits", "float64"),
    15: ("u3", "unsigned integers of 24 bits", "float32"),
    16: ("u1", "unsigned integers of 8 bits", "float32"),
}
TEXT = "C 1 A SMALL LINE FOR TESTS".ljust(3200)


# --- Small files, made byte by byte


def ibm_word(value):
    """An IBM float of a value: sign, exponent of 16, and the fraction below 1, of 24 bits."""
    if value == 0:
        return 0
    exponent = 64 + math.floor(math.log(abs(value), 16)) + 1
    return (value < 0) << 31 | exponent << 24 | round(abs(value) / 16.0 ** (exponent - 64) * 2**24)


def sample_bytes(values, kind, order=">"):
    """Samples as they lie in a file; ``kind`` is a NumPy type, "ibm", "i3" or "u3"."""
    if kind == "ibm":
        return b"".join(struct.pack(f"{order}I", ibm_word(value)) for value in values)
    if kind in ("i3", "u3"):
        name = {">": "big", "<": "little"}[order]
        return b"".join(int(value).to_bytes(3, name, signed=kind == "i3") for value in values)
    return np.asarray(values).astype(f"{order}{kind}").tobytes()


def put(header, order, **fields):
    """A header of bytes with fields set: name_of_byte=value, as in H_117=4000; the first byte has number 1."""
    for name, value in fields.items():
        kind, number = name.split("_")
        struct.pack_into(f"{order}{kind}", header, int(number) - 1, value)
    return bytes(header)


def trace_header(order, **fields):
    return put(bytearray(240), order, **fields)


def segy(samples, code=5, order=">", text=TEXT, coding="cp037", between=b"", trace=None, header_size=240, **binary):
    """The bytes of a SEG-Y file; fields of the binary header by their number in it, so that 17 is the interval."""
    n_samples = len(samples[0])
    head = put(bytearray(400), order, **({"H_17": 4000, "H_21": n_samples, "H_25": code} | binary))
    fields = {"I_1": 1, "H_29": 1, "H_115": n_samples, "H_117": 4000} | (trace or {})
    header = trace_header(order, **fields).ljust(header_size, b"\0")
    traces = b"".join(header + sample_bytes(values, FORMATS[code][0], order) for values in samples)
    return text.encode(coding) + head + between + traces


def su(samples, order=">", **fields):
    fields = {"I_1": 1, "H_29": 1, "H_115": len(samples[0]), "H_117": 4000} | fields
    return b"".join(trace_header(order, **fields) + sample_bytes(values, "f4", order) for values in samples)


def values_of(code, n_traces=4, n_samples=6, seed=0):
    """Values that the format of a code holds exactly."""
    kind, rng = FORMATS[code][0], np.random.default_rng(seed)
    if kind in ("ibm", "f4", "f8"):
        return np.round(rng.normal(size=(n_traces, n_samples)) * 1000) / 8
    low, high = (-100, 100) if kind[0] == "i" else (0, 200)
    return rng.integers(low, high, (n_traces, n_samples)).astype(float)


@pytest.fixture
def made(tmp_path):
    """Make a file of bytes in an empty folder."""

    def make(content, name="line.sgy"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make


def all_of(path, **options):
    with open_traces(path, **options) as file:
        return file.read(0, file.n_traces)


def notes_of(path, **options):
    with open_traces(path, **options) as file:
        return " ".join(file.notes)


def copied(path, output, traces, first=0):
    with open_traces(path) as file, file.copying(output) as copy:
        copy.write(first, traces)
    return output


# --- Real files


@pytest.fixture
def real():
    """A file of the folder of real data, by its name."""

    def find(name):
        if not (DATA / name).is_file():
            pytest.skip(f"{name} is not in {DATA}")
        return DATA / name

    return find


REAL = {  # name: (n_traces, n_samples, dt, sample format, words in the notes)
    "npra_31_81_PR.sgy": (534, 1501, 0.004, "IBM floats of 32 bits", ""),
    "F3_very_small.sgy": (121, 463, 0.004, "IBM floats of 32 bits", ""),
    "viking_small.segy": (480, 600, 0.004, "IBM floats of 32 bits", "1500 samples per trace; 600 were taken"),
    "f3.sgy": (414, 75, 0.004, "integers of 16 bits", "462 samples per trace; 75 were taken"),
    "f3-withdead.sgy": (239, 75, 0.004, "IBM floats of 32 bits", "from the binary header; it is 0 ms in the trace"),
    "volve10r12-full-z-il10117sub.sgy": (202, 1125, None, "IEEE floats of 32 bits", "in depth"),
    "gom_cdp_nmo.su": (92, 1751, 0.004, "IEEE floats of 32 bits", ""),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_read_as_segyio_reads_it(real, name):
    n_traces, n_samples, dt, sample_format, note = REAL[name]
    with (segyio.su if name.endswith(".su") else segyio).open(real(name), ignore_geometry=True) as reference:
        expected = reference.trace.raw[:]
    with open_traces(real(name)) as file:
        assert file.shape == (file.n_traces, file.n_samples) == (n_traces, n_samples)
        assert (file.dt, file.sample_format) == (dt, sample_format)
        assert file.domain == ("depth" if dt is None else "time")
        assert note in " ".join(file.notes) and bool(note) == bool(file.notes)
        np.testing.assert_array_equal(file.read(0, n_traces), expected)


@pytest.mark.parametrize("name", REAL)
def test_a_copy_of_a_real_file_with_the_same_samples_has_the_same_bytes(real, name, tmp_path):
    output = tmp_path / name
    with open_traces(real(name)) as file, file.copying(output) as copy:
        for first, traces in file.blocks(100):
            copy.write(first, traces)
    assert output.read_bytes() == real(name).read_bytes()


@pytest.mark.parametrize("name", [name for name in REAL if not name.startswith("volve")])
def test_a_real_file_scaled_keeps_its_headers(real, name, tmp_path):
    output = copied(real(name), tmp_path / name, 0.5 * all_of(real(name)))
    step = 1.0 if name == "f3.sgy" else 1e-6 * np.abs(all_of(real(name))).max()
    np.testing.assert_allclose(all_of(output), 0.5 * all_of(real(name)), rtol=0, atol=step / 2)
    n_samples = REAL[name][1] * (2 if name == "f3.sgy" else 4)
    start = 0 if name.endswith(".su") else 3600
    before, after = (path.read_bytes() for path in (real(name), output))
    assert after[:start] == before[:start]
    for first in range(start, len(before), 240 + n_samples):
        assert after[first : first + 240] == before[first : first + 240]


def test_real_archives_are_read_one_array_at_a_time(real):
    with pytest.raises(ValueError, match="x, model, z"):
        open_traces(real("poststack_model.npz"))
    assert all_of(real("poststack_model.npz"), array="model").shape == (550, 800)


def test_a_miniseed_file_is_of_none_of_the_kinds(real):
    with pytest.raises(ValueError, match="none of the known kinds"):
        open_traces(real("obspy_gaps.mseed"))


# --- Formats of samples


@pytest.mark.parametrize("order", "><")
@pytest.mark.parametrize("code", FORMATS)
def test_every_format_is_read_and_copied(made, tmp_path, code, order):
    values = values_of(code)
    path = made(segy(values, code, order))
    with open_traces(path) as file:
        assert (file.sample_format, file.dt, file.n_traces, file.n_samples) == (FORMATS[code][1], 0.004, 4, 6)
        assert ("little-endian" in file.describe()) == (order == "<")
        traces = file.read(0, 4)
    assert traces.dtype == FORMATS[code][2]
    np.testing.assert_array_equal(traces, values)
    assert copied(path, tmp_path / "same.sgy", traces).read_bytes() == path.read_bytes()
    half = values_of(code, seed=1) / 2
    output = copied(path, tmp_path / "half.sgy", half)
    step = 1.0 if FORMATS[code][0][0] in "iu" and code != 1 else 2**-20 * np.abs(half).max()
    np.testing.assert_allclose(all_of(output), half, rtol=0, atol=step / 2)
    expected = segy(all_of(output), code, order)
    assert output.read_bytes() == expected


@pytest.mark.parametrize("code", [1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 16])
@pytest.mark.parametrize("order", ["big", "little"])
def test_segyio_reads_what_was_copied(made, tmp_path, code, order):
    path = made(segy(values_of(code), code, order={"big": ">", "little": "<"}[order]))
    copied(path, tmp_path / "copy.sgy", values_of(code, seed=1))
    with segyio.open(tmp_path / "copy.sgy", ignore_geometry=True, endian=order) as reference:
        np.testing.assert_array_equal(reference.trace.raw[:], values_of(code, seed=1))


IBM_WORDS = {
    0x00000000: 0.0,
    0x41100000: 1.0,
    0xC276A000: -118.625,
    0x46000001: 1.0,  # not normalised
    0x60FFFFFF: float(np.finfo(np.float32).max),
    0x7FFFFFFF: np.inf,  # beyond float32
    0xFFFFFFFF: -np.inf,
    0x00000001: 0.0,  # below float32
}


def test_ibm_floats_have_their_known_values_and_keep_their_bytes(made, tmp_path):
    samples = struct.pack(f">{len(IBM_WORDS)}I", *IBM_WORDS)
    path = made(segy([np.zeros(len(IBM_WORDS))], 1)[: -len(samples)] + samples)
    traces = all_of(path)
    np.testing.assert_array_equal(traces[0], list(IBM_WORDS.values()))
    traces[0, 1] = 2
    assert copied(path, tmp_path / "out.sgy", traces).read_bytes()[-28:] == struct.pack(">I", 0x41200000) + samples[8:]


def test_every_float_comes_back_from_ibm_floats_within_half_a_step(made, tmp_path):
    rng = np.random.default_rng(3)
    values = (rng.normal(size=(3, 4000)) * 10.0 ** rng.integers(-30, 30, (3, 4000))).astype(np.float32)
    path = made(segy(np.zeros((3, 4000)), 1))
    back = all_of(copied(path, tmp_path / "out.sgy", values))
    assert np.abs(back / values - 1).max() <= 2**-21
    assert [hex(word) for word in np.frombuffer((tmp_path / "out.sgy").read_bytes()[3840:3860], ">u4")] == [
        hex(ibm_word(float(value))) for value in values[0, :5]
    ]


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [
        (8, 128, "128 cannot be written as integers of 8 bits, which hold -128 to 127"),
        (8, -128.6, "-128.6 cannot"),
        (3, 40000, "-32768 to 32767"),
        (3, np.nan, "nan cannot"),
        (2, 2.0**31, "integers of 32 bits"),
        (7, 2.0**23, "-8388608 to 8388607"),
        (9, 2.0**63, "integers of 64 bits"),
        (12, 2.0**64, "integers of 64 bits"),
        (16, -1, "0 to 255"),
        (16, np.inf, "inf cannot"),
        (1, np.nan, "nan cannot be written as IBM floats"),
        (1, np.inf, "inf cannot"),
        (1, 1e39, "1e\\+39 cannot"),
        (5, -1e39, "-1e\\+39 cannot"),
    ],
)
def test_a_value_that_the_format_cannot_hold_is_refused_and_nothing_is_written(made, tmp_path, code, value, words):
    path = made(segy(values_of(code), code))
    traces = all_of(path).astype(float)
    traces[2, 3] = value
    with pytest.raises(ValueError, match=words):
        copied(path, tmp_path / "out.sgy", traces)
    assert os.listdir(tmp_path) == ["line.sgy"]


@pytest.mark.parametrize("code", [2, 3, 7, 8, 9, 10, 11, 12, 15, 16])
def test_the_limits_of_integers_can_be_written(made, tmp_path, code):
    kind, bits = FORMATS[code][0][0], int(FORMATS[code][0][1]) * 8
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind == "i" else (0, 2**bits - 1)
    if bits == 64:
        high -= 2047  # the last float64 below the limit
    path = made(segy(values_of(code), code))
    traces = np.tile([low, high], (4, 3)).astype(float)
    np.testing.assert_array_equal(all_of(copied(path, tmp_path / "out.sgy", traces)), traces)


@pytest.mark.parametrize("code", [1, 3, 5, 6])
def test_whole_numbers_can_be_written_to_every_format(made, tmp_path, code):
    path = made(segy(values_of(code), code))
    whole = np.arange(24, dtype=np.int16).reshape(4, 6)
    np.testing.assert_array_equal(all_of(copied(path, tmp_path / "out.sgy", whole)), whole)


def test_dead_traces_nan_and_mutes_are_read_as_they_are(made, tmp_path):
    values = values_of(5)
    values[0], values[1, 2], values[2, :3], values[3, 0] = 0, np.nan, 0, np.inf
    path = made(segy(values))
    np.testing.assert_array_equal(all_of(path), values)
    assert copied(path, tmp_path / "out.sgy", all_of(path)).read_bytes() == path.read_bytes()


# --- Headers of SEG-Y


@pytest.mark.parametrize(
    ("binary", "traces", "given", "dt", "words"),
    [
        (4000, 4000, None, 0.004, ""),
        (0, 2000, None, 0.002, "2 ms was taken from the trace headers; it is 0 ms in the binary header"),
        (2000, 0, None, 0.002, "2 ms was taken from the binary header; it is 0 ms in the trace headers"),
        (2000, 4000, None, 0.004, "4 ms was taken from the trace headers; it is 2 ms in the binary header"),
        (4000, 4000, 0.002, 0.002, "2 ms was taken as given; it is 4 ms in the trace headers and 4 ms in the binary"),
        (4000, 4000, 0.004, 0.004, ""),
        (0, 0, None, None, "No interval"),
        (4, 4, None, None, "No interval in the headers is a valid one of 0.1 to 100 ms: it is 0.004 ms"),
        (0, 0, 0.001, 0.001, "as given"),
        (40000, 40000, None, 0.04, ""),
    ],
)
def test_the_interval_is_taken_from_where_it_is_valid(made, binary, traces, given, dt, words):
    path = made(segy(values_of(5), H_17=binary, trace={"H_117": traces}))
    with open_traces(path, dt=given) as file:
        assert file.dt == dt
        assert words in " ".join(file.notes) and bool(words) == bool(file.notes)


def test_trace_headers_that_disagree_leave_the_interval_to_the_binary_header(made):
    content = segy(values_of(5), H_17=2000) + su(values_of(5), H_117=1000)
    with open_traces(made(content)) as file:
        assert file.dt == 0.002 and file.n_traces == 8
        assert "2 ms was taken from the binary header; it is 1 to 4 ms in the trace headers" in file.describe()


def test_dead_traces_with_empty_headers_do_not_spoil_the_interval(made):
    with open_traces(made(segy(values_of(5), H_17=0) + su(np.zeros((1, 6)), H_117=0, H_115=0))) as file:
        assert file.dt == 0.004 and file.n_traces == 5


@pytest.mark.parametrize(
    ("binary", "trace", "words"),
    [(0, 6, "binary header gives 0"), (6, 0, ""), (6, 99, "first trace header gives 99"), (99, 6, "gives 99 samples")],
)
def test_the_number_of_samples_is_the_one_that_fits_the_size(made, binary, trace, words):
    path = made(segy(values_of(3), 3, H_21=binary, trace={"H_115": trace}))
    np.testing.assert_array_equal(all_of(path), values_of(3))
    assert words in notes_of(path) and bool(words) == bool(notes_of(path))


def test_text_headers_in_ascii_and_further_ones_are_passed_over_and_kept(made, tmp_path):
    further = "C 1 MORE TEXT".ljust(3200).encode("cp037")
    last = "((SEG: EndText))".ljust(3200)
    for content in (
        segy(values_of(1), 1, coding="latin-1"),
        segy(values_of(1), 1, between=2 * further, h_305=2, B_301=1),
        segy(values_of(1), 1, between=further + last.encode("cp037"), h_305=-1, B_301=1),
        segy(values_of(1), 1, between=further + last.encode("ascii"), h_305=-1, B_301=1),
        segy(values_of(1), 1, h_305=7),  # Revision 0 has no such field.
    ):
        path = made(content)
        np.testing.assert_array_equal(all_of(path), values_of(1))
        output = copied(path, tmp_path / "out.sgy", values_of(1, seed=1))
        assert output.read_bytes()[: -4 * 264] == content[: -4 * 264]


@pytest.mark.parametrize("order", "><")
def test_the_fields_of_revision_2_are_read(made, order):
    values = values_of(5)
    path = made(
        segy(values, order=order, between=bytes(6400), H_17=0, H_21=0, B_301=2, I_69=6, d_73=250.0, Q_321=10000)
    )
    with open_traces(path) as file:
        assert file.dt == 0.004 and "it is 0.25 ms in the binary header" in file.describe()
        np.testing.assert_array_equal(file.read(0, 4), values)
    path = made(segy(values, order=order, trace={"H_117": 0}, B_301=2, d_73=250.0, H_21=0, I_69=6))
    with open_traces(path) as file:
        assert file.dt == 0.00025
    path = made(segy(values, order=order, header_size=720, B_301=2, I_307=2, i_329=1) + bytes(3200))
    np.testing.assert_array_equal(all_of(path), values)


def test_more_samples_than_16_bits_count_are_read_in_revision_2(made):
    values = np.arange(2 * 70000.0).reshape(2, 70000)
    content = segy(values, H_21=0, trace={"H_115": 0}, B_301=2, I_69=70000)
    np.testing.assert_array_equal(all_of(made(content)), values)


def test_a_recording_that_begins_late_is_noted(made):
    assert "The first sample is at 500 ms." in notes_of(made(segy(values_of(5), trace={"h_109": 500})))
    assert "at 50 ms" in notes_of(made(segy(values_of(5), trace={"h_109": 500, "h_215": -10})))
    assert "at -8 ms" in notes_of(made(su(values_of(5), h_109=-8), "line.su"))


# --- Time or depth


@pytest.mark.parametrize(
    "line",
    [
        "C 9 Depth min: -4502.00 max: -2.00 delta: 4500.00",
        "C06 SAMPLE INTERVAL: 4 METRES   SAMPLES/TRACE: 1125",
        "C 6 SAMPLE RATE 10 FT",
        "C 5 Sample interval (m): 5.0",
        "C12 VERTICAL DOMAIN: DEPTH",
        "C12 DOMAIN = DEPTH",
        "C 4 DEPTH DOMAIN SEISMIC",
        "C 4 PSDM FINAL STACK IN DEPTH",
        "C 7 Z AXIS: DEPTH (M)",
        "C 7 Vertical units: feet",
        "C 7 DEPTH INTERVAL 5 M",
        "C18  Depth survey: 1 SEG-Y millisec = 1 m",
    ],
)
def test_a_line_of_the_text_header_tells_that_a_file_is_in_depth(made, line):
    path = made(segy(values_of(5), text=(TEXT[:80] + line.ljust(80)).ljust(3200), H_55=1))
    with open_traces(path) as file:
        assert (file.domain, file.dt) == ("depth", None)
        assert repr(line) in file.describe() and "which is 4 m if it counts thousandths" in file.describe()
    with open_traces(path, domain="time") as file:
        assert (file.domain, file.dt) == ("time", 0.004)
        assert "taken to be in time, as given, although" in file.describe()


@pytest.mark.parametrize(
    "line",
    [
        "C 8 SOURCE DEPTH 6 M   CABLE DEPTH 8 M   WATER DEPTH 100 M",
        "C 9 STREAMER DEPTH: 7 METRES",
        "C11 PRE-STACK DEPTH MIGRATION (PSDM), STRETCHED TO TIME",
        "C 6 SAMPLE RATE 4 MS  GROUP INTERVAL 25 M",
        "C 6 SAMPLE INTERNAL         SAMPLES/TRACE       BITS/IN      BYTES/SAMPLE",
        "C 7 RECORDING FORMAT        FORMAT THIS REEL        MEASUREMENT SYSTEM METERS",
        "C30 Trace start time/depth      : bytes 109-110",
        "C31 Number of samples per trace : bytes 115-116",
        "C32 Sample interval             : bytes 117-118",
        "C31 BYTES 189-192 :WATERDEPTH AT CDP    BYTES 193-196 : PRENMO DATUM CORR MS T",
        "C 9 Time min: -4502.00 max: -2.00 delta: 4500.00",
        "C 5 SAMPLE INTERVAL 4   MAX OFFSET 3000 M",
        "C 7 SAMPLE UNITS: M/S",
    ],
)
def test_other_depths_do_not(made, line):
    path = made(segy(values_of(5), text=(TEXT[:80] + line.ljust(80)).ljust(3200)))
    with open_traces(path) as file:
        assert (file.domain, file.dt) == ("time", 0.004)


def test_a_text_header_that_names_both_leaves_a_file_in_time(made):
    text = "C 1 DEPTH DOMAIN VELOCITIES".ljust(80) + "C 2 SAMPLE INTERVAL 4 MS".ljust(80)
    with open_traces(made(segy(values_of(5), text=text.ljust(3200)))) as file:
        assert file.domain == "time"


def test_trace_headers_tell_that_a_file_is_in_depth(made):
    assert "identification code 130" in notes_of(made(su(values_of(5), H_29=130), "line.su"))
    assert "identification code 25" in notes_of(made(segy(values_of(5), trace={"H_29": 25}, B_301=2)))
    text = "C 1 SAMPLE INTERVAL 4 MS".ljust(3200)
    assert "code 25" in notes_of(made(segy(values_of(5), text=text, trace={"H_29": 25}, B_301=2)))
    assert not notes_of(made(segy(values_of(5), trace={"H_29": 25})))


def test_the_caller_decides_about_time_and_depth(made):
    with open_traces(made(segy(values_of(5))), domain="depth", dt=0.004) as file:
        assert (file.domain, file.dt) == ("depth", None)
        assert "in depth and not in time, as given." in file.describe() and "is not used" in file.describe()
    with pytest.raises(ValueError, match="valid: time, depth"):
        open_traces(made(segy(values_of(5))), domain="frequency")


# --- SU


@pytest.mark.parametrize("order", "><")
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (4, 6), (3, 257), (2, 1028)])
def test_su_files_of_both_orders_are_read(made, tmp_path, order, shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = made(su(values, order), "line.su")
    with open_traces(path) as file:
        assert (file.shape, file.dt) == (shape, 0.004)
        assert ("little-endian" in file.describe()) == (order == "<")
    np.testing.assert_array_equal(all_of(path), values)
    assert copied(path, tmp_path / "out.su", -values).read_bytes() == su(-values, order)


# --- Arrays


@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", "f8", "i1", ">i2", "i4", "u2", "u8"])
@pytest.mark.parametrize("arrange", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6), (2, 1, 3, 6)])
def test_arrays_of_any_type_order_and_number_of_axes_are_read_and_copied(tmp_path, kind, arrange, shape):
    values = arrange((np.arange(math.prod(shape)) % 100).reshape(shape).astype(kind))
    path = tmp_path / "line.npy"
    np.save(path, values)
    with open_traces(path) as file:
        assert (file.shape, file.n_traces, file.n_samples, file.dt) == (shape, math.prod(shape[:-1]), 6, None)
        traces = file.read(0, file.n_traces)
        assert len(file.notes) == (len(shape) > 2)
    assert traces.dtype == (np.dtype(kind[-2:]) if "f" in kind else np.float64)
    np.testing.assert_array_equal(traces, values.reshape(-1, 6))
    assert copied(path, tmp_path / "same.npy", traces).read_bytes() == path.read_bytes()
    new = np.load(copied(path, tmp_path / "new.npy", traces[:1] + 0.75))
    assert new.dtype == values.dtype and np.isfortran(new) == np.isfortran(values)
    expected = traces + 0.75 * (np.arange(len(traces)) == 0)[:, None]
    np.testing.assert_array_equal(new.reshape(-1, 6), expected if "f" in kind else np.rint(expected))


def test_arrays_that_are_no_traces_are_refused_and_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    for values, words in (
        (np.array([Trap()], object), "pickled objects"),
        (np.ones((2, 3), complex), "complex numbers"),
        (np.array(["a"]), "type <U1"),
        (np.ones(3, bool), "type bool"),
        (np.array(3.0), "holds no trace"),
        (np.ones((0, 6)), "holds no trace"),
        (np.zeros(3, "f4,f4"), "values of the type"),
    ):
        np.save(tmp_path / "line.npy", values, allow_pickle=True)
        with pytest.raises(ValueError, match=words):
            open_traces(tmp_path / "line.npy")
    np.savez(tmp_path / "line.npz", values=np.array([Trap()], object), dt=np.array([Trap()], object))
    with pytest.raises(ValueError, match="pickled objects"):
        open_traces(tmp_path / "line.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_keeps_its_other_arrays(tmp_path, save):
    path, output = tmp_path / "line.npz", tmp_path / "out.npz"
    values, names = np.arange(24.0).reshape(4, 6), np.array(["a", "b"])
    save(path, x=np.arange(3), seismic=values, names=names, dt=0.002)
    with pytest.raises(ValueError, match="several arrays.*x, seismic, names"):
        open_traces(path)
    with pytest.raises(ValueError, match="no array 'y'; its arrays: x, seismic, names, dt"):
        open_traces(path, array="y")
    with open_traces(path, array="seismic") as file:
        assert file.dt == 0.002
        np.testing.assert_array_equal(file.read(1, 3), values[1:3])
        with file.copying(output) as copy:
            copy.write(1, -values[1:3])
    with np.load(output) as archive:
        assert archive.files == ["x", "seismic", "names", "dt"]
        np.testing.assert_array_equal(archive["seismic"][:, 0], [0, -6, -12, 18])
        np.testing.assert_array_equal(archive["names"], names)
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(output) as after:
        assert [member.compress_type for member in before.infolist()] == [
            member.compress_type for member in after.infolist()
        ]
    with open_traces(path, array="seismic") as file, file.copying(output) as copy:
        copy.write(0, file.read(0, 4))
    assert output.read_bytes() == path.read_bytes()


def test_one_array_beside_dt_needs_no_name(tmp_path):
    np.savez(tmp_path / "line.npz", amplitude=np.ones((2, 5), np.float32), dt=[0.001])
    with open_traces(tmp_path / "line.npz") as file:
        assert (file.shape, file.dt, file.kind) == ((2, 5), 0.001, "npz")
    np.savez(tmp_path / "odd.npz", amplitude=np.ones((2, 5), np.float32), dt="fast")
    with open_traces(tmp_path / "odd.npz", dt=0.004) as file:
        assert file.dt == 0.004
    np.savez(tmp_path / "long.npz", amplitude=np.ones((2, 5), np.float32), dt=4)
    assert "No interval" in notes_of(tmp_path / "long.npz")


def test_a_closed_file_can_be_closed_again(tmp_path):
    for name in ("line.sgy", "line.su", "line.npy", "line.npz"):
        with open_traces(write_traces(tmp_path / name, np.ones((2, 6)), 0.004)) as file:
            file.close()


def test_an_array_can_be_chosen_in_an_archive_alone(made):
    with pytest.raises(ValueError, match="in an .npz file"):
        open_traces(made(segy(values_of(5))), array="traces")


# --- Files that cannot be read


def test_a_file_that_was_cut_off_is_refused_with_what_is_left(made, tmp_path):
    content = segy(values_of(3), 3)
    with pytest.raises(ValueError, match="cut off.* after 3 whole traces of 6 samples 242 bytes remain"):
        open_traces(made(content[:-10]))
    with pytest.raises(ValueError, match="cut off.* after 3 whole traces of 6 samples 254 bytes remain"):
        open_traces(made(su(values_of(5))[:-10], "line.su"))
    np.save(tmp_path / "line.npy", values_of(5))
    with pytest.raises(ValueError, match=r"cut off: 10 bytes are missing of an array of shape \(4, 6\)"):
        open_traces(made((tmp_path / "line.npy").read_bytes()[:-10], "cut.npy"))
    np.savez(tmp_path / "line.npz", traces=values_of(5))
    with pytest.raises(ValueError, match="not an .npz file that can be read"):
        open_traces(made((tmp_path / "line.npz").read_bytes()[:-10], "cut.npz"))


@pytest.mark.parametrize("suffix", [".sgy", ".SEGY", ".su", ".npy", ".npz"])
@pytest.mark.parametrize("content", [b"", b"x", b"no traces at all, but words" * 300, bytes(5000)])
def test_what_is_no_file_of_its_kind_is_refused(made, suffix, content):
    path = made(content, f"line{suffix}")
    with pytest.raises(ValueError, match=r"line\.\w+ ") as error:
        open_traces(path)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_without_traces_is_refused(made):
    with pytest.raises(ValueError, match="holds no trace"):
        open_traces(made(segy(values_of(5))[:3600]))
    with pytest.raises(ValueError, match="none of its headers gives a number of samples"):
        open_traces(made(segy(values_of(5), H_21=0, trace={"H_115": 0})))
    with pytest.raises(ValueError, match="code of its sample format is 4; valid: 1, 2, 3, 5"):
        open_traces(made(segy(values_of(5), H_25=4)))


def test_names_folders_and_missing_files(made, tmp_path):
    for name in ("LINE.SGY", "line.SegY", "a.b.sgy"):
        assert all_of(made(segy(values_of(5)), name)).shape == (4, 6)
    (tmp_path / "folder.sgy").mkdir()
    for path, words in (
        (tmp_path / "folder.sgy", "is a folder"),
        (tmp_path / "missing.sgy", "does not exist"),
        (tmp_path / f"{'x' * 5000}.sgy", "does not exist"),
        (made(b"1,2,3", "line.csv"), "known kinds, which end with .sgy, .segy, .su, .npy, .npz"),
        (made(b"1,2,3", "line"), "known kinds"),
        (None, "path of a file"),
        ("a\0.sgy", "path of a file"),
    ):
        with pytest.raises(ValueError, match=words):
            open_traces(path)
    with pytest.raises(ValueError, match="dt must be a time of 0.0001 to 0.1 s, not 4"):
        open_traces(made(segy(values_of(5))), dt=4)


# --- Blocks


def test_blocks_give_all_traces_in_order(made):
    with open_traces(made(segy(values_of(5, 7)))) as file:
        blocks = list(file.blocks(3))
        assert [first for first, _ in blocks] == [0, 3, 6]
        np.testing.assert_array_equal(np.concatenate([traces for _, traces in blocks]), values_of(5, 7))
        for first, end in ((-1, 2), (0, 8), (3, 3), (4, 2), (0, 1.5)):
            with pytest.raises(ValueError, match="must be a whole number"):
                file.read(first, end)


@pytest.mark.parametrize("kind", ["sgy", "npy", "npz"])
def test_a_file_is_read_and_copied_in_the_memory_of_a_block(tmp_path, kind):
    n_traces, n_samples = 20000, 250  # 20 MB
    path = write_traces(tmp_path / f"line.{kind}", np.zeros((n_traces, n_samples), np.float32), 0.004)
    tracemalloc.start()
    with open_traces(path) as file, file.copying(tmp_path / f"out.{kind}") as copy:
        for first, traces in file.blocks(100):
            copy.write(first, traces + 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e6
    np.testing.assert_array_equal(all_of(tmp_path / f"out.{kind}")[[0, -1]], 1)


# --- Copies


def test_the_input_is_never_written_over(made, tmp_path, monkeypatch):
    path = made(segy(values_of(5)))
    os.symlink(path, tmp_path / "link.sgy")
    os.link(path, tmp_path / "hard.sgy")
    monkeypatch.chdir(tmp_path)
    with open_traces("line.sgy") as file:
        for output in (
            path,
            "line.sgy",
            "./line.sgy",
            tmp_path / "link.sgy",
            "hard.sgy",
            f"../{tmp_path.name}/line.sgy",
        ):
            with pytest.raises(ValueError, match="is the input itself"), file.copying(output):
                pass
    assert path.read_bytes() == segy(values_of(5))


def test_an_output_that_cannot_be_is_refused(made, tmp_path):
    (tmp_path / "folder.sgy").mkdir()
    with open_traces(made(segy(values_of(5)))) as file:
        for output, words in (
            (tmp_path / "out.su", "must end with .sgy or .segy or .npy"),
            (tmp_path / "out", "must end with"),
            (tmp_path / "missing" / "out.sgy", "cannot be written: No such"),
            (tmp_path / "line.sgy" / "out.sgy", "cannot be written"),
            (tmp_path / "folder.sgy", "is a folder"),
        ):
            with pytest.raises(ValueError, match=words), file.copying(output):
                pass
    assert sorted(os.listdir(tmp_path)) == ["folder.sgy", "line.sgy"]


def test_an_error_in_the_block_leaves_the_former_output(made, tmp_path):
    path, output = made(segy(values_of(5))), tmp_path / "out.sgy"
    output.write_bytes(b"former")
    with open_traces(path) as file:
        with contextlib.suppress(KeyboardInterrupt), file.copying(output) as copy:
            copy.write(0, np.ones((1, 6)))
            raise KeyboardInterrupt
        assert output.read_bytes() == b"former" and len(os.listdir(tmp_path)) == 2
        with file.copying(output) as copy:
            copy.write(1, np.ones((1, 6)))
            assert output.read_bytes() == b"former"
    np.testing.assert_array_equal(all_of(output)[[0, 2, 3]], values_of(5)[[0, 2, 3]])
    np.testing.assert_array_equal(all_of(output)[1], 1)


def test_traces_of_another_shape_are_not_written(made, tmp_path):
    with open_traces(made(segy(values_of(5)))) as file, file.copying(tmp_path / "out.sgy") as copy:
        for first, n_traces, words in ((0, 5, "do not fit"), (3, 2, "do not fit"), (-1, 1, "first must be a whole")):
            with pytest.raises(ValueError, match=words):
                copy.write(first, np.ones((n_traces, 6)))
        for traces in (np.ones(6), np.ones((1, 5)), np.ones((1, 6), complex), np.full((1, 6), "a")):
            with pytest.raises(ValueError, match=r"numbers \(n_traces, 6\)"):
                copy.write(0, traces)


@pytest.mark.parametrize("name", ["line.sgy", "line.su", "line.npz"])
def test_an_output_npy_is_a_new_array_with_nan_where_nothing_was_written(tmp_path, name):
    path = write_traces(tmp_path / name, np.ones((4, 6), np.int8), 0.004)
    velocity = np.full((2, 6), 3012.5)
    output = copied(path, tmp_path / "velocity.NPY", velocity, first=1)
    new = np.load(output)
    assert new.dtype == np.float32 and new.shape == (4, 6)
    np.testing.assert_array_equal(new[1:3], velocity)
    assert np.isnan(new[[0, 3]]).all()


# --- New files


@pytest.mark.parametrize("name", ["line.sgy", "line.SEGY", "line.su", "line.npz", "line.npy"])
def test_new_files_come_back(tmp_path, name):
    traces = np.random.default_rng(0).normal(size=(2500, 30)).astype(np.float32)
    traces[3], traces[4, 5] = 0, np.nan
    path = write_traces(tmp_path / name, traces, 0.0025)
    with open_traces(path) as file:
        assert file.dt == (None if name.endswith("npy") else 0.0025) and not file.notes
        np.testing.assert_array_equal(file.read(0, 2500), traces)


def test_segyio_reads_new_files(tmp_path):
    traces = np.random.default_rng(0).normal(size=(5, 3000)).astype(np.float32)
    with segyio.open(write_traces(tmp_path / "line.sgy", traces, 0.004), ignore_geometry=True) as file:
        np.testing.assert_array_equal(file.trace.raw[:], traces)
        assert segyio.dt(file) == 4000 and file.bin[segyio.BinField.SEGYRevision] == 1
        assert bytes(file.text[0]).startswith(b"C 1 Traces written by dataFiles.py")
        assert list(file.attributes(segyio.TraceField.TRACE_SEQUENCE_FILE)[:]) == [1, 2, 3, 4, 5]
    with segyio.su.open(write_traces(tmp_path / "line.su", traces, 0.004), ignore_geometry=True) as file:
        np.testing.assert_array_equal(file.trace.raw[:], traces)
        assert list(file.attributes(segyio.TraceField.TRACE_SAMPLE_INTERVAL)[:]) == [4000] * 5


@pytest.mark.parametrize(
    ("name", "traces", "dt", "words"),
    [
        ("a.sgy", np.ones((2, 6)), 0.0001234567, "whole number of at most 65535 microseconds"),
        ("a.su", np.ones((2, 6)), 0.09, "whole number of at most 65535 microseconds"),
        ("a.sgy", np.ones((1, 65536)), 0.004, "at most 65535 samples per trace, not 65536"),
        ("a.sgy", np.full((1, 6), 1e40), 0.004, "1e\\+40 cannot be written"),
        ("a.sgy", np.ones(6), 0.004, "shape \\(6,\\)"),
        ("a.npy", np.ones((2, 0)), 0.004, "shape \\(2, 0\\)"),
        ("a.npz", np.ones((2, 6), complex), 0.004, "complex128"),
        ("a.npz", np.ones((2, 6)), 4, "dt must be"),
        ("a.txt", np.ones((2, 6)), 0.004, "known kinds"),
        ("missing/a.npy", np.ones((2, 6)), 0.004, "cannot be written: No such"),
    ],
)
def test_what_a_new_file_cannot_hold_is_refused(tmp_path, name, traces, dt, words):
    with pytest.raises(ValueError, match=words):
        write_traces(tmp_path / name, traces, dt)
    assert not os.listdir(tmp_path)


# --- The command


def test_the_command_describes_a_file_or_ends_with_one_sentence(made, capsys):
    dataFiles.main([str(made(segy(values_of(1, 1), 1)))])
    printed = capsys.readouterr().out
    assert printed == (
        "line.sgy (SEG-Y) holds 1 trace of 6 samples, one every 4 ms (0.02 s long), in IBM floats of 32 bits.\n"
    )
    for arguments in ([str(made(b"", "empty.sgy"))], ["missing.npy"], [str(made(b"", "a.npy")), "--dt", "x"], []):
        with pytest.raises(SystemExit) as ended:
            dataFiles.main(arguments)
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


# --- Damaged files


def small_files(folder):
    """Small files of all kinds, formats and orders: (name, bytes, places of the bytes that decide most)."""
    for code in FORMATS:
        for order in "><":
            text = range(0, 3200, 160)
            yield f"{code}.sgy", segy(values_of(code), code, order), [*range(3200, 3230), *range(3600, 3840), *text]
    yield "2.sgy", segy(values_of(5), B_301=2, I_69=6, d_73=4000.0), [*range(3200, 3600)]
    for order in "><":
        yield "line.su", su(values_of(5), order), [*range(28, 30), *range(108, 118)]
    np.save(folder / "a.npy", values_of(5))
    yield "line.npy", (folder / "a.npy").read_bytes(), [*range(128)]
    for save in (np.savez, np.savez_compressed):
        save(folder / "a.npz", traces=values_of(5), dt=0.004)
        content = (folder / "a.npz").read_bytes()
        yield "line.npz", content, [*range(len(content))]


def damaged(rng, content, places):
    """A few bytes changed where it matters most, or anywhere, or the file cut off, or lengthened."""
    content, how = bytearray(content), rng.integers(5)
    if how == 0:
        return bytes(content[: rng.integers(len(content))])
    if how == 1:
        return bytes(content + rng.bytes(rng.integers(1, 600)))
    for place in rng.choice(places if how < 4 else len(content), rng.integers(1, 5)):
        content[place] = rng.choice([0, 1, 255, rng.integers(256)])
    return bytes(content)


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_file_is_read_or_refused_with_one_sentence(made, tmp_path, seed):
    rng, refused = np.random.default_rng(seed), 0
    for name, content, places in small_files(tmp_path):
        path, output = made(damaged(rng, content, places), name), tmp_path / f"out{Path(name).suffix}"
        output.unlink(missing_ok=True)
        try:
            with warnings.catch_warnings(action="error"), open_traces(path) as file:
                assert file.describe()
                with file.copying(output) as copy:
                    for first, traces in file.blocks(2):
                        assert traces.shape == (min(2, file.n_traces - first), file.n_samples)
                        copy.write(first, traces[::-1])
        except ValueError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1 and str(error)
            assert not output.exists()
        else:
            assert output.stat().st_size == path.stat().st_size or name.endswith("npz")
    assert 0 < refused < 32
