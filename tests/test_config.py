"""The three records: bounds, types, and the sizes that follow from them."""

import json
import math

import pytest

from lstmctl.config import BOUNDS, REAL_BOUNDS, DataConfig, ModelConfig, TrainConfig
from lstmctl.errors import UsageError

MODEL = ModelConfig(labels=("neg", "pos"))


def test_the_posts_model_has_the_posts_numbers():
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


def test_three_labels_have_three_outputs_and_no_positive_one():
    model = ModelConfig(labels=("a", "b", "c"))
    assert (model.positive, model.outputs) == (None, 3)


@pytest.mark.parametrize(
    "record", [MODEL, DataConfig(rename_label=(("0", "neg"),), limit=5), TrainConfig(epochs=3, clip_norm=1.0)]
)
def test_records_survive_json(record):
    assert type(record).from_dict(json.loads(json.dumps(record.to_dict()))) == record


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
def test_hostile_values_are_refused(changes):
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
def test_a_bad_option_is_named(changes, message):
    with pytest.raises(UsageError) as refused:
        TrainConfig(**changes).validate()
    assert refused.value.message == message


def test_sizes_are_estimated_before_anything_is_allocated():
    with pytest.raises(UsageError, match="32.8 GB"):
        ModelConfig(labels=("a", "b"), vocab_size=2_000_000, embedding_dim=4096, units=64).validate()


def test_every_bounded_setting_exists():
    known = {*vars(MODEL), *vars(DataConfig()), *vars(TrainConfig()), "threads", "early_stopping"}
    assert known >= {*BOUNDS, *REAL_BOUNDS}


@pytest.mark.parametrize(("texts", "epochs"), [(18_000, 3), (1_600, 30), (3_200, 15), (1_000_000, 3), (1, 30)])
def test_small_data_is_read_more_often(texts, epochs):
    assert TrainConfig().epochs_for(texts) == epochs
    assert TrainConfig(epochs=7).epochs_for(texts) == 7


@pytest.mark.parametrize(("texts", "chosen"), [(9_999, ("naive-bayes", 0.3, 0.5)), (10_000, ("none", 0.0, 0.0))])
def test_of_few_texts_more_is_hidden_and_more_is_given(texts, chosen):
    adapted = TrainConfig().for_texts(texts)
    assert (adapted.word_odds, adapted.word_dropout, adapted.output_dropout) == chosen
    said = TrainConfig(word_odds="none", word_dropout=0.1, output_dropout=0.2)
    assert said.for_texts(texts) == said
