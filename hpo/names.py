"""The readable names of what a study searches."""

PARAMETERS = {  # a network's parameters and their readable names
    "arch_type": "network type",
    "num_layers": "layers",
    "num_dnn": "dense units",
    "num_dil": "largest dilation",
    "num_filt": "filters",
    "krnl_size": "kernel size",
    "pool_val": "pooling",
    "num_lstm": "LSTM units",
    "Learning Rate": "learning rate",
}
OTHER_NAMES = {  # readable names of what else a study may search
    "norm": "normalisation",
    "standard_units": "standard units",
    "unit_window": "window of the units",
    "optimizer": "optimiser",
    "weight_decay": "weight decay",
    "batch_size": "batch size",
    "loss": "lowest validation loss",
}


def readable(name: str) -> str:
    """Return a parameter's name for display, after the choice that it belongs to, if there is one.

    >>> readable("num_filt"), readable("RES num_filt")
    ('filters', 'RES filters')
    """
    known = PARAMETERS | OTHER_NAMES
    choice, _, own = name.rpartition(" ") if name not in known else ("", "", name)
    return f"{choice} {known.get(own, own)}".strip()
