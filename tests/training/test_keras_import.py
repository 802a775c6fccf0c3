"""Models saved by Keras have the same probabilities after import, from text."""

import json

import keras
import numpy as np
import pytest

from lstmctl.registry.store import Registry

pytestmark = [
    pytest.mark.training,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras, when it saves
]

WORDS = 60  # in the index; the model has rows for 40 ids
LENGTH = 12


def saved(path, *layers, length=LENGTH, functional=False):
    """A network whose weights are large enough to matter."""
    keras.utils.set_random_seed(7)
    if functional:
        hidden = words = keras.Input((length,), dtype="int32")
        for layer in layers:
            hidden = layer(hidden)
        model = keras.Model(words, hidden)
    else:
        model = keras.Sequential([keras.Input((length,)), *layers])
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.6, array.shape) for array in model.get_weights()])
    model.save(path)
    return model


def as_the_script_would(model, texts, *, start=1, unknown=2, first=3):
    """Word ids as in the post: `load_data(num_words=40)` and `pad_sequences(maxlen=12)`."""
    rows = []
    for text in texts:
        ids = [first + int(word[1:]) for word in text.split()]
        ids = [number if number < 40 else unknown for number in ids]
        rows.append(([start] if start is not None else []) + ids)
    padded = keras.utils.pad_sequences(rows, maxlen=LENGTH)
    return np.asarray(model.predict(padded, verbose=0), np.float64)


def texts():
    """Empty, one word, as many as fit with and without the start word, and more; known and unknown words."""
    generator = np.random.default_rng(2)
    return [
        " ".join(f"w{number}" for number in generator.integers(1, WORDS, length))
        for length in (0, 1, 2, 5, LENGTH - 1, LENGTH, LENGTH + 1, 3 * LENGTH)
    ]


def imported(cli, path, tmp_path, *options, vocabulary=None):
    words = tmp_path / "words.json"
    words.write_text(json.dumps(vocabulary or {f"w{number}": number for number in range(1, WORDS)}))
    result = cli("models", "import", path, "--vocab", words, *options)
    assert (result.code, result.out) == (0, f"{path.stem}@1\n"), result.err
    folder = Registry(tmp_path / "home").resolve(path.stem)
    folder.verify()
    return folder, folder.classifier()


def save_the_posts_model(path):
    """The post's script with a smaller model, up to `model.save`."""
    model = keras.Sequential()
    with pytest.warns(UserWarning, match="input_length"):
        model.add(keras.layers.Embedding(40, 8, input_length=LENGTH))
    model.add(keras.layers.LSTM(6, return_sequences=False, dropout=0.2))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.RMSprop(learning_rate=0.05), loss="binary_crossentropy", metrics=["acc"])
    generator = np.random.default_rng(3)
    model.fit(generator.integers(0, 40, (64, LENGTH)), generator.integers(0, 2, 64), epochs=3, verbose=0)
    model.save(path)
    return model


def test_the_posts_model(cli, tmp_path):
    path = tmp_path / "post.keras"
    model = save_the_posts_model(path)
    folder, classifier = imported(cli, path, tmp_path)
    assert folder.card.config.labels == ("neg", "pos")
    assert (folder.card.config.max_len, folder.card.config.padding) == (LENGTH, "pre")
    predictions = classifier.predict(texts())
    expected = as_the_script_would(model, texts())[:, 0]
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose([prediction.probabilities[1] for prediction in predictions], expected, atol=1e-5)
    assert [prediction.reading.cut for prediction in predictions] == [0] * 6 + [1, 2 * LENGTH]
    exported = tmp_path / "again.keras"
    assert cli("models", "export", "post", "--to", "keras", "-o", exported).code == 0
    ids = [np.array(classifier.encode(text).ids, np.int32) for text in texts()]
    again = keras.models.load_model(exported).predict(keras.utils.pad_sequences(ids, maxlen=LENGTH), verbose=0)
    np.testing.assert_allclose(again[:, 0], expected, atol=1e-5)


def stacked():
    return [
        keras.layers.Embedding(40, 5, mask_zero=True),
        keras.layers.SpatialDropout1D(0.3),
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
        keras.layers.Dropout(0.3),
        keras.layers.Bidirectional(keras.layers.LSTM(4)),
        keras.layers.Dense(3, activation="softmax"),
    ]


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        (stacked, {}),
        (lambda: [keras.layers.Embedding(40, 5), *stacked()[2:]], {"functional": True}),
        (
            lambda: [keras.layers.Embedding(40, 5), keras.layers.LSTM(3), keras.layers.Dense(2, activation="softmax")],
            {"length": None},
        ),
        (
            lambda: [
                keras.layers.Embedding(40, 5, mask_zero=True, name="my.words"),
                keras.layers.LSTM(3, name="reader", recurrent_dropout=0.1),
                keras.layers.Dense(1),
                keras.layers.Activation("sigmoid"),
            ],
            {"functional": True, "length": None},
        ),
    ],
)
def test_other_shapes(cli, tmp_path, layers, options):
    path = tmp_path / "it.keras"
    model = saved(path, *layers(), **options)
    outputs = model.output_shape[-1]
    named = [word for label in "abc"[:outputs] for word in ("--label", label)] if outputs > 1 else []
    length = [] if options.get("length", 0) is not None else ["--max-len", LENGTH]
    _, classifier = imported(cli, path, tmp_path, *named, *length)
    expected = as_the_script_would(model, texts())
    if outputs == 1:
        expected = np.concatenate([1 - expected, expected], axis=1)
    assert np.ptp(expected[:, 0]) > 0.01
    np.testing.assert_allclose(
        [prediction.probabilities for prediction in classifier.predict(texts())], expected, atol=1e-5
    )


def test_ids_without_a_start_word(cli, tmp_path):
    """A vocabulary that lists its special words, as that of TextVectorization does."""
    path = tmp_path / "it.keras"
    model = saved(
        path,
        keras.layers.Embedding(40, 5),
        keras.layers.LSTM(3),
        keras.layers.Dense(1, activation="sigmoid"),
    )
    vocabulary = ["", "[UNK]", *(f"w{number}" for number in range(2, WORDS))]
    folder, classifier = imported(cli, path, tmp_path, vocabulary=vocabulary)
    assert folder.card.config.start_word is None
    expected = as_the_script_would(model, texts(), start=None, unknown=1, first=0)[:, 0]
    predictions = classifier.predict(texts())
    np.testing.assert_allclose([prediction.probabilities[1] for prediction in predictions], expected, atol=1e-5)


def test_exported_file_can_be_imported(cli, tmp_path):
    """With the vocabulary of the original model folder."""
    from toy import register_toy

    home = tmp_path / "home"
    reference = register_toy(home)
    path = tmp_path / "back.keras"
    assert cli("models", "export", reference, "--to", "keras", "-o", path).code == 0
    vocabulary = home / "models/tiny/v000001/vocab.txt"
    result = cli("models", "import", path, "--vocab", vocabulary, "--max-len", 20)
    assert result.out == "back@1\n", result.err
    sentences = ["good film", "bad bad film", "", "never heard of"]
    first, second = (Registry(home).resolve(name).classifier() for name in ("tiny", "back"))
    for one, other in zip(first.predict(sentences), second.predict(sentences), strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
