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
    {"cut": "middle"},
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
    assert len(flags) == len(set(flags)) == 27
    assert all(re.fullmatch("-[a-z]|--[a-z-]+", flag) for flag in flags)


def test_bounds_of_whole_numbers():
    assert BOUNDS["epochs"] == (1, 10_000)
    assert BOUNDS["max_len"] == (1, 100_000)
    assert "dropout" not in BOUNDS


def test_names_from_before_a_rename():
    assert TrainConfig.from_dict({"members": 4}) == TrainConfig(ensemble_size=4)


@pytest.mark.parametrize(("texts", "epochs"), [(18_000, 3), (1_600, 30), (3_200, 15), (1_000_000, 3), (1, 30)])
def test_small_data_gets_more_epochs(texts, epochs):
    assert TrainConfig().epochs_for(texts) == epochs
    assert TrainConfig(epochs=7).epochs_for(texts) == 7


@pytest.mark.parametrize(("texts", "chosen"), [(9_999, ("naive-bayes", 0.3, 0.5)), (10_000, ("none", 0.0, 0.0))])
def test_small_data_defaults(texts, chosen):
    adapted = TrainConfig().for_texts(texts)
    assert (adapted.word_odds, adapted.word_dropout, adapted.output_dropout) == chosen
    explicit = TrainConfig(word_odds="none", word_dropout=0.1, output_dropout=0.2)
    assert explicit.for_texts(texts) == explicit
