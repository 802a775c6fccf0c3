"""A model as a .keras file of stock layers, which plain `keras.models.load_model` opens."""

import tempfile
import warnings
from pathlib import Path

import keras

from lstmctl.registry.model_folder import ModelFolder
from lstmctl.training import network as networks


def to_keras(folder: ModelFolder) -> bytes:
    """The bytes of the .keras file: word ids (batch, words), padded as `network.pad` does → probabilities, of the
    positive label alone (batch, 1), or with more than two labels of each (batch, labels).

    Raises:
        Rejected: the model cannot be used.
    """
    config = folder.card.config
    dropout = folder.card.training.dropout if folder.card.training is not None else 0.0
    network = networks.build(config, dropout=dropout, seed=0)
    networks.assign(network, config, folder.weights())
    answer = keras.layers.Activation("sigmoid" if config.outputs == 1 else "softmax", name="probabilities")
    model = keras.Model(network.input, answer(network.output), name="lstmctl")
    with tempfile.TemporaryDirectory() as temporary:  # Keras writes to a path alone; what lasts is written elsewhere
        path = Path(temporary) / "model.keras"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, about how Keras 3.15 copies arrays
            model.save(path)
        return path.read_bytes()
