"""Pictures of data and of predictions: earth models, traces, transforms, networks and the progress of a training.

Every function draws from arrays, returns its Figure and saves it where `save_path` says (300 dpi; the ending
chooses the format). None calls ``show``: the caller shows and closes. Depth runs downwards, and so does the two-way
time of wiggle tracks; limits of amplitudes are symmetric, and a legend names only what is in the picture.
"""

from plots.earth import plot_earth_model_and_traces, plot_model, plot_refl, plot_xplot
from plots.learning import PlotLearning
from plots.networks import draw_network_flow, flow_height, plot_network
from plots.predictions import draw_comparison, plot_ae_predict_raw, plot_refl_compare
from plots.style import (
    COLOURS,
    COLUMN_WIDTH,
    LITHOLOGY_STYLES,
    PAGE_WIDTH,
    PICTURE_STYLE,
    PREDICTION_COLOURS,
    axis_label,
    font_sizes_defaults,
    max_axis_value,
)
from plots.transforms import (
    plot_ae_mra_predict,
    plot_cwt_magn,
    plot_cwt_magn_phase,
    plot_cwt_magn_predict,
    plot_cwt_real_imag,
    plot_mra,
)
