"""What lies under a mask is no data: whatever takes traces refuses masked samples, and names the trace."""

import numpy as np
import pytest

import dataGeneration
import dataPlotting
import dataPreProcessing as dpp
import evaluation.baselines as cb
from dataFiles import open_traces, write_traces
from evaluation.field import mean_spectrum, neighbour_correlation
from evaluation.scores import AMPLITUDE_RMSE, score, trace_rmse
from traces.live import live_samples
from traces.noise import Gap, data_average, data_gaps, data_noise
from traces.own_wavelet import estimate_wavelet
from traces.resampling import resample
from traces.wavelets import wavelet_convolution

GAP = Gap(np.array([3, 3]), np.array([9, 9]))
REFERENCE = cb.InversionReference(0.001, 12_000.0, np.full(64, 12_000.0), 1.0, 1.0)
PLAIN = np.random.default_rng(0).standard_normal((2, 64))
TIME = np.arange(64) * 0.001
OF_TRACES = {
    **{name: lambda x, row=row: row.estimate(x, 0.001) for name, row in cb.DENOISING_BASELINES.items()
       if not row.knows_answer},
    "oracle_wiener": lambda x: cb.oracle_wiener(x, 0.001, PLAIN),
    "oracle_wiener's clean traces": lambda x: cb.oracle_wiener(PLAIN, 0.001, x),
    **{name: lambda x, row=row: row.estimate(x, REFERENCE) for name, row in cb.INVERSION_BASELINES.items()
       if row.can_run and row.takes(PLAIN)},
    "background_alone": lambda x: cb.background_alone(np.ma.stack([PLAIN, x + 9000], axis=-1), REFERENCE),
    "wavelet_spectrum": lambda x: cb.wavelet_spectrum(x, 0.001),
    "band_limited_impedance": lambda x: cb.band_limited_impedance(x, 0.001),
    "same_shape": lambda x: cb.same_shape(y=PLAIN, predicted=x),
    "trace_rmse": lambda x: trace_rmse(PLAIN, x),
    "score": lambda x: score([AMPLITUDE_RMSE], PLAIN, x),
    "transform_traces": lambda x: dpp.transform_traces(x, "SWT"),
    "cwt_coefficients": dpp.cwt_coefficients,
    "data_noise": data_noise,
    "data_gaps": lambda x: data_gaps(x, GAP),
    "data_average": lambda x: data_average(x, GAP),
    "wavelet_convolution": wavelet_convolution,
    "resample": lambda x: resample(x, 0.002, 0.001),
}  # fmt: skip
OF_CHANNELS = {
    "restore_traces": lambda x: dpp.restore_traces(x, "SWT"),
    "complex_coefficients": dpp.complex_coefficients,
}
OF_ONE_TRACE = {
    "normalize_data": lambda x: dpp.normalize_data(x, (0, 1)),
    "save_data": lambda x: dataGeneration.save_data(x, "nowhere", "VEL", 0),
    "plot_refl": lambda x: dataPlotting.plot_refl(TIME, {"x": x}),
    "plot_refl_compare": lambda x: dataPlotting.plot_refl_compare(TIME, PLAIN[0], x),
    "max_axis_value": dataPlotting.max_axis_value,
}


def masked(values):
    """The values with two samples masked, the first of them in the second trace where there are several."""
    mask = np.zeros(values.shape, bool)
    mask.reshape(-1, values.shape[-1])[-1, 5:7] = True
    return np.ma.array(values, mask=mask)


@pytest.mark.parametrize("function", OF_TRACES.values(), ids=OF_TRACES)
def test_masked_traces_are_refused(function):
    with pytest.raises(ValueError, match="must not be masked, but 2 samples are, the first in trace 1"):
        function(masked(PLAIN))
    function(np.ma.array(PLAIN))  # A mask that hides nothing does no harm.


@pytest.mark.parametrize("function", OF_CHANNELS.values(), ids=OF_CHANNELS)
def test_masked_channels_are_refused(function):
    with pytest.raises(ValueError, match="must not be masked, but 2 samples are"):
        function(masked(PLAIN.reshape(2, 8, 8)))


@pytest.mark.parametrize("function", OF_ONE_TRACE.values(), ids=OF_ONE_TRACE)
def test_a_masked_trace_is_refused(function):
    with pytest.raises(ValueError, match="must not be masked, but 2 samples are, the first in trace 0"):
        function(masked(PLAIN[0]))


@pytest.mark.parametrize("function", OF_TRACES.values(), ids=OF_TRACES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1j], ids=str)
def test_what_is_no_real_number_is_refused(function, wrong):
    traces = PLAIN * (1 + 0 * wrong) if np.iscomplexobj(wrong) else PLAIN.copy()
    traces[1, 5] = wrong
    with pytest.raises(ValueError, match="must be numbers|first in trace 1"):
        function(traces)


@pytest.mark.parametrize("name", ["neighbour_correlation", "mean_spectrum", "live_samples", "estimate", "new", "copy"])
def test_masked_traces_are_refused_where_others_may_be_missing(name, tmp_path):
    """These take traces that hold a NaN, or write them, but what lies under a mask is no data for them either."""
    path = write_traces(tmp_path / "line.sgy", PLAIN, 0.004)
    with pytest.raises(ValueError, match="must not be masked, but 2 samples are, the first in trace 1"):
        if name == "copy":
            with open_traces(path) as file, file.copying(tmp_path / "copy.sgy") as copy:
                copy.write(0, masked(PLAIN))
        else:
            {
                "neighbour_correlation": neighbour_correlation,
                "mean_spectrum": lambda x: mean_spectrum(x, 0.001),
                "live_samples": live_samples,
                "estimate": lambda x: estimate_wavelet(x, 0.001),
                "new": lambda x: write_traces(tmp_path / "copy.sgy", x, 0.004),
            }[name](masked(PLAIN))
    assert not (tmp_path / "copy.sgy").exists()
