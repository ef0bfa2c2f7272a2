"""dataPlotting, checked through what stands on the axes."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import dataPlotting
import plots.learning
import plots.style

NAMES = ("shale", "sandstone", "limestone", "dolomite", "anhydrite", "halite")
LAYERS = {
    "base_depth": [100.0, 250.0, 900.0],  # ft
    "lithology": [0, 5, 0],
    "velocity": [8000.0, 14500.0, 9000.0],  # ft/s
    "density": [2.2, 2.1, 2.3],  # g/cm3
    "impedance": [17600.0, 30450.0, 20700.0],  # ft/s g/cm3
}
TIME = np.arange(8) * 0.001  # s
TRACE = np.array([0.0, 0.5, -1.0, 0.0, 0.2, 0.0, -0.1, 0.0])
VELOCITY = 9000.0 + 1000.0 * np.arange(8)  # ft/s
FREQUENCY = np.geomspace(2, 120, 5)  # Hz
COEFFICIENTS = np.linspace(0.1, 1.0, 5) * np.exp(2j * np.pi * np.arange(8) / 8)[:, None]  # (n_samples, n_scales)
NOISY_COEFFICIENTS = COEFFICIENTS + (0.3 + 0.4j)
COMPONENTS = np.stack([TRACE, TRACE / 4], axis=1)  # (n_samples, n_components)
BANDS = ("A1: 0-62 Hz", "D1: 62-125 Hz")
CROSS = {
    "cross_velocity": np.full((2, 3), 9000.0),
    "cross_density": np.full((2, 3), 2.3),
    "cross_lithology": np.ones((2, 3), dtype=int),
}
BLOCKS = [
    ("InputLayer", "", "(None, 8, 1)", 0),
    ("Conv1D", "4 filters, kernel 3", "(None, 8, 4)", 16),
    ("Dense", "1 unit", "(None, 8, 1)", 5),
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def figure_of(name: str, **options):
    """One small picture of each function."""
    calls = {
        "plot_model": lambda: dataPlotting.plot_model(**LAYERS, lithology_names=NAMES, **options),
        "plot_xplot": lambda: dataPlotting.plot_xplot(
            LAYERS["velocity"], LAYERS["density"], LAYERS["lithology"], NAMES, **options
        ),
        "plot_refl": lambda: dataPlotting.plot_refl(TIME, {"Clean": TRACE, "Half": TRACE / 2}, **options),
        "plot_refl_compare": lambda: dataPlotting.plot_refl_compare(TIME, TRACE, TRACE + 0.3, **options),
        "plot_ae_predict_raw": lambda: dataPlotting.plot_ae_predict_raw(
            TIME, TRACE, VELOCITY, VELOCITY - 250.0, quantity="Velocity", unit="ft/s", **options
        ),
        "plot_network": lambda: dataPlotting.plot_network(BLOCKS, **options),
        "plot_earth_model_and_traces": lambda: dataPlotting.plot_earth_model_and_traces(
            **LAYERS, lithology_names=NAMES, time=TIME, traces={"Clean": TRACE, "Half": TRACE / 2}, **CROSS, **options
        ),
        "plot_cwt_real_imag": lambda: dataPlotting.plot_cwt_real_imag(TIME, FREQUENCY, COEFFICIENTS, **options),
        "plot_cwt_magn": lambda: dataPlotting.plot_cwt_magn(TIME, FREQUENCY, COEFFICIENTS, **options),
        "plot_cwt_magn_phase": lambda: dataPlotting.plot_cwt_magn_phase(TIME, FREQUENCY, COEFFICIENTS, **options),
        "plot_cwt_magn_predict": lambda: dataPlotting.plot_cwt_magn_predict(
            TIME, FREQUENCY, COEFFICIENTS, NOISY_COEFFICIENTS, **options
        ),
        "plot_mra": lambda: dataPlotting.plot_mra(TIME, TRACE, COMPONENTS, BANDS, **options),
        "plot_ae_mra_predict": lambda: dataPlotting.plot_ae_mra_predict(
            TIME, COMPONENTS, COMPONENTS + 0.1, BANDS, **options
        ),
    }
    return calls[name]()


CWT_PLOTS = ["plot_cwt_real_imag", "plot_cwt_magn", "plot_cwt_magn_phase"]
PLOTS = [
    "plot_model",
    "plot_xplot",
    "plot_refl",
    "plot_earth_model_and_traces",
    "plot_refl_compare",
    "plot_ae_predict_raw",
    *CWT_PLOTS,
    "plot_cwt_magn_predict",
    "plot_mra",
    "plot_ae_mra_predict",
    "plot_network",
]


def legend_texts(owner) -> list[str]:
    legend = owner.get_legend() if isinstance(owner, plt.Axes) else owner.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def headed(figure) -> dict:
    """The panels under their headings; colour bars have none."""
    return {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_title(loc="left")}


def images(figure) -> list:
    return [ax.collections[0] for ax in headed(figure).values() if ax.collections]


def colour_bar_labels(figure) -> list[str]:
    return [ax.get_ylabel() for ax in figure.axes if not ax.get_title(loc="left")]


def diagram_texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


# Sizes and limits


def test_font_sizes_come_back_and_nothing_global_changes():
    before = dict(plt.rcParams)
    assert dataPlotting.font_sizes_defaults(small=7)["xtick.labelsize"] == 7
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_leaves_the_global_style_alone(name):
    before = dict(plt.rcParams)
    figure_of(name)
    assert dict(plt.rcParams) == before


def test_a_figure_drawn_later_keeps_its_small_tick_labels():
    figure = figure_of("plot_refl_compare")
    figure.canvas.draw()
    assert {label.get_fontsize() for ax in figure.axes for label in ax.get_yticklabels()} == {8}


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [(([1, -3], [[2.0]]), 3.0), (([np.nan, -np.inf, 0.5],), 0.5), (([0, 0],), 1.0), (([],), 1.0), ((), 1.0)],
)
def test_max_axis_value_is_the_largest_finite_absolute_value(arrays, expected):
    assert dataPlotting.max_axis_value(*arrays) == expected


# What all share


def test_pictures_need_neither_keras_nor_optuna():
    code = "import sys, dataPlotting, dataGeneration; print({'keras', 'tensorflow', 'jax', 'optuna'} & {*sys.modules})"
    root = Path(dataPlotting.__file__).parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True).stdout == b"set()\n"


@pytest.mark.parametrize("name", PLOTS)
def test_help_shows_a_title_and_a_path(name):
    *_, title, save_path = inspect.signature(getattr(dataPlotting, name)).parameters.values()
    assert (title.name, title.default, save_path.name, save_path.default) == ("title", "", "save_path", None)


# Saving


@pytest.mark.parametrize("name", PLOTS)
def test_the_figure_is_saved_into_a_new_folder_and_returned(name, tmp_path):
    path = tmp_path / "Figs" / f"{name}.png"
    assert isinstance(figure_of(name, title="A title", save_path=path), plt.Figure)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_ending_chooses_the_format(tmp_path):
    path = tmp_path / "model.pdf"
    figure_of("plot_model", save_path=path)
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", PLOTS)
def test_the_title_stands_above(name):
    assert figure_of(name, title="Seed 3").get_suptitle() == "Seed 3"


# The layered model


def test_model_depth_runs_downwards_from_the_surface_in_every_track():
    assert [ax.get_ylim() for ax in figure_of("plot_model").axes] == [(900.0, 0.0)] * 4


def test_model_tracks_name_their_units():
    axes = figure_of("plot_model").axes
    assert axes[0].get_ylabel() == "Depth (ft)"
    assert [ax.get_xlabel() for ax in axes[1:]] == [
        "Velocity\n(ft/s)",
        "Density\n(g/cm³)",
        "Impedance\n(ft/s g/cm³)",
    ]


def test_model_legend_names_only_what_is_there():
    assert legend_texts(figure_of("plot_model")) == ["shale", "halite"]


def test_model_column_is_filled_and_hatched_over_the_whole_width():
    shale, halite = figure_of("plot_model").axes[0].containers
    assert [(bar.get_y(), bar.get_height(), bar.get_width()) for bar in shale] == [(0, 100, 1), (250, 650, 1)]
    assert halite[0].get_hatch() == dataPlotting.LITHOLOGY_STYLES["halite"].hatch


@pytest.mark.parametrize(("track", "log"), [(1, "velocity"), (2, "density"), (3, "impedance")])
def test_model_logs_step_at_the_layers_bases(track, log):
    (steps,) = figure_of("plot_model").axes[track].patches
    values, edges, _ = steps.get_data()
    assert list(values) == LAYERS[log]
    assert list(edges) == [0.0, 100.0, 250.0, 900.0]


def test_every_lithology_has_its_own_look():
    for looks in zip(*dataPlotting.LITHOLOGY_STYLES.values(), strict=True):
        assert len(set(looks)) == len(NAMES)


# The crossplot


def test_xplot_has_density_over_velocity_by_lithology():
    (ax,) = figure_of("plot_xplot").axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Velocity (ft/s)", "Density (g/cm³)")
    assert [points.get_offsets().tolist() for points in ax.collections] == [
        [[8000.0, 2.2], [9000.0, 2.3]],
        [[14500.0, 2.1]],
    ]


def test_xplot_legend_names_only_what_is_there():
    assert legend_texts(figure_of("plot_xplot")) == ["shale", "halite"]


def test_xplot_flattens_blocks_of_traces():
    block = np.ones((2, 3))
    figure = dataPlotting.plot_xplot(block, block, block.astype(int), NAMES)
    assert len(figure.axes[0].collections[0].get_offsets()) == 6


# Wiggles


def test_refl_time_runs_downwards_in_every_track():
    assert [ax.get_ylim() for ax in figure_of("plot_refl").axes] == [pytest.approx((0.007, 0.0))] * 2


def test_refl_amplitude_limits_are_symmetric_for_each_trace():
    limits = [ax.get_xlim() for ax in figure_of("plot_refl").axes]
    assert limits == [pytest.approx((-1.05, 1.05)), pytest.approx((-0.525, 0.525))]


def test_refl_tracks_have_names_and_units():
    axes = figure_of("plot_refl").axes
    assert [ax.get_title() for ax in axes] == ["Clean", "Half"]
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("Amplitude", "Two-way time (s)")


def test_refl_fills_positive_lobes_only():
    (lobes,) = figure_of("plot_refl").axes[0].collections
    amplitudes = np.concatenate([path.vertices[:, 0] for path in lobes.get_paths()])
    assert (amplitudes.min(), amplitudes.max()) == (0.0, 0.5)


# Comparisons


def test_compare_draws_prediction_minus_actual():
    below = figure_of("plot_refl_compare").axes[1]
    np.testing.assert_allclose(below.get_lines()[0].get_ydata(), 0.3)


def test_compare_legend_holds_the_rmse():
    assert legend_texts(figure_of("plot_refl_compare").axes[1]) == ["Predicted − Actual: RMSE 0.3"]


def test_compare_difference_limits_are_symmetric():
    assert figure_of("plot_refl_compare").axes[1].get_ylim() == pytest.approx((-0.315, 0.315))


def test_compare_limits_are_symmetric_for_amplitudes():
    low, high = figure_of("plot_refl_compare").axes[0].get_ylim()
    assert low == -high


def test_compare_limits_follow_velocities():
    figure = dataPlotting.plot_refl_compare(TIME, VELOCITY, VELOCITY, quantity="Velocity", unit="ft/s")
    assert figure.axes[0].get_ylim()[0] > 5000


def test_compare_axes_name_their_units():
    figure = dataPlotting.plot_refl_compare(TIME, VELOCITY, VELOCITY, quantity="Velocity", unit="ft/s")
    above, below = figure.axes
    assert above.get_ylabel() == "Velocity (ft/s)"
    assert (below.get_xlabel(), below.get_ylabel()) == ("Two-way time (s)", "Difference (ft/s)")


def test_compare_takes_several_predictions_by_name():
    predicted = {"Grid Search": VELOCITY + 2200.4, "Optuna": VELOCITY - 12.0}
    above, below = dataPlotting.plot_refl_compare(TIME, VELOCITY, predicted, unit="ft/s").axes
    assert legend_texts(above) == ["Actual", "Grid Search", "Optuna"]
    assert legend_texts(below) == [
        "Grid Search − Actual: RMSE 2200 ft/s",
        "Optuna − Actual: RMSE 12 ft/s",
    ]


@pytest.mark.parametrize(
    ("error", "words"), [(0.1, ",\nenlarged 10 times"), (0.3, ",\nenlarged 3.3 times"), (1.0, ""), (0.0, "")]
)
def test_compare_says_how_much_the_differences_are_enlarged(error, words):
    trace = np.where(np.arange(TIME.size) % 2, 1.0, -1.0)
    above, below = dataPlotting.plot_refl_compare(TIME, trace, trace * (1 - error)).axes
    assert below.get_ylabel() == f"Difference{words}"
    enlarged = np.ptp(above.get_ylim()) / np.ptp(below.get_ylim())
    assert not words or f"{enlarged:.2g}" in words


def test_compare_hides_no_small_error_behind_a_large_one():
    predicted = {"good": VELOCITY + 12.0, "bad": VELOCITY + 2000.0, "fair": VELOCITY - 100.0}
    for ax in dataPlotting.plot_refl_compare(TIME, VELOCITY, predicted).axes:
        order = sorted((line for line in ax.get_lines() if line.get_zorder() > 2), key=lambda line: line.get_zorder())
        assert [line.get_label().split(" ")[0] for line in order] == ["bad", "fair", "good"]


def test_compare_takes_other_labels():
    figure = dataPlotting.plot_refl_compare(TIME, TRACE, TRACE, labels=("Clean", "Denoised"))
    assert legend_texts(figure.axes[0]) == ["Clean", "Denoised"]


def test_predict_raw_shows_input_prediction_and_difference():
    panels = figure_of("plot_ae_predict_raw").axes
    labels = [ax.get_ylabel() for ax in panels]
    assert labels == ["Amplitude", "Velocity (ft/s)", "Difference (ft/s),\nenlarged 15 times"]
    assert [legend_texts(ax) for ax in panels] == [
        ["Noisy trace"],
        ["Actual", "Predicted"],
        ["Predicted − Actual: RMSE 250 ft/s"],
    ]


def test_predict_raw_input_limits_are_symmetric():
    assert figure_of("plot_ae_predict_raw").axes[0].get_ylim() == pytest.approx((-1.05, 1.05))


# Predictions that are not traces


THICKNESS = np.array([[40.0, 10.0], [80.0, 30.0], [120.0, 20.0]])  # (n_traces, n_values), ft


def scatter(predictions, **options):
    ax = plt.figure().subplots()
    dataPlotting.draw_actual_predicted(ax, THICKNESS, predictions, "Actual", "Thickness", "ft", **options)
    return ax


def test_predicted_values_stand_over_actual_ones():
    points = scatter({"Grid Search": THICKNESS + 3, "Optuna": THICKNESS}).collections
    np.testing.assert_array_equal(points[0].get_offsets(), np.stack([THICKNESS, THICKNESS + 3], axis=-1).reshape(-1, 2))
    assert len(points) == 2


def test_the_legend_of_values_holds_each_rmse():
    ax = scatter({"Grid Search": THICKNESS + [3, -3], "Optuna": THICKNESS})
    assert legend_texts(ax) == ["1:1 line", "Grid Search: RMSE 3 ft", "Optuna: RMSE 0 ft"]


def test_both_axes_of_values_have_one_range_with_their_unit():
    ax = scatter({"Optuna": THICKNESS - 300})
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_xlim()[0] < -290 and ax.get_xlim()[1] > 120
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Actual: Thickness (ft)", "Predicted: Thickness (ft)")


def test_the_range_of_values_need_not_hold_zero():
    figure, ax = plt.subplots()
    dataPlotting.draw_actual_predicted(ax, VELOCITY, {"Optuna": VELOCITY}, "Actual", "Velocity", "ft/s")
    assert ax.get_xlim()[0] > 8000


def test_equal_values_lie_on_the_line():
    (line,) = scatter({"Optuna": THICKNESS}).get_lines()
    assert line.get_slope() == 1.0 and line.get_xy1() == (40.0, 40.0)


def test_predicted_values_take_their_colours_by_name():
    ax = scatter({"Optuna": THICKNESS, "Grid Search": THICKNESS}, colours={"Optuna": dataPlotting.COLOURS["green"]})
    first, second = (matplotlib.colors.to_hex(points.get_facecolor()[0]).upper() for points in ax.collections)
    assert (first, second) == (dataPlotting.COLOURS["green"], dataPlotting.PREDICTION_COLOURS[1])


def test_one_value_per_trace_can_be_drawn():
    figure, ax = plt.subplots()
    dataPlotting.draw_actual_predicted(ax, [5.0, 5.0], {"Optuna": [5.0, 5.0]}, "Actual", "Q", "")
    figure.canvas.draw()
    assert (ax.get_xlabel(), legend_texts(ax)) == ("Actual: Q", ["1:1 line", "Optuna: RMSE 0"])


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ({"Optuna": THICKNESS.T}, r"actual \(3, 2\), prediction 'Optuna' \(2, 3\)"),
        ({}, r"prediction \(0,\)"),
        ({"Optuna": THICKNESS.astype(str)}, "prediction 'Optuna' needs numbers"),
    ],
)
def test_predicted_values_that_do_not_fit_are_refused(predictions, message):
    with pytest.raises(ValueError, match=message):
        scatter(predictions)


# Model, crossplot and traces on one page


def test_the_page_has_three_marked_panels():
    above, traces = figure_of("plot_earth_model_and_traces").subfigs
    assert [panel.get_suptitle() for panel in (*above.subfigs, traces)] == ["(a)", "(b)", "(c)"]


def test_the_page_shows_model_crossplot_and_traces():
    above, traces = figure_of("plot_earth_model_and_traces").subfigs
    tracks, crossplot = above.subfigs
    assert [ax.get_ylim() for ax in tracks.axes] == [(900.0, 0.0)] * 4
    assert crossplot.axes[0].collections[0].get_offsets().tolist() == [[9000.0, 2.3]] * 6
    assert [line.get_ydata().tolist() for ax in traces.axes for line in ax.get_lines()] == [
        TRACE.tolist(),
        (TRACE / 2).tolist(),
    ]
    assert (legend_texts(tracks), legend_texts(crossplot)) == (["shale", "halite"], ["sandstone"])


def test_the_pages_traces_have_names_units_and_symmetric_limits():
    _, traces = figure_of("plot_earth_model_and_traces").subfigs
    assert list(headed(traces)) == ["Clean", "Half"]
    assert (traces.get_supylabel(), traces.axes[-1].get_xlabel()) == ("Amplitude", "Two-way time (s)")
    assert [ax.get_ylim() for ax in traces.axes] == [pytest.approx((-1.05, 1.05)), pytest.approx((-0.525, 0.525))]


# Continuous wavelet transforms


@pytest.mark.parametrize("name", CWT_PLOTS)
def test_cwt_shows_the_trace_if_there_is_one(name):
    without, trace = headed(figure_of(name)), headed(figure_of(name, trace=TRACE))
    assert list(trace) == ["Trace", *without]
    np.testing.assert_array_equal(trace["Trace"].get_lines()[0].get_ydata(), TRACE)
    assert trace["Trace"].get_ylim() == pytest.approx((-1.05, 1.05))


@pytest.mark.parametrize("step", [1, -1])
def test_cwt_cells_stand_at_their_time_and_frequency(step):
    figure = dataPlotting.plot_cwt_magn(TIME, FREQUENCY[::step], COEFFICIENTS[:, ::step])
    (image,), (ax, _) = images(figure), figure.axes
    times, frequencies = np.moveaxis(np.asarray(image.get_coordinates()), -1, 0)
    np.testing.assert_allclose(times[0, :-1] + 0.0005, TIME)
    np.testing.assert_allclose(np.sqrt(frequencies[1:, 0] * frequencies[:-1, 0]), FREQUENCY[::step])
    np.testing.assert_allclose(image.get_array().T, np.abs(COEFFICIENTS[:, ::step]))
    assert ax.get_ylim() == pytest.approx((frequencies.min(), frequencies.max()))


def tick_labels(ax) -> list[str]:
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    return [label.get_text() for value, label in ticks if low <= value <= high]


def test_cwt_frequencies_are_logarithmic_with_plain_numbers():
    ax = figure_of("plot_cwt_magn").axes[0]
    assert ax.get_yscale() == "log"
    assert tick_labels(ax) == ["2", "5", "10", "20", "50", "100", "200"]


@pytest.mark.parametrize("band", [(22, 45), (51, 99), (30, 31)])
def test_a_narrow_band_has_frequencies_on_its_axis_too(band):
    figure = dataPlotting.plot_cwt_magn(TIME, np.linspace(*band, 5), COEFFICIENTS)
    assert len(tick_labels(figure.axes[0])) >= 2


@pytest.mark.parametrize("name", [*CWT_PLOTS, "plot_cwt_magn_predict"])
def test_cwt_axes_name_their_units(name):
    panels = list(headed(figure_of(name)).values())
    assert {ax.get_ylabel() for ax in panels} == {"Frequency (Hz)"}
    assert [ax.get_xlabel() for ax in panels][-1] == "Two-way time (s)"


def test_cwt_parts_share_one_symmetric_scale():
    figure = figure_of("plot_cwt_real_imag")
    assert list(headed(figure)) == ["Real part", "Imaginary part"]
    real, imaginary = images(figure)
    np.testing.assert_allclose(real.get_array().T, COEFFICIENTS.real)
    np.testing.assert_allclose(imaginary.get_array().T, COEFFICIENTS.imag)
    assert real.get_clim() == imaginary.get_clim() == pytest.approx((-1.0, 1.0))
    assert colour_bar_labels(figure) == ["Amplitude"]


def test_cwt_magnitude_begins_at_zero():
    figure = figure_of("plot_cwt_magn")
    assert images(figure)[0].get_clim() == pytest.approx((0.0, 1.0))
    assert colour_bar_labels(figure) == ["Magnitude"]


def test_cwt_phase_is_a_whole_turn():
    figure = figure_of("plot_cwt_magn_phase")
    magnitude, phase = images(figure)
    np.testing.assert_allclose(magnitude.get_array().T, np.abs(COEFFICIENTS))
    np.testing.assert_allclose(phase.get_array().T, np.angle(COEFFICIENTS))
    assert phase.get_clim() == (-np.pi, np.pi)
    assert phase.cmap(0.0) == pytest.approx(phase.cmap(1.0), abs=0.01)
    assert colour_bar_labels(figure) == ["Magnitude", "Phase (rad)"]
    assert [label.get_text() for label in figure.axes[-1].get_yticklabels()] == ["−π", "−π/2", "0", "π/2", "π"]


def test_cwt_prediction_shares_the_scale_and_the_difference_has_its_own():
    figure = figure_of("plot_cwt_magn_predict")
    actual, predicted, difference = images(figure)
    np.testing.assert_allclose(predicted.get_array().T, np.abs(NOISY_COEFFICIENTS))
    np.testing.assert_allclose(difference.get_array(), 0.5)
    assert actual.get_clim() == predicted.get_clim() == pytest.approx((0.0, np.abs(NOISY_COEFFICIENTS).max()))
    assert difference.get_clim() == pytest.approx((0.0, 0.5))
    assert colour_bar_labels(figure) == ["Magnitude", "Magnitude"]


def test_cwt_prediction_names_the_rmse_of_the_complex_difference():
    assert list(headed(figure_of("plot_cwt_magn_predict")))[-1] == "|Predicted − Actual|: RMSE 0.5"


def test_a_transform_of_nothing_is_drawn():
    figure = dataPlotting.plot_cwt_real_imag(TIME, FREQUENCY, 0 * COEFFICIENTS)
    assert images(figure)[0].get_clim() == (-1.0, 1.0)


# Multiresolution analysis


def test_mra_shows_the_trace_and_each_component():
    panels = headed(figure_of("plot_mra"))
    assert list(panels) == ["Trace", *BANDS]
    drawn = [ax.get_lines()[0].get_ydata() for ax in panels.values()]
    np.testing.assert_array_equal(drawn, [TRACE, *COMPONENTS.T])


def test_mra_amplitudes_compare():
    assert [ax.get_ylim() for ax in figure_of("plot_mra").axes] == [pytest.approx((-1.05, 1.05))] * 3


@pytest.mark.parametrize("name", ["plot_mra", "plot_ae_mra_predict"])
def test_mra_axes_name_their_units(name):
    figure = figure_of(name)
    assert (figure.get_supylabel(), figure.axes[-1].get_xlabel()) == ("Amplitude", "Two-way time (s)")
    assert figure.axes[0].get_xlim() == pytest.approx((0.0, 0.007))


def test_mra_prediction_lies_over_the_actual_component():
    panels = headed(figure_of("plot_ae_mra_predict"))
    assert list(panels) == list(BANDS)
    for ax, component in zip(panels.values(), COMPONENTS.T, strict=True):
        np.testing.assert_allclose([line.get_ydata() for line in ax.get_lines()], [component, component + 0.1])
        assert legend_texts(ax) == ["Actual", "Predicted: RMSE 0.1"]


def test_mra_prediction_shows_weak_components():
    limits = [ax.get_ylim() for ax in figure_of("plot_ae_mra_predict").axes]
    assert limits == [pytest.approx((-1.05, 1.05)), pytest.approx((-0.2625, 0.2625))]


def test_mra_names_may_repeat():
    figure = dataPlotting.plot_mra(TIME, TRACE, COMPONENTS, ("Trace", "Trace"))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Trace"] * 3


# The network


def assert_names_every_layer_and_the_total(figure):
    texts = diagram_texts(figure)
    for expected in (
        "InputLayer",
        "4 filters",
        "kernel 3",
        "(None, 8, 4)",
        "16 parameters",
        "no parameters",
        "Total parameters: 21",
    ):
        assert expected in texts


def test_network_names_every_layer_and_the_total():
    assert_names_every_layer_and_the_total(figure_of("plot_network"))


def assert_boxes_hold(boxes, texts):
    """Each box has as many of the texts, one after the other, and none leaves its box."""
    assert len(texts) % len(boxes) == 0
    for i, text in enumerate(texts):
        box = boxes[i * len(boxes) // len(texts)]
        assert box.x0 <= text.x0 and text.x1 <= box.x1 and box.y0 <= text.y0 and text.y1 <= box.y1


@pytest.mark.parametrize("n_details", [0, 1, 3, 6, 12])
@pytest.mark.parametrize("n_blocks", [1, 3, 20])
def test_network_texts_stay_inside_their_boxes(n_blocks, n_details):
    block = ("BatchNormalization", "a detail of the layer, " * n_details, "(None, 4096, 3824)", 12_345_678)
    figure = dataPlotting.plot_network([block] * n_blocks, title="Deep")
    figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches if isinstance(patch, plt.Rectangle)]
    *extents, total = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == n_blocks and len(extents) == 2 * n_blocks
    assert_boxes_hold(boxes, extents)
    assert 0 <= total.y0 and total.y1 <= boxes[-1].y0


def flow(n_blocks: int, **options):
    """A panel of the advised size with the flow of a network."""
    block = ("Conv1DTranspose", "filters 64, kernel 12, dilations [1, 2, 4, 8, 16, 32], activation swish")
    size = dataPlotting.PAGE_WIDTH, dataPlotting.flow_height(n_blocks)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    dataPlotting.draw_network_flow(ax, [(*block, "(4096, 3824)", 12_345_678)] * n_blocks, **options)
    figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in ax.patches if isinstance(patch, plt.Rectangle)]
    return figure, ax, boxes


def test_flow_names_every_layer_and_the_total():
    figure, ax = plt.subplots()
    dataPlotting.draw_network_flow(ax, BLOCKS)
    assert_names_every_layer_and_the_total(figure)


@pytest.mark.parametrize("n_blocks", [1, 4, 6, 7, 12, 15])
def test_flow_texts_stay_inside_their_boxes(n_blocks):
    _, ax, boxes = flow(n_blocks)
    extents = [text.get_window_extent() for text in ax.texts][:-1]
    assert len(boxes) == n_blocks and len(extents) == 2 * n_blocks
    assert_boxes_hold(boxes, extents)


@pytest.mark.parametrize("n_blocks", [1, 12])
def test_flow_stays_inside_its_panel(n_blocks):
    figure, ax, _ = flow(n_blocks)
    low, high = figure.bbox.extents[:2], figure.bbox.extents[2:]
    for artist in (*ax.patches, *ax.texts):
        extent = artist.get_window_extent()
        assert np.all(low <= extent.min) and np.all(extent.max <= high)


@pytest.mark.parametrize(
    ("n_blocks", "n_columns", "rows"), [(1, 6, [1]), (6, 6, [6]), (7, 6, [4, 3]), (12, 6, [6, 6]), (4, 2, [2, 2])]
)
def test_flow_runs_from_left_to_right_and_row_by_row(n_blocks, n_columns, rows):
    _, ax, boxes = flow(n_blocks, n_columns=n_columns)
    assert [(-box.y0, box.x0) for box in boxes] == sorted((-box.y0, box.x0) for box in boxes)
    tops = np.round([box.y1 for box in boxes])
    assert [np.count_nonzero(tops == top) for top in sorted(set(tops), reverse=True)] == rows
    assert len(ax.patches) == n_blocks + n_blocks - 1  # an arrow between each two


def test_flow_arrows_lead_from_box_to_box():
    _, ax, boxes = flow(7)
    arrows = [patch for patch in ax.patches if not isinstance(patch, plt.Rectangle)]
    for arrow, before, after in zip(arrows, boxes[:-1], boxes[1:], strict=True):
        start, *_, end = ax.transData.transform(arrow._path_original.vertices)
        assert before.padded(1).contains(*start) and after.padded(1).contains(*end)


def test_flow_text_has_its_size():
    _, ax, _ = flow(3, font_size=5.0)
    assert {text.get_fontsize() for text in ax.texts} == {5.0}


# Bad input


def test_different_lengths_are_named():
    with pytest.raises(ValueError, match=r"time \(8,\), actual \(7,\), prediction 'Predicted' \(8,\)"):
        dataPlotting.plot_refl_compare(TIME, TRACE[1:], TRACE)


def test_empty_arrays_are_refused():
    with pytest.raises(ValueError, match="at least one value"):
        dataPlotting.plot_ae_predict_raw([], [], [], [])


def test_no_trace_is_refused():
    with pytest.raises(ValueError, match=r"trace \(0,\)"):
        dataPlotting.plot_refl(TIME, {})


def test_traces_need_one_dimension():
    with pytest.raises(ValueError, match="of 1 dimension"):
        dataPlotting.plot_refl_compare(TIME[:, None], TRACE[:, None], TRACE[:, None])


def test_an_unknown_code_is_named_with_the_valid_ones():
    with pytest.raises(ValueError, match="code 6; valid are {0: 'shale'"):
        dataPlotting.plot_model(**LAYERS | {"lithology": [0, 6, 1]}, lithology_names=NAMES)


def test_further_lithologies_have_a_look_of_their_own():
    names = [*NAMES, *(f"rock {number}" for number in range(30))]
    styles = plots.style.lithology_styles(names)
    assert len(set(styles.values())) == len(names)
    assert {name: styles[name] for name in NAMES} == dataPlotting.LITHOLOGY_STYLES
    figure = dataPlotting.plot_xplot([1.0, 2.0], [1.0, 2.0], [0, 7], names)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["shale", "rock 1"]


def test_depths_have_to_increase():
    with pytest.raises(ValueError, match="increase"):
        dataPlotting.plot_model(**LAYERS | {"base_depth": [100.0, 100.0, 900.0]}, lithology_names=NAMES)


def test_a_network_without_blocks_is_refused():
    with pytest.raises(ValueError, match="blocks needs a list of at least one .*, got \\[\\]"):
        dataPlotting.plot_network([])
    with pytest.raises(ValueError, match="blocks needs a list of at least one"):
        dataPlotting.draw_network_flow(plt.figure().subplots(), [])


def test_a_flow_needs_a_column():
    with pytest.raises(ValueError, match="n_columns must be a whole number of at least 1, not 0"):
        dataPlotting.draw_network_flow(plt.figure().subplots(), BLOCKS, n_columns=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": TIME[::-1]}, "time needs at least two values, which increase throughout, got"),
        ({"time": TIME[:1], "coefficients": COEFFICIENTS[:1]}, "time needs at least two values"),
        ({"time": TIME[:, None]}, r"time needs the shape \(8,\), got \(8, 1\)"),
        ({"frequency": FREQUENCY[:1], "coefficients": COEFFICIENTS[:, :1]}, "frequency needs at least two values"),
        ({"frequency": [2.0, 5.0, 5.0, 9.0, 12.0]}, "frequency needs .* which increase or decrease throughout"),
        ({"frequency": FREQUENCY - 2.0}, "frequency needs values above 0 Hz, got 0.0"),
        ({"frequency": [2.0, 3.0, 4.0, 5.0, np.inf]}, "frequency needs finite values"),
        ({"coefficients": COEFFICIENTS.T}, r"coefficients needs the shape \(8, 5\), got \(5, 8\)"),
        ({"coefficients": COEFFICIENTS * np.nan}, "coefficients needs finite values, got 40 of 40 that are NaN"),
        ({"trace": TRACE[1:]}, r"trace needs the shape \(8,\), got \(7,\)"),
    ],
)
@pytest.mark.parametrize("name", CWT_PLOTS)
def test_cwt_names_what_is_wrong(name, change, message):
    arrays = {"time": TIME, "frequency": FREQUENCY, "coefficients": COEFFICIENTS} | change
    with pytest.raises(ValueError, match=message):
        getattr(dataPlotting, name)(**arrays)
    assert plt.get_fignums() == []


def test_a_cwt_prediction_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="predicted needs finite values"):
        dataPlotting.plot_cwt_magn_predict(TIME, FREQUENCY, COEFFICIENTS, COEFFICIENTS + np.inf)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": BANDS[:1]}, r"components needs the shape \(8, 1\), got \(8, 2\)"),
        ({"names": (), "components": COMPONENTS[:, :0]}, "names is empty"),
        ({"trace": TRACE[1:]}, r"trace needs the shape \(8,\)"),
        ({"time": np.zeros(8)}, "time needs at least two values, which increase"),
        ({"components": COMPONENTS + np.nan}, "components needs finite values"),
    ],
)
def test_mra_names_what_is_wrong(change, message):
    arrays = {"time": TIME, "trace": TRACE, "components": COMPONENTS, "names": BANDS} | change
    with pytest.raises(ValueError, match=message):
        dataPlotting.plot_mra(**arrays)


def test_an_mra_prediction_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"predicted needs the shape \(8, 2\), got \(7, 2\)"):
        dataPlotting.plot_ae_mra_predict(TIME, COMPONENTS, COMPONENTS[1:], BANDS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cross_density": [2.3]}, r"cross_density \(1,\)"),
        ({"cross_lithology": np.full((2, 3), 6)}, "lithology code 6"),
        ({"traces": {}}, r"trace \(0,\)"),
        ({"density": [2.2]}, r"density \(1,\)"),
    ],
)
def test_the_page_names_what_is_wrong(change, message):
    arrays = LAYERS | {"lithology_names": NAMES, "time": TIME, "traces": {"Clean": TRACE}} | CROSS | change
    with pytest.raises(ValueError, match=message):
        dataPlotting.plot_earth_model_and_traces(**arrays)


# The progress of a training


def fit(*callbacks, **options):
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    x = np.ones((4, 4, 1), dtype="float32")
    model.fit(x, 2 * x, epochs=2, verbose=0, callbacks=list(callbacks), **options)


def test_learning_is_drawn_through_a_real_fit(tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "new" / "learning.png")
    fit(callback, validation_split=0.5)
    assert callback.history["epoch"] == [1, 2]
    assert callback.history["learning_rate"] == pytest.approx([0.01, 0.01])
    assert np.all(np.isfinite([callback.history["loss"], callback.history["val_loss"]]))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["learning.png"]


def test_learning_follows_a_fit_whose_learning_rate_changes(tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    fit(callback, keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert callback.history["learning_rate"] == pytest.approx([0.005, 0.0025])


def test_learning_keeps_the_format_and_leaves_no_figure_open(tmp_path):
    fit(dataPlotting.PlotLearning(tmp_path / "learning.pdf"))
    assert (tmp_path / "learning.pdf").read_bytes().startswith(b"%PDF")
    assert plt.get_fignums() == []


def test_learning_works_without_validation(tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    fit(callback)
    assert np.all(np.isnan(callback.history["val_loss"]))


def test_a_second_fit_starts_a_new_history(tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    fit(callback)
    fit(callback)
    assert callback.history["epoch"] == [1, 2]


@pytest.mark.parametrize(("lowest", "scale"), [(0.1, "log"), (-0.1, "linear")])
def test_losses_are_logarithmic_if_all_are_positive(lowest, scale, monkeypatch, tmp_path):
    figures = []
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    monkeypatch.setattr(callback, "_refresh", figures.append)
    callback.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    callback.model.compile(optimizer="adam", loss="mse")
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 0.5, "val_loss": lowest})
    assert figures[0].axes[0].get_yscale() == scale
    assert legend_texts(figures[0].axes[0]) == ["training", "validation"]


def test_a_viewer_that_holds_the_file_does_not_stop_the_training(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(target)

    monkeypatch.setattr(os, "replace", refuse)
    fit(dataPlotting.PlotLearning(tmp_path / "learning.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_drawing_leaves_the_last_picture_whole(tmp_path, monkeypatch):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    fit(callback)
    whole = callback.save_path.read_bytes()

    def half(fig, path, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(plt.Figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        fit(callback)
    assert callback.save_path.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["learning.png"]


# The same, live


def learn(callback, n_epochs=2):
    """What a fit calls, without the fit."""
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.01)))
    callback.on_train_begin()
    for epoch in range(n_epochs):
        callback.on_epoch_end(epoch, {"loss": 0.5 / (epoch + 1)})


@pytest.fixture
def notebook(monkeypatch):
    """IPython with a kernel; gives the list of what was displayed."""
    displayed = []
    shell = SimpleNamespace(kernel="a kernel")
    modules = {
        "IPython": SimpleNamespace(get_ipython=lambda: shell, version_info=(9, 0)),  # Matplotlib asks for its version
        "IPython.display": SimpleNamespace(Image=bytes, display=lambda *args, **how: displayed.append((*args, how))),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return displayed


@pytest.fixture
def window(monkeypatch):
    """A backend with windows; gives the list of what was done to them."""
    done = []
    windows = SimpleNamespace(resolve_backend=lambda backend: (backend, "tk"))
    monkeypatch.setattr(plots.learning, "backend_registry", windows)
    monkeypatch.setattr(matplotlib.backend_bases.FigureManagerBase, "show", lambda self: done.append("shown"))
    monkeypatch.setattr(matplotlib.backend_bases.FigureCanvasBase, "flush_events", lambda self: done.append("drawn"))
    return done


def test_a_notebook_shows_one_picture_that_changes(notebook, tmp_path):
    learn(dataPlotting.PlotLearning(tmp_path / "learning.pdf"))
    assert all(picture.startswith(b"\x89PNG") for picture, _ in notebook)
    assert len({how["display_id"] for _, how in notebook}) == 1
    assert [how["update"] for _, how in notebook] == [False, True]
    assert plt.get_fignums() == []


def test_a_second_fit_in_a_notebook_leaves_the_first_ones_picture(notebook, tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    learn(callback, 1)
    learn(callback, 1)
    assert len({how["display_id"] for _, how in notebook}) == 2
    assert [how["update"] for _, how in notebook] == [False, False]


def test_ipython_in_a_terminal_is_no_notebook(notebook, monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", object)
    learn(dataPlotting.PlotLearning(tmp_path / "learning.png"))
    assert notebook == []


def test_trainings_share_one_window(window, tmp_path):
    for name in ("one", "two"):
        learn(dataPlotting.PlotLearning(tmp_path / f"{name}.png"))
    assert window == ["shown", "drawn", "drawn"] * 2
    (figure,) = map(plt.figure, plt.get_fignums())
    assert [ax.get_ylabel() for ax in figure.axes] == ["Loss", "Learning rate"]
    assert list(figure.axes[0].get_lines()[0].get_xdata()) == [1, 2]


def test_the_file_is_the_same_with_and_without_a_window(window, monkeypatch, tmp_path):
    learn(dataPlotting.PlotLearning(tmp_path / "with.png"), 1)
    monkeypatch.setattr(plots.learning, "_live_view", lambda: None)
    learn(dataPlotting.PlotLearning(tmp_path / "without.png"), 1)
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()


def test_a_closed_window_stays_closed_until_the_next_training(window, tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    learn(callback, 1)
    plt.close("all")
    callback.on_epoch_end(1, {"loss": 0.1})
    assert window.count("drawn") == 1 and plt.get_fignums() == []
    learn(callback, 1)
    assert window.count("drawn") == 2


def test_no_window_opens_outside_the_main_thread(window, tmp_path):
    thread = threading.Thread(target=learn, args=(dataPlotting.PlotLearning(tmp_path / "learning.png"), 1))
    thread.start()
    thread.join()
    assert window == [] and (tmp_path / "learning.png").is_file()


def test_a_failing_display_is_left_alone_and_the_training_goes_on(window, monkeypatch, tmp_path):
    def fail(canvas):
        window.append("failed")
        raise RuntimeError("no display any more")

    monkeypatch.setattr(matplotlib.backend_bases.FigureCanvasBase, "flush_events", fail)
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    learn(callback)
    assert window == ["shown", "failed"]
    assert callback.history["epoch"] == [1, 2]


def test_an_interrupt_at_the_display_is_not_lost(notebook, monkeypatch, tmp_path):
    def interrupt(*args, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["IPython.display"], "display", interrupt)
    with pytest.raises(KeyboardInterrupt):
        learn(dataPlotting.PlotLearning(tmp_path / "learning.png"))


def test_without_notebook_and_window_there_is_the_file_only(tmp_path):
    learn(dataPlotting.PlotLearning(tmp_path / "learning.png"), 1)
    assert (tmp_path / "learning.png").is_file() and plt.get_fignums() == []
