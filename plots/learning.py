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

from plots.style import COLOURS, COLUMN_WIDTH, PICTURE_STYLE, _legend_above, _save

_History = Mapping[str, Sequence[float]]
_View = Callable[[_History], None]


class PlotLearning:
    """Draws losses and learning rate after every epoch into one file (Figs 6b, 10b in progress).

    In a notebook the picture stands under the cell too, and with an interactive Matplotlib backend in a window, which
    serves all trainings of the process; each picture takes the place of the last one. A window that was closed stays
    closed for the rest of its training, and no trouble with a display ends a training.

    Parameters
    ----------
    save_path : str or Path
        The file. It is replaced as a whole, so that whoever looks at it never sees half a picture.

    Attributes
    ----------
    history : dict of str to list of float
        Epoch (from 1), loss, val_loss (NaN where an epoch had no validation) and learning_rate of the fit
        under way or last done.
    """

    def __init__(self, save_path: str | Path) -> None:
        self.save_path = Path(save_path)
        self.history: dict[str, list[float]] = {}
        self._view: _View | None = None

    def set_model(self, model: object) -> None:
        """Keras' model that is trained."""
        self.model = model

    def __getattr__(self, name: str) -> Callable[..., None]:
        """What else Keras calls of a callback does nothing; a base class of its own would have to be loaded."""
        if name.startswith("on_") or name == "set_params":
            return lambda *arguments, **options: None
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Forget an earlier fit."""
        self.history = {"epoch": [], "loss": [], "val_loss": [], "learning_rate": []}
        self._view = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Add the epoch to the history, refresh the file and show the picture to whoever looks on."""
        logs = logs or {}
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        row = {
            "epoch": epoch + 1,
            "loss": logs.get("loss", np.nan),
            "val_loss": logs.get("val_loss", np.nan),
            "learning_rate": np.asarray(self.model.optimizer.learning_rate),
        }
        for name, value in row.items():
            self.history[name].append(float(value))
        self._refresh(_learning_figure(self.history))
        self._show()

    def _refresh(self, fig: Figure) -> None:
        # Windows refuses while a viewer holds the file open; the next epoch's picture will do.
        with contextlib.suppress(PermissionError):
            _save(fig, self.save_path)

    def _show(self) -> None:
        try:
            self._view = self._view or _live_view()
            self._view(self.history)
        except Exception:  # displays fail in ways of their own, and the file is there
            self._view = _no_view


def _learning_figure(history: _History) -> Figure:
    """The picture of `PlotLearning`; pyplot does not know it, so that no window opens and none has to be closed."""
    fig = Figure(figsize=(COLUMN_WIDTH, 4.0))
    _draw_learning(fig, history)
    return fig


@plt.rc_context(PICTURE_STYLE)
def _draw_learning(fig: Figure, history: _History) -> None:
    """Loss and learning rate by epoch, from the history of `PlotLearning`, in place of what the figure held."""
    fig.clear()
    fig.set_layout_engine("constrained")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    epoch, losses = np.asarray(history["epoch"]), []
    for name, colour in (("loss", "blue"), ("val_loss", "vermillion")):
        values = np.asarray(history[name])
        finite = np.isfinite(values)  # epochs without validation are bridged
        if finite.any():
            above.plot(epoch[finite], values[finite], ".-", color=COLOURS[colour], linewidth=1.0, label=name)
            losses.extend(values[finite])
    if losses:
        above.set_yscale("log" if min(losses) > 0 else "linear")
        _legend_above(above)
    below.plot(epoch, history["learning_rate"], ".-", color=COLOURS["black"], linewidth=1.0)
    above.set_ylabel("Loss")
    below.set(xlabel="Epoch", ylabel="Learning rate")
    below.set_xlim(epoch[0] - 0.5, epoch[-1] + 0.5)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for ax in (above, below):
        ax.grid(alpha=0.3)


def _live_view() -> _View:
    """What shows a history to whoever looks on: the notebook or the window that can be had here, or nothing."""
    # IPython is no requirement: where a notebook runs, it is loaded, and its shell has a kernel.
    ipython = sys.modules.get("IPython")
    if ipython and hasattr(ipython.get_ipython(), "kernel"):
        return _notebook_view()
    _, window_system = backend_registry.resolve_backend(plt.get_backend())
    if window_system and threading.current_thread() is threading.main_thread():  # windows work in no other thread
        return _window_view()
    return _no_view


def _no_view(history: _History) -> None:
    pass


def _notebook_view() -> _View:
    from IPython.display import Image, display

    name = uuid.uuid4().hex

    def show(history: _History) -> None:
        picture = io.BytesIO()
        _learning_figure(history).savefig(picture, format="png", dpi=100)
        display(Image(picture.getvalue()), display_id=name, update=len(history["epoch"]) > 1)

    return show


def _window_view() -> _View:
    window = plt.figure("Learning")
    with plt.rc_context({"figure.raise_window": False}):  # plt.pause would raise it and take the focus at every epoch
        window.canvas.manager.show()

    def show(history: _History) -> None:
        if plt.fignum_exists("Learning"):
            _draw_learning(window, history)
            window.canvas.draw()
            window.canvas.flush_events()

    return show
