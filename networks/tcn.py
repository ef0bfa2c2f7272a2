"""The layer of a temporal convolutional network (Bai et al., 2018), in operations that every Keras backend has."""

from networks.convolution import quick
from support.startup import load_keras

keras = load_keras()


class ResidualBlock(keras.layers.Layer):
    """Two dilated convolutions beside the input: x (batch, samples, channels) gives (next x, skip), ``filters`` wide.

        skip = a(a(conv(a(conv(x))))),    next x = a(match(x) + skip),    a: the activation

    match is a convolution over one sample where x has another number of channels, and x itself elsewhere.
    """

    def __init__(self, filters: int, kernel_size: int, dilation: int, activation: str, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        # Keras draws the seeds of first weights when layers are made: this order is that of all earlier trainings.
        make = {"filters": filters, "padding": "same", "kernel_initializer": "he_normal", "dtype": self.dtype_policy}
        dilated = {**make, "kernel_size": kernel_size, "dilation_rate": dilation}
        # Files of networks name the weights by these attributes.
        self.conv1D_0 = quick(keras.layers.Conv1D(**dilated, name="conv1D_0"))
        self.conv1D_1 = keras.layers.Conv1D(**dilated, name="conv1D_1")
        self.matching_conv1D = (
            None if channels == filters else keras.layers.Conv1D(**make, kernel_size=1, name="matching_conv1D")
        )

    def build(self, input_shape):
        self.conv1D_0.build(input_shape)
        self.conv1D_1.build(self.conv1D_0.compute_output_shape(input_shape))
        if self.matching_conv1D is not None:
            self.matching_conv1D.build(input_shape)

    def call(self, x):
        a = self.activation
        skip = a(a(self.conv1D_1(a(self.conv1D_0(x)))))
        matched = x if self.matching_conv1D is None else self.matching_conv1D(x)
        return a(matched + skip), skip


# What a file of keras-tcn may say beside the sizes: these networks have no other layers.
ALWAYS = {
    "nb_stacks": 1,
    "padding": "same",
    "use_skip_connections": True,
    "dropout_rate": 0.0,
    "return_sequences": True,
    "use_batch_norm": False,
    "use_layer_norm": False,
    "kernel_initializer": "he_normal",
    "go_backwards": False,
    "return_state": False,
}


@keras.saving.register_keras_serializable(name="TCN")
class TCN(keras.layers.Layer):
    """The sum of the skips of residual blocks, one for each dilation: (batch, samples, nb_filters).

    Weights, their names and the options in a file are those of the layer of keras-tcn, so that either reads the files
    of the other. Raises ValueError for an option of keras-tcn with another value than ALWAYS has.
    """

    def __init__(self, nb_filters: int, kernel_size: int, dilations: list[int], activation: str, **kwargs):
        for name, value in ALWAYS.items():
            if (asked := kwargs.pop(name, value)) != value:
                raise ValueError(f"{name} of a TCN must be {value!r}, not {asked!r}")
        super().__init__(**kwargs)
        self.nb_filters, self.kernel_size, self.dilations = nb_filters, kernel_size, list(dilations)
        self.activation = activation
        self.residual_blocks = []

    def build(self, input_shape):
        options = self.nb_filters, self.kernel_size
        for number, dilation in enumerate(self.dilations):
            name = f"residual_block_{number}"
            block = ResidualBlock(
                *options, dilation, self.activation, input_shape[-1], name=name, dtype=self.dtype_policy
            )
            block.build(input_shape)
            self.residual_blocks.append(block)
            setattr(self, name, block)  # The name in files, which comes before that of the list.
            input_shape = (*input_shape[:-1], self.nb_filters)

    def call(self, x):
        skips = []
        for block in self.residual_blocks:
            x, skip = block(x)
            skips.append(skip)
        return sum(skips[1:], skips[0])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.nb_filters)

    def get_config(self):
        sizes = {name: getattr(self, name) for name in ("nb_filters", "kernel_size", "dilations", "activation")}
        return {**super().get_config(), **ALWAYS, **sizes}
