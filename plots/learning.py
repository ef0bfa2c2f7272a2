"""The picture of a training that is under way (Figs 6b, 10b)."""

import contextlib
import io
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends import backend_registry
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots.style import COLOURS, COLUMN_WIDTH, PICTURE_STYLE, legend_above, save
from support.checks import check_path

LINES = {"loss": ("training", "blue"), "val_loss": ("validation", "vermillion")}  # label and colour of each loss
_History = Mapping[str, Sequence[float]]
_View = Callable[[_History], None]


class PlotLearning:
    """A callback of ``model.fit`` that draws losses and learning rate after every epoch (Figs 6b, 10b in progress).

    The file ``save_path`` is replaced as a whole, so that whoever looks at it never sees half a picture. In a notebook
    the picture stands under the cell too, and with an interactive Matplotlib backend in a window, which serves all
    trainings of the process; each picture takes the place of the last one. A window that was closed stays closed for
    the rest of its training, and no trouble with a display ends a training.

    ``history`` holds lists of the fit under way or last done: epoch (from 1), loss, val_loss (NaN where an epoch had
    no validation) and learning_rate. The class is a callback by its methods alone, as a base class needs Keras.

    >>> PlotLearning("learning.png").save_path.name
    'learning.png'
    """

    # What Keras calls after a batch does nothing here, so that a backend need not wait for it.
    async_safe = True

    def __init__(self, save_path: str | Path) -> None:
        self.save_path = check_path("save_path", save_path)
        self.history: dict[str, list[float]] = {}
        self._view: _View | None = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Any other method of a callback, which does nothing."""
        if name.startswith("on_") or name == "set_params":
            return lambda *arguments, **options: None
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def set_model(self, model: object) -> None:
        self.model = model

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.history = {"epoch": [], "loss": [], "val_loss": [], "learning_rate": []}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        own = {"epoch": epoch + 1, "learning_rate": np.asarray(self.model.optimizer.learning_rate)}
        for name, values in self.history.items():
            values.append(float(((logs or {}) | own).get(name, np.nan)))
        self._refresh(_draw_learning(self.history))
        # Displays fail in ways of their own, and the file is there.
        try:
            if len(self.history["epoch"]) == 1:
                self._view = _live_view()
            if self._view:
                self._view(self.history)
        except Exception:
            self._view = None

    def _refresh(self, fig: Figure) -> None:
        # Windows refuses while a viewer holds the file open; the next epoch's picture will do.
        with contextlib.suppress(PermissionError):
            save(fig, self.save_path)


@plt.rc_context(PICTURE_STYLE)
def _draw_learning(history: _History, fig: Figure | None = None) -> Figure:
    """Loss and learning rate by epoch, in place of what the figure held."""
    # A new figure is unknown to pyplot, so that no window opens and none has to be closed.
    fig = fig or Figure(figsize=(COLUMN_WIDTH, 4.0))
    fig.clear()
    fig.set_layout_engine("constrained")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    epoch, losses = np.asarray(history["epoch"]), []
    for name, (label, colour) in LINES.items():
        values = np.asarray(history[name])
        finite = np.isfinite(values)  # epochs without validation are bridged
        if finite.any():
            above.plot(epoch[finite], values[finite], ".-", color=COLOURS[colour], linewidth=1.0, label=label)
            losses.extend(values[finite])
    if losses:
        above.set_yscale("log" if min(losses) > 0 else "linear")
        legend_above(above)
    below.plot(epoch, history["learning_rate"], ".-", color=COLOURS["black"], linewidth=1.0)
    above.set_ylabel("Loss")
    below.set(xlabel="Epoch", ylabel="Learning rate")
    below.set_xlim(epoch[0] - 0.5, epoch[-1] + 0.5)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for ax in (above, below):
        ax.grid(alpha=0.3)
    return fig


def _live_view() -> _View | None:
    """What shows a history to whoever looks on: the notebook or the window that can be had here, or None."""
    # IPython is no requirement: where a notebook runs, it is loaded, and its shell has a kernel.
    ipython = sys.modules.get("IPython")
    if ipython and hasattr(ipython.get_ipython(), "kernel"):
        from IPython.display import Image, display

        name = uuid.uuid4().hex

        def show_in_notebook(history: _History) -> None:
            picture = io.BytesIO()
            _draw_learning(history).savefig(picture, format="png", dpi=100)
            display(Image(picture.getvalue()), display_id=name, update=len(history["epoch"]) > 1)

        return show_in_notebook
    _, window_system = backend_registry.resolve_backend(plt.get_backend())
    # Windows work in no thread but the main one.
    if not window_system or threading.current_thread() is not threading.main_thread():
        return None
    window = plt.figure("Learning")
    # Matplotlib would raise the window, which takes the focus, at every epoch.
    with plt.rc_context({"figure.raise_window": False}):
        window.canvas.manager.show()

    def show_in_window(history: _History) -> None:
        if plt.fignum_exists("Learning"):
            _draw_learning(history, window)
            window.canvas.draw()
            window.canvas.flush_events()

    return show_in_window
