"""Draw docs/published_curves.png: published loss curves, and those of the same configurations on both kinds of traces.

    python -m docs.published_curves Curves Described ../archive

The first two results trees are those of `benchmarks.published_curves` with --generation published and described.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from hpo.results.beside import draw_curves, same_configurations
from hpo.results.histories import read_histories
from hpo.tree import ResultsTree
from plots.style import COLOURS, PAGE_WIDTH, PICTURE_STYLE, axis_label

PICTURE = Path(__file__).with_name("published_curves.png")


def main(aged: str, fresh: str, archive: str) -> None:
    """Draw one panel for each configuration."""
    ours, described, published = (
        read_histories(ResultsTree(Path(tree), "Inversion")) for tree in (aged, fresh, archive)
    )
    shared = same_configurations(ours, published)
    with plt.rc_context(PICTURE_STYLE):
        fig, axes = plt.subplots(1, len(shared), figsize=(PAGE_WIDTH, 2.3), layout="constrained", squeeze=False)
        for ax, (on_aged, others) in zip(axes[0], shared, strict=True):
            on_fresh = [history for history in described if history.key == others[0].key]
            groups = [
                (on_fresh, {"color": COLOURS["orange"], "linewidth": 0.8, "label": "fresh traces"}),
                (on_aged, {"color": COLOURS["blue"], "linewidth": 0.8, "label": "aged rows"}),
                (others, {"color": COLOURS["black"], "linewidth": 1.6, "label": "published"}),
            ]
            draw_curves(ax, groups)
            ax.set_xlabel("Epoch")
        axes[0, 0].set_ylabel(axis_label("Validation loss", "ft/s"))
        axes[0, 0].legend(frameon=False, fontsize=6)
        fig.savefig(PICTURE, dpi=160)
    print(PICTURE)


if __name__ == "__main__":
    main(*sys.argv[1:])
