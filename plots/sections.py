"""Pictures of sections: traces side by side over two-way time, with their spectra, or with the velocity found."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from plots.checks import check_arrays, check_order, named
from plots.style import COLOURS, PAGE_WIDTH, PREDICTION_COLOURS, axis_label, picture

CLIP = 99.0  # percentile of the input's amplitudes that all sections are clipped at
FLOOR = -60.0  # dB below the largest power, where spectra end
OUTER = (2, 98)  # percentiles of velocity where the colours end
BAND = (10, 90)  # percentiles of velocity that are shaded


@picture
def plot_sections(
    time: ArrayLike, sections: Mapping[str, ArrayLike], frequency: ArrayLike, spectra: Mapping[str, ArrayLike]
) -> Figure:
    """Sections by name side by side, with one clip for all, and under them their spectra.

    ``time`` (n_samples,) is in s and the sections are (n_traces, n_samples), the input first, whose amplitudes decide
    the clip. ``frequency`` (n_frequencies,) is in Hz, and the spectra by name are power, drawn in dB below the largest.

    >>> time, noise = np.arange(50) * 0.004, np.random.default_rng(0).standard_normal((6, 50))
    >>> sections = {"Input": noise, "Removed": 0.1 * noise}
    >>> figure = plot_sections(time, sections, [0.0, 60.0, 125.0], {"Input": [1.0, 0.5, 0.1]})
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Input', 'Removed', 'Spectra']
    """
    check_order("time", time)
    check_arrays(named("section", sections), ndim=2)
    check_arrays({"frequency": frequency} | named("spectrum", spectra))
    fig = plt.figure(figsize=(PAGE_WIDTH, 6.4), layout="constrained")
    above, below = fig.subfigures(2, 1, height_ratios=(2.2, 1))
    axes = above.subplots(1, len(sections), sharey=True, squeeze=False)[0]
    amplitudes = np.abs(next(iter(sections.values())))
    clip = float(np.percentile(amplitudes[amplitudes > 0], CLIP)) if (amplitudes > 0).any() else 1.0
    for ax, (name, section) in zip(axes, sections.items(), strict=True):
        _draw_section(ax, time, section, cmap="gray", vmin=-clip, vmax=clip)
        ax.set_title(name, loc="left")
    axes[0].set_ylabel("Two-way time (s)")
    ax = below.subplots()
    largest = max(np.max(power) for power in spectra.values())
    colours = [COLOURS["black"], *PREDICTION_COLOURS]
    for (name, power), colour in zip(spectra.items(), colours, strict=False):
        decibel = 10 * np.log10(np.maximum(np.asarray(power) / (largest or 1.0), 10 ** (FLOOR / 10)))
        ax.plot(frequency, decibel, color=colour, linewidth=1.0, label=name)
    ax.set(xlabel="Frequency (Hz)", ylabel="Power (dB)", xlim=(np.min(frequency), np.max(frequency)), ylim=(FLOOR, 3))
    ax.set_title("Spectra", loc="left")
    ax.grid(alpha=0.3)
    below.legend(loc="outside right center", frameon=False)
    return fig


@picture
def plot_velocity_section(time: ArrayLike, section: ArrayLike, velocity: ArrayLike, *, unit: str = "ft/s") -> Figure:
    """A section, the velocity that was found for it, and velocity over two-way time for all traces.

    ``time`` (n_samples,) is in s; ``section`` and ``velocity``, in ``unit``, are (n_traces, n_samples). Traces without
    an answer are NaN in ``velocity``.

    >>> time, noise = np.arange(50) * 0.004, np.random.default_rng(0).standard_normal((6, 50))
    >>> [ax.get_title(loc="left") for ax in plot_velocity_section(time, noise, 9000 + noise).axes[:3]]
    ['Input', 'Velocity', 'All traces']
    """
    check_order("time", time)
    check_arrays({"section": section, "velocity": velocity}, ndim=2)
    fig, axes = plt.subplots(
        1, 3, sharey=True, figsize=(PAGE_WIDTH, 4.6), layout="constrained", width_ratios=(1, 1, 0.7)
    )
    amplitudes = np.abs(np.asarray(section))
    clip = float(np.percentile(amplitudes[amplitudes > 0], CLIP)) if (amplitudes > 0).any() else 1.0
    _draw_section(axes[0], time, section, cmap="gray", vmin=-clip, vmax=clip)
    found = np.asarray(velocity)[np.isfinite(velocity).all(axis=1)]
    low, high = np.percentile(found, OUTER) if found.size else (0.0, 1.0)
    image = _draw_section(axes[1], time, velocity, cmap="viridis", vmin=low, vmax=high)
    label = axis_label("Velocity", unit)
    fig.colorbar(image, ax=axes[1], location="bottom", label=label, pad=0.02, extend="both")
    if found.size:
        low, high = np.percentile(found, BAND, axis=0)
        axes[2].fill_betweenx(time, low, high, color=COLOURS["sky blue"], alpha=0.5, linewidth=0)
        axes[2].plot(np.median(found, axis=0), time, color=COLOURS["black"], linewidth=0.8)
    axes[2].set_xlabel(f"Median and {BAND[0]}-{BAND[1]} %\n{axis_label('of velocity', unit)}")
    axes[2].grid(alpha=0.3)
    for ax, title in zip(axes, ("Input", "Velocity", "All traces"), strict=True):
        ax.set_title(title, loc="left")
    axes[0].set_ylabel("Two-way time (s)")
    return fig


def _draw_section(ax: Axes, time: ArrayLike, section: ArrayLike, **look: object):
    """Traces side by side as an image, time downwards."""
    section = np.asarray(section, dtype=float)
    step = (np.max(time) - np.min(time)) / max(len(np.asarray(time)) - 1, 1)
    extent = (-0.5, len(section) - 0.5, np.max(time) + step / 2, np.min(time) - step / 2)
    image = ax.imshow(section.T, aspect="auto", extent=extent, interpolation="nearest", **look)
    ax.set_xlabel("Trace")
    return image
