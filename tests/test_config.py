"""The three configurations: definitions, bounds, types, and the sizes that follow from them."""

import json
import math
import re
import typing

import pytest

from lstmctl.config import BOUNDS, DataConfig, ModelConfig, TrainConfig
from lstmctl.errors import UsageError

MODEL = ModelConfig(labels=("neg", "pos"))


def test_the_posts_model_size():
    assert MODEL.parameters == 328_353
    assert MODEL.shapes() == {
        "embedding": (10_000, 32),
        "lstm.0.forward.kernel": (32, 128),
        "lstm.0.forward.recurrent_kernel": (32, 128),
        "lstm.0.forward.bias": (128,),
        "head.kernel": (32, 1),
        "head.bias": (1,),
    }
    assert (MODEL.positive, MODEL.outputs) == ("pos", 1)


def test_three_labels_have_three_outputs():
    model = ModelConfig(labels=("a", "b", "c"))
    assert (model.positive, model.outputs) == (None, 3)


def test_sizes_with_ngrams():
    model = ModelConfig(labels=("a", "b", "c"), ngrams="2", ngram_count=7, layers=2, pooling="last+max+mean").validate()
    assert (model.ngram_order, model.ngram_inputs, model.pools) == (2, 6, ("last", "max", "mean"))
    assert model.ngram_shapes() == {
        "ngrams.keys": (7,),
        "ngrams.weights": (7, 3),
        "ngrams.scale": (1,),
        "ngrams.bias": (3,),
    }
    shapes = model.shapes()
    assert shapes["lstm.0.forward.kernel"] == (32 + 6, 128)
    assert shapes["lstm.1.forward.kernel"] == (32, 128)
    assert shapes["head.kernel"] == (96, 3)
    assert model.parameters == sum(math.prod(shape) for shape in shapes.values())  # those that are trained here
    assert (MODEL.ngram_order, MODEL.ngram_inputs, MODEL.ngram_shapes()) == (0, 0, {})


def test_recipe_decides_the_shape_of_the_model():
    training = TrainConfig(ngrams="3", ensemble_size=3, units=5, max_len=9, cut="middle", tokenizer="words-2")
    model = training.model_config(("a", "b"), 77, ngrams=8)
    assert (model.vocab_size, model.units, model.embedding_dim, model.ngram_count) == (77, 15, 32, 8)
    assert (model.ngrams, model.max_len, model.cut, model.tokenizer) == ("3", 9, "middle", "words-2")
    plain = TrainConfig().model_config(("a", "b"), 77, ngrams=8)
    assert (plain.units, plain.ngrams, plain.ngram_count) == (32, "none", 0)


@pytest.mark.parametrize(
    "config", [MODEL, DataConfig(rename_label=(("0", "neg"),), limit=5), TrainConfig(epochs=3, clip_norm=1.0)]
)
def test_json_round_trip(config):
    assert type(config).from_dict(json.loads(json.dumps(config.to_dict()))) == config


HOSTILE = [
    [],
    {"units": 32},  # labels are missing
    {"surprise": 1},
    {"units": "32"},
    {"units": True},
    {"units": 32.0},
    {"units": 0},
    {"units": -1},
    {"units": 10**400},
    {"vocab_size": 2_000_000, "embedding_dim": 4096},
    {"labels": "neg"},
    {"labels": ["neg"]},
    {"labels": ["neg", "neg"]},
    {"labels": ["neg", ""]},
    {"labels": ["neg", "x" * 201]},
    {"labels": ["neg", 1]},
    {"labels": [str(number) for number in range(1001)]},
    {"temperature": math.nan},
    {"temperature": math.inf},
    {"temperature": 10**400},
    {"cut": "center"},
    {"tokenizer": "words-3"},
    {"tokenizer": None},
    {"pooling": "last+mean"},
    {"ngrams": "4", "ngram_count": 1},
    {"ngrams": 1, "ngram_count": 1},
    {"ngrams": "1"},
    {"ngrams": "1", "ngram_count": 0},
    {"ngrams": "1", "ngram_count": -1},
    {"ngrams": "1", "ngram_count": 4_000_001},
    {"ngrams": "1", "ngram_count": True},
    {"ngram_count": 1},
    {"ngrams": "1", "ngram_count": 1, "padding": "pre"},
    {"ngrams": "1", "ngram_count": 4_000_000, "labels": [str(number) for number in range(99)]},
    {"padding": None},
    {"bidirectional": 1},
]


@pytest.mark.parametrize("changes", HOSTILE, ids=lambda changes: str(changes)[:40])
def test_hostile_values_are_rejected(changes):
    values = changes if isinstance(changes, list) else {**MODEL.to_dict(), **changes}
    if changes == {"units": 32}:
        del values["labels"]
    with pytest.raises(ValueError):
        ModelConfig.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "--epochs must be 1 or more, not 0"),
        ({"learning_rate": math.nan}, "--lr must be between 1e-08 and 10, not nan"),
        ({"units": 10**9}, "--units must be at most 4,096"),
        ({"seed": -1}, "--seed must be 0 or more, not -1"),
        ({"vectors": "review"}, "--vectors must be none, own, reviews, words or a file, not review"),
        ({"vectors_rate": 2.0}, "--vectors-rate must be between 0 and 1, not 2"),
    ],
)
def test_message_names_the_option(changes, message):
    with pytest.raises(UsageError) as raised:
        TrainConfig(**changes).validate()
    assert raised.value.message == message


def test_huge_model_is_rejected_unbuilt():
    with pytest.raises(UsageError, match="32.8 GB"):
        ModelConfig(labels=("a", "b"), vocab_size=2_000_000, embedding_dim=4096, units=64).validate()


@pytest.mark.parametrize("config", [MODEL, DataConfig(), TrainConfig()], ids=lambda config: type(config).__name__)
def test_definitions_are_complete(config):
    """Each number has bounds of its own type; each setting has a sentence of help that fits on a line."""
    assert list(config.settings()) == list(vars(config))
    for name, definition in config.settings().items():
        kinds = [kind for kind in (int, float) if kind in kinds_of(typing.get_type_hints(type(config))[name])]
        assert [type(bound) for bound in definition.bounds or ()] == 2 * kinds, name
        assert re.fullmatch(r"[^.\n]{7,75}\.", definition.help), name


def kinds_of(hint):
    return typing.get_args(hint) or (hint,)


def test_options_are_unique():
    definitions = [*DataConfig.settings().values(), *TrainConfig.settings().values()]
    flags = [flag for definition in definitions for flag in definition.option.split()]
    assert len(flags) == len(set(flags)) == 35
    assert all(re.fullmatch("-[a-z]|--[a-z-]+", flag) for flag in flags)


def test_bounds_of_whole_numbers():
    assert BOUNDS["epochs"] == (1, 10_000)
    assert BOUNDS["max_len"] == (1, 100_000)
    assert "dropout" not in BOUNDS


def test_names_from_before_a_rename():
    assert TrainConfig.from_dict({"members": 4}) == TrainConfig(ensemble_size=4)
    assert TrainConfig.from_dict({"word_vectors": "none"}) == TrainConfig(vectors="none")
    assert TrainConfig.from_dict({"word_vectors": "cooccurrence"}) == TrainConfig(vectors="own")


@pytest.mark.parametrize("value", ["naive-bayes", "none", None])
def test_setting_that_no_longer_exists(value):
    assert TrainConfig.from_dict({"word_odds": value, "units": 3}) == TrainConfig(units=3)
    with pytest.raises(ValueError, match="unknown field"):
        TrainConfig.from_dict({"word_odd": value})


@pytest.mark.parametrize(
    "name", ["none", "own", "reviews", "words", "glove.txt", "./glove", "/home/me/vectors.bin", None]
)
def test_vectors_are_a_name_or_a_file(name):
    assert TrainConfig(vectors=name).validate().vectors == name
    assert TrainConfig.from_dict({"vectors": name}).vectors == name


@pytest.mark.parametrize("name", ["", "glove", "Own", "cooccurence"])
def test_vectors_that_are_neither(name):
    with pytest.raises(ValueError, match="vectors must be "):
        TrainConfig.from_dict({"vectors": name})


@pytest.mark.parametrize(
    ("texts", "words", "epochs"),
    [
        (18_000, 4_000_000, 3),
        (8_001, 1_000_000, 3),
        (7_999, 1_000_000, 4),
        (3_200, 700_000, 8),
        (1_600, 300_000, 15),
        (800, 100_000, 30),
        (1, 1, 30),
        (1, 0, 30),
        (20_000, 5_000_000, 3),
        (20_000, 5_000_001, 2),
        (20_000, 7_500_000, 2),
        (20_000, 7_500_001, 1),
        (4_000, 5_000_001, 2),  # few texts, but long ones
        (1_000_000, 230_000_000, 1),
    ],
)
def test_epochs_follow_the_data(texts, words, epochs):
    assert TrainConfig().for_data(texts=texts, words=words).epochs == epochs
    assert TrainConfig(epochs=7).for_data(texts=texts, words=words).epochs == 7


@pytest.mark.parametrize(
    ("texts", "chosen"), [(2_999, (2, 0.0)), (3_000, (2, 0.2)), (9_999, (2, 0.2)), (10_000, (1, 0.2))]
)
def test_settings_that_follow_the_data(texts, chosen):
    adapted = TrainConfig().for_data(texts=texts, words=1)
    assert (adapted.ensemble_size, adapted.vectors_rate) == chosen
    assert adapted.vectors is None  # decided later
    explicit = TrainConfig(ensemble_size=5, vectors_rate=0.5, epochs=2, vectors="none")
    assert explicit.for_data(texts=texts, words=1) == explicit
    assert TrainConfig(vectors_rate=0.0).for_data(texts=texts, words=1).vectors_rate == 0
