"""What the parameters of a search mean: one table, which the help text, the notes of studies and the docs show."""

from collections.abc import Collection, Iterator
from textwrap import fill
from typing import NamedTuple


class Parameter(NamedTuple):
    """A parameter of a study: how figures name it, what it means, and how tables and labels of networks name it."""

    readable: str
    meaning: str
    # The published tables and the model labels have this name; it is empty where the paper has no such parameter.
    column: str = ""
    letter: str = ""  # of the short labels, such as U3824 D108 F46 K14


GLOSSARY = {  # by the name in a study, those of the paper first
    "arch_type": Parameter(
        "network type",
        "the kind of layers: DNN dense, CNN convolutions, CNN_VAR convolutions whose kernels grow, CNN_LSTM "
        "convolutions and LSTM layers, TCN temporal convolutions, RES residual blocks (beyond the paper); of arrivals "
        "LSTM and GRU recurrent layers in both directions, ATT attention between stations; of broadband motion ALICE "
        "adversarial encoders and decoders",
        "Type",
    ),
    "num_layers": Parameter("layers", "how often the network repeats its group of layers", "LYR", "L"),
    "num_dnn": Parameter(
        "dense units",
        "outputs of a dense layer, or of the last wide convolution of a CNN autoencoder; RES and a CNN for inversion "
        "have none",
        "DNN",
        "U",
    ),
    "num_dil": Parameter(
        "largest dilation",
        "distance in samples between the points of a kernel: a TCN and RES have 1, 2, 4 .. up to it, CNN_VAR and "
        "CNN_LSTM have it in every convolution, a DNN and a CNN have none",
        "DIL",
        "D",
    ),
    "num_filt": Parameter("filters", "outputs of a convolution", "FIL", "F"),
    "krnl_size": Parameter("kernel size", "number of points of a convolution's kernel", "KRNL", "K"),
    "pool_val": Parameter(
        "pooling", "factor by which an autoencoder or RES shortens the trace, and lengthens it again", "POL", "P"
    ),
    "num_lstm": Parameter(
        "LSTM units", "outputs of an LSTM or GRU layer, which only CNN_LSTM, LSTM and GRU have", "LSTM", "H"
    ),
    "Learning Rate": Parameter(
        "learning rate", "size of the optimiser's steps, before the schedule changes it", "Learning Rate"
    ),
    "activation": Parameter("activation", "function behind each layer: tanh or relu"),
    "dropout": Parameter("dropout", "share of the outputs of each layer that a training step leaves out"),
    "norm": Parameter("normalisation", "none, or layer normalisation in the residual blocks"),
    "standard_units": Parameter("standard units", "whether the layers work on numbers with a deviation of about 1"),
    "unit_window": Parameter("window of the units", "samples over which these units are taken; 0 is the whole trace"),
    "optimizer": Parameter("optimiser", "adam as in the paper, or adamw, which has a weight decay"),
    "weight_decay": Parameter("weight decay", "how much smaller adamw makes the weights in each step"),
    "schedule": Parameter(
        "schedule", "how the learning rate changes from epoch to epoch: as in the paper, constant, or along a cosine"
    ),
    "bands": Parameter(
        "bands", "adversarial networks that are trained: bb of whole records, fl of those below 1 Hz, hb"
    ),
    "latent_channels": Parameter("latent channels", "channels of the latents of whole records"),
    "latent_length": Parameter("latent steps", "steps in time of the latents"),
    "map_layers": Parameter("map layers", "further layers from the latents below 1 Hz to those of whole records"),
    "slope": Parameter("slope", "of the units of encoders and critics for negative values; 1 would make them affine"),
    "lambda_x": Parameter("weight of records", "weight of the reconstruction of records"),
    "lambda_z": Parameter("weight of latents", "weight of the reconstruction of latents"),
    "adversarial": Parameter("weight of critics", "weight of what the critics say in the loss of the generators"),
    "envelope": Parameter("weight of envelopes", "weight of energies in cells of time and frequency, without phases"),
    "critic_steps": Parameter("critic steps", "steps of the critics for each one of the generators"),
    "critic_rate": Parameter("critics' learning rate", "size of the steps of the critics' optimiser"),
    "beta_2": Parameter("beta 2", "how slowly Adam forgets the size of gradients"),
    "game": Parameter("game", "loss of the critics: softplus, or wasserstein with a gradient penalty"),
    "batch_size": Parameter("batch size", "traces in one step of the training"),
    "transform": Parameter(
        "transform",
        "what the network receives: the trace (NA) or its wavelet transform (CWT, DWT or SWT); of arrivals the times "
        "(NA), or the times without their mean (CENTRED), with the stations' places (PLACED), and in their own order "
        "(SORTED)",
    ),
}
PARAMETERS = {name: row.readable for name, row in GLOSSARY.items() if row.column}  # of the paper's networks
LETTERS = {row.letter: name for name, row in GLOSSARY.items() if row.letter}
OTHER_NAMES = {"loss": "lowest validation loss"}  # of what stands beside parameters


def own_name(name: str) -> tuple[str, str]:
    """Return the choice that a parameter belongs to, which is empty for most of them, and its name in the GLOSSARY.

    >>> own_name("num_filt"), own_name("RES num_filt")
    (('', 'num_filt'), ('RES', 'num_filt'))
    """
    choice, _, own = name.rpartition(" ") if name not in GLOSSARY else ("", "", name)
    return choice, own


def readable(name: str) -> str:
    """Return a parameter's name for display, after the choice that it belongs to, if there is one.

    >>> readable("num_filt"), readable("RES num_filt")
    ('filters', 'RES filters')
    """
    choice, own = own_name(name)
    known = GLOSSARY[own].readable if own in GLOSSARY else OTHER_NAMES.get(own, own)
    return f"{choice} {known}".strip()


def glossary_lines(names: Collection[str] = tuple(GLOSSARY)) -> Iterator[str]:
    """Yield the lines of a Markdown table that explains parameters, those without an entry in the GLOSSARY left out."""
    yield "| parameter | in tables and labels | name | meaning |"
    yield "|---|---|---|---|"
    searched = {own_name(name)[1] for name in names}
    for name, row in GLOSSARY.items():
        if name in searched:
            short = ", ".join(filter(None, (row.column, row.letter)))
            yield f"| `{name}` | {short} | {row.readable} | {row.meaning} |"


def glossary_text(width: int = 100) -> str:
    """Return the GLOSSARY as a paragraph for each parameter, for a terminal."""
    paragraphs = []
    for name, row in GLOSSARY.items():
        short = f" ({', '.join(filter(None, (row.column, row.letter)))})" if row.column not in ("", name) else ""
        text = f"{name}{short}: {row.readable}; {row.meaning}"
        paragraphs.append(fill(text, width, initial_indent="  ", subsequent_indent="      "))
    return "\n".join(["parameters of a search:", *paragraphs])
