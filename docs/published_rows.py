"""Draw docs/published_rows.png: a row of velocities of the published scripts as it ages, and what that adds to traces.

python -m docs.published_rows
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from dataGeneration import reflectivity, stream_generator
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE
from traces.published import PublishedRows

N_ROWS, N_SAMPLES, DT = 75, 4096, 0.001
EPOCHS = (1, 2, 3, 6, 10, 20, 30, 60, 100, 200, 300, 600, 1000, 2000, 3000, 5000)
SHOWN = (1, 30, 1000)  # epochs whose velocities are drawn
ROW = 4
PICTURE = Path(__file__).with_name("published_rows.png")


def rows(**heterogeneity: object) -> PublishedRows:
    """Return the rows of a validation stream."""
    return PublishedRows(lambda age: stream_generator(0, "validation", age), N_ROWS, N_SAMPLES, DT, **heterogeneity)


def main() -> None:
    """Make the rows at all ages, and draw them."""
    found = rows()
    logs = {epoch: found.at(epoch - 1) for epoch in EPOCHS}
    found = rows(heterogeneity={"VEL": 0.0, "DENS": 0.0})
    layers = {epoch: found.at(epoch - 1)["VEL"] for epoch in EPOCHS}
    added = [np.sqrt(np.mean((logs[epoch]["VEL"] - layers[epoch]).astype(float) ** 2)) for epoch in EPOCHS]
    spikes = [reflectivity(log["VEL"] * log["DENS"]).astype(float) for log in logs.values()]
    with plt.rc_context(PICTURE_STYLE):
        fig = plt.figure(figsize=(PAGE_WIDTH, 4.6), layout="constrained")
        upper, lower = fig.subfigures(2, 1)
        time = np.arange(N_SAMPLES) * DT
        for ax, epoch in zip(upper.subplots(1, len(SHOWN), sharey=True), SHOWN, strict=True):
            ax.plot(time, logs[epoch]["VEL"][ROW], linewidth=0.3, color=COLOURS["blue"], label="velocity")
            ax.plot(time, layers[epoch][ROW], linewidth=0.8, color=COLOURS["vermillion"], label="of layers alone")
            ax.set(xlabel="Two-way time (s)", title=f"epoch {epoch}")
        upper.axes[0].set_ylabel("Velocity (ft/s)")
        upper.axes[0].legend(frameon=False, fontsize=6)
        left, right = lower.subplots(1, 2)
        left.semilogx(EPOCHS, added, ".-", color=COLOURS["blue"])
        left.set(xlabel="Epoch", ylabel="RMS of what was added\nto the velocity (ft/s)", ylim=(0, None))
        for label, values, colour in (
            ("RMS", [np.sqrt(np.mean(values**2)) for values in spikes], "blue"),
            ("median over rows of the RMS", [np.median(np.sqrt(np.mean(v**2, axis=1))) for v in spikes], "green"),
            ("largest", [np.abs(values).max() for values in spikes], "vermillion"),
        ):
            right.loglog(EPOCHS, values, ".-", color=COLOURS[colour], label=label)
        right.set(xlabel="Epoch", ylabel="Reflectivity")
        right.legend(frameon=False, fontsize=7)
        for ax in (left, right):
            ax.grid(alpha=0.3)
        fig.savefig(PICTURE, dpi=150)
    for epoch, value, values in zip(EPOCHS, added, spikes, strict=True):
        print(f"{epoch:5d} {value:6.0f} ft/s  {np.sqrt(np.mean(values**2)):.3f}  {np.abs(values).max():.3g}")
    print(PICTURE)


if __name__ == "__main__":
    main()
