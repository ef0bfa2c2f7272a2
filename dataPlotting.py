"""Pictures of data and of predictions: earth models, traces, transforms, networks and the progress of a training.

Every function ``plot_...`` draws from arrays and returns its Figure. Its option ``title`` heads the figure, and
``save_path`` saves it (300 dpi; the ending chooses the format). Every function ``draw_...`` draws into given Axes and
returns nothing. No function calls ``show``: the caller shows and closes. A function raises ValueError if there is
nothing to draw, if shapes disagree or if values are not what they have to be.

Depth runs downwards, and so does the two-way time of wiggle tracks; limits of amplitudes are symmetric, an empty unit
is left out of labels, and a legend names only what is in the picture.
"""

from plots.earth import plot_earth_model_and_traces, plot_model, plot_refl, plot_xplot
from plots.learning import PlotLearning
from plots.networks import draw_network_flow, flow_height, plot_network
from plots.predictions import draw_actual_predicted, draw_comparison, plot_ae_predict_raw, plot_refl_compare
from plots.sections import plot_sections, plot_velocity_section
from plots.style import COLOURS, COLUMN_WIDTH, LITHOLOGY_STYLES, PAGE_WIDTH, PICTURE_STYLE, PREDICTION_COLOURS
from plots.style import axis_label, font_sizes_defaults, max_axis_value, save
from plots.transforms import plot_ae_mra_predict, plot_cwt_magn, plot_cwt_magn_phase, plot_cwt_magn_predict
from plots.transforms import plot_cwt_real_imag, plot_mra
