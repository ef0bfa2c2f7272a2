"""dataPlotting, checked through what stands on the axes."""

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import dataPlotting

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
    }
    return calls[name]()


PLOTS = ["plot_model", "plot_xplot", "plot_refl", "plot_refl_compare", "plot_ae_predict_raw", "plot_network"]


def legend_texts(owner) -> list[str]:
    legend = owner.legends[0] if isinstance(owner, plt.Figure) else owner.get_legend()
    return [text.get_text() for text in legend.get_texts()]


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
        "Velocity (ft/s)",
        "Density (g/cm³)",
        "Impedance (ft/s g/cm³)",
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


def test_compare_takes_other_labels():
    figure = dataPlotting.plot_refl_compare(TIME, TRACE, TRACE, labels=("Clean", "Denoised"))
    assert legend_texts(figure.axes[0]) == ["Clean", "Denoised"]


def test_predict_raw_shows_input_prediction_and_difference():
    panels = figure_of("plot_ae_predict_raw").axes
    assert [ax.get_ylabel() for ax in panels] == ["Amplitude", "Velocity (ft/s)", "Difference (ft/s)"]
    assert [legend_texts(ax) for ax in panels] == [
        ["Noisy trace"],
        ["Actual", "Predicted"],
        ["Predicted − Actual: RMSE 250 ft/s"],
    ]


def test_predict_raw_input_limits_are_symmetric():
    assert figure_of("plot_ae_predict_raw").axes[0].get_ylim() == pytest.approx((-1.05, 1.05))


# The network


def test_network_names_every_layer_and_the_total():
    texts = diagram_texts(figure_of("plot_network"))
    for expected in (
        "InputLayer",
        "4 filters, kernel 3",
        "(None, 8, 4)   16 parameters",
        "Total parameters: 21",
    ):
        assert expected in texts


@pytest.mark.parametrize("n_blocks", [1, 3, 20])
def test_network_texts_stay_inside_their_boxes(n_blocks):
    block = ("BatchNormalization", "a detail of the layer, " * 6, "(None, 4096, 3824)", 12_345_678)
    figure = dataPlotting.plot_network([block] * n_blocks, title="Deep")
    figure.canvas.draw()
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]
    extents = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()][:-1]
    assert len(boxes) == n_blocks and len(extents) == 3 * n_blocks
    for i, text in enumerate(extents):
        box = boxes[i // 3]
        assert box.x0 <= text.x0 and text.x1 <= box.x1 and box.y0 <= text.y0 and text.y1 <= box.y1


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


def test_an_unknown_name_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="'basalt'; known are shale, sandstone"):
        dataPlotting.plot_xplot([1.0], [1.0], [0], ("basalt",))


def test_depths_have_to_increase():
    with pytest.raises(ValueError, match="increase"):
        dataPlotting.plot_model(**LAYERS | {"base_depth": [100.0, 100.0, 900.0]}, lithology_names=NAMES)


def test_a_network_without_blocks_is_refused():
    with pytest.raises(ValueError, match="blocks is empty"):
        dataPlotting.plot_network([])


# The progress of a training


def fit(callback, **options):
    model = keras.Sequential([keras.Input((4, 1)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    x = np.ones((4, 4, 1), dtype="float32")
    model.fit(x, 2 * x, epochs=2, verbose=0, callbacks=[callback], **options)


def test_learning_is_drawn_through_a_real_fit(tmp_path):
    callback = dataPlotting.PlotLearning(tmp_path / "new" / "learning.png")
    fit(callback, validation_split=0.5)
    assert callback.history["epoch"] == [1, 2]
    assert callback.history["learning_rate"] == pytest.approx([0.01, 0.01])
    assert np.all(np.isfinite([callback.history["loss"], callback.history["val_loss"]]))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["learning.png"]


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
    assert legend_texts(figures[0].axes[0]) == ["loss", "val_loss"]


def test_a_viewer_that_holds_the_file_does_not_stop_the_training(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(target)

    monkeypatch.setattr(dataPlotting.os, "replace", refuse)
    fit(dataPlotting.PlotLearning(tmp_path / "learning.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_drawing_leaves_the_last_picture_whole(tmp_path, monkeypatch):
    callback = dataPlotting.PlotLearning(tmp_path / "learning.png")
    fit(callback)
    whole = callback.save_path.read_bytes()

    def half(fig, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(dataPlotting, "_save", half)
    with pytest.raises(OSError, match="disk full"):
        fit(callback)
    assert callback.save_path.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["learning.png"]
