"""The picture of a blind trace: it is the trace of median error, and its curves and numbers are those of that trace."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_networks import small_config
from toys import DENOISING, INVERSION

import blindTest
from baseML import PRETRAINED, create_model
from dataPreProcessing import TraceProtocol
from evaluation.blind import blind_test, blind_traces
from evaluation.comparison import best_baseline
from evaluation.pictures import WINDOW, plot_median_trace

N_TRACES, PROTOCOL = 5, TraceProtocol(900)


def drawn(problem, net_type):
    """The pairs, the answers of an untrained network, and the Axes of its picture."""
    keras.utils.set_random_seed(3)
    networks = {"CNN_.._": create_model(small_config("CNN", net_type), PROTOCOL.n_samples)}
    rows = blind_test(problem, networks, N_TRACES, 0, PROTOCOL)
    figure = plot_median_trace(problem, networks, rows, 0, PROTOCOL)
    x, y = blind_traces(problem, N_TRACES, 0, PROTOCOL)
    errors = np.sqrt(np.mean((networks["CNN_.._"].predict_result(x) - y) ** 2, axis=1))
    median = int(np.argsort(errors)[N_TRACES // 2])
    best = best_baseline(problem, rows).name
    plt.close(figure)
    return figure, best, x[median], y[median], errors[median]


def test_the_picture_of_a_denoised_trace_shows_a_window_of_median_energy():
    figure, best, x, y, _ = drawn(DENOISING, "AE")
    above, truth = (ax.lines[0] for ax in figure.axes[:2])
    n_shown = round(WINDOW / PROTOCOL.dt)
    first = round(truth.get_xdata()[0] / PROTOCOL.dt)
    assert np.array_equal(truth.get_ydata(), y[first : first + n_shown])
    assert np.array_equal(above.get_ydata(), x[first : first + n_shown])
    energy = [np.sum(y[start : start + n_shown] ** 2) for start in range(len(y) - n_shown + 1)]
    assert energy[first] == pytest.approx(np.median(energy), rel=1e-6)
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == ["Truth", best, "Network"]
    assert "0.4 s of it" in figure.get_suptitle() and "median of 5 traces" in figure.get_suptitle()


def test_the_picture_of_velocities_shows_the_whole_trace_and_its_error():
    figure, _, _, y, error = drawn(INVERSION, "SEQ")
    assert np.array_equal(figure.axes[1].lines[0].get_ydata(), y)
    assert figure.axes[2].get_legend().get_texts()[-1].get_text().endswith(f"RMSE {error:.0f} ft/s")


def test_a_file_of_the_pretrained_network_beside_the_best_filter_is_written(tmp_path, capsys):
    path = tmp_path / "new" / "trace.png"
    model = str(PRETRAINED / "denoising_paper.keras")
    blindTest.main(["--model", model, "--traces", "6", "--samples", "600", "--picture", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG") and capsys.readouterr().out.endswith(f"Picture  {path}\n")
