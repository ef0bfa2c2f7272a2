"""Picture of the README: what the pretrained networks make of one blind trace each, beside a classical method.

python -m docs.blind_traces        draws docs/blind_traces.png

The trace is the one whose RMSE is the median of 200.
"""

import matplotlib.pyplot as plt
import numpy as np

from baseML import BaseMLClass
from dataPreProcessing import CustomDataGen
from evaluation.baselines import band_limited_velocity, fit_inversion_reference, spectral_wiener
from plots.style import COLOURS

DT, N_TRACES = 0.001, 200  # s, traces
CLASSICAL, NETWORK, TRUTH = COLOURS["orange"], COLOURS["blue"], COLOURS["black"]


def median_trace(problem: str, gen_type: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, truth and prediction, each (n_samples,), of the blind trace whose RMSE is the median."""
    stream = CustomDataGen(batch_size=N_TRACES, n=N_TRACES, gen_type=gen_type, stream="blind")
    x, y = (part[..., 0] for part in stream[0])  # (n_traces, n_samples)
    predicted = BaseMLClass.load_model(f"pretrained/{problem}_paper.keras").predict_result(x)
    median = np.argsort(np.mean((predicted - y) ** 2, axis=1))[N_TRACES // 2]
    return x[median], y[median], predicted[median]


def draw(ax, lines: dict[str, tuple[np.ndarray, str]], truth: np.ndarray, shown: slice, rmse: str) -> None:
    """Estimates by name, each with its colour, and the truth; ``rmse`` is the format of an estimate's RMSE."""
    time = np.arange(truth.size) * DT
    for name, (values, colour) in lines.items():
        error = rmse.format(np.sqrt(np.mean((values - truth) ** 2)))
        ax.plot(time[shown], values[shown], color=colour, linewidth=1, label=f"{name}, RMSE {error}")
    # The truth is wide and lies below the network, so that neither hides the other one.
    ax.plot(time[shown], truth[shown], color=TRUTH, linewidth=1.8, label="Truth", zorder=1.9)
    ax.set_xlabel("Two-way time (s)")
    ax.margins(x=0)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, fontsize=8, columnspacing=1)


if __name__ == "__main__":
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.5, 5.4), layout="constrained")
    noisy, clean, denoised = median_trace("denoising", "DeNoise")
    wiener = spectral_wiener(noisy[None], DT)[0]
    lines = {"Noisy input": (noisy, "0.75"), "Spectral Wiener filter": (wiener, CLASSICAL)}
    draw(above, {**lines, "Network": (denoised, NETWORK)}, clean, slice(1200, 1600), "{:.4f}")
    above.set_ylabel("Amplitude")
    trace, velocity, inverted = median_trace("inversion", "ML_VEL")
    band_limited = band_limited_velocity(trace[None], fit_inversion_reference(0))[0]
    lines = {"Band-limited inversion": (band_limited, CLASSICAL), "Network": (inverted, NETWORK)}
    draw(below, lines, velocity, slice(None), "{:.0f} ft/s")
    below.set_ylabel("Velocity (ft/s)")
    figure.savefig("docs/blind_traces.png", dpi=110)
