"""Recipes: those of the program, those of a user, and what can be wrong with them."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from lstmctl import recipes
from lstmctl.config import TrainConfig
from lstmctl.errors import UsageError


def test_standard_recipe():
    assert recipes.DEFAULT == "standard"
    standard = recipes.resolve("standard", {})
    assert (standard.tokenizer, standard.ngrams, standard.cut) == ("words-2", "3", "middle")
    assert (standard.ensemble_size, standard.vectors, standard.epochs) == (None, None, None)  # follow the data


@pytest.mark.parametrize("name", ["accurate", "classic", "readable", "standard"])
def test_built_in_recipes_can_be_used(name):
    assert recipes.resolve(name, {}).to_dict() == TrainConfig().to_dict() | recipes.read(name)


def test_classic_recipe_is_the_post():
    classic = recipes.resolve("classic", {})
    assert (classic.padding, classic.schedule, classic.epochs, classic.keep) == ("pre", "constant", 3, "last")
    assert (classic.vocab_size, classic.max_len, classic.embedding_dim, classic.units) == (10_000, 500, 32, 32)
    assert (classic.dropout, classic.batch_size, classic.optimizer, classic.learning_rate) == (0.2, 32, "rmsprop", 1e-3)


def test_options_override_the_recipe():
    assert recipes.resolve("classic", {"epochs": 7, "seed": 3}) == dataclasses.replace(
        recipes.resolve("classic", {}), epochs=7, seed=3
    )


def test_origins(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("units = 3\nlayers = 2\n")
    origins = recipes.find_origins(str(path), ["units", "learning_rate"])
    assert list(origins) == list(vars(TrainConfig()))
    assert (origins["units"], origins["learning_rate"]) == ("--units", "--lr")
    assert origins["layers"] == f"recipe {path}"
    # What it leaves out has its default, which is not always that of the standard recipe.
    assert recipes.resolve(str(path), {}).ngrams == "none"
    assert "standard" not in origins["ngrams"] + origins["epochs"]
    standard = recipes.find_origins("standard", ["units"])
    assert (standard["ngrams"], standard["units"]) == ("recipe standard", "--units")


def test_keys_from_before_a_rename(tmp_path):
    path = tmp_path / "old.toml"
    path.write_text('members = 4\nword_vectors = "cooccurrence"\n')
    assert recipes.resolve(str(path), {}).ensemble_size == 4
    assert recipes.resolve(str(path), {}).vectors == "own"
    origins = recipes.find_origins(str(path), [])
    assert origins["ensemble_size"] == origins["vectors"] == f"recipe {path}"


def test_printed_line_has_origin_and_help():
    lines = recipes.to_toml(TrainConfig(units=64), dict.fromkeys(vars(TrainConfig()), "a test")).splitlines()
    assert "units = 64                      # a test · Number of LSTM units." in lines
    assert not any(line.startswith("epochs") for line in lines)
    assert max(map(len, lines)) <= 110


def test_printed_recipe_can_be_read(tmp_path):
    settings = TrainConfig(
        epochs=4, clip_norm=0.5, padding="pre", bidirectional=True, time_limit=90.0, learning_rate=1e-5, threads=2
    )
    path = tmp_path / "mine.toml"
    path.write_text(recipes.to_toml(settings, dict.fromkeys(vars(settings), "a test")))
    assert recipes.resolve(str(path), {}) == settings
    assert recipes.resolve(str(path), {"units": 5}).units == 5


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("unit = 64", 'unknown key "unit"', 'did you mean "units"?'),
        ("units = 'many'", "'units' must be a whole number", None),
        ("units = true", "'units' must be a whole number", None),
        ("units = 0", "units must be 1 or more", None),
        ("dropout = nan", "dropout", None),
        ("dropout = 1e999", "dropout", None),
        ("schedule = 'cosin'", "must be one of constant, linear, cosine", None),
        ("epochs = 99999999999999999999", "must be at most", None),
        ("units = 1\nunits = 2", "is not TOML", "--dry-run"),
        ("units 3", "line 1", "--dry-run"),
        ("[model]\nunits = 3", 'unknown key "model"', None),
        (b"\xff", "is not TOML", "--dry-run"),
        ("a = " + "[" * 5000, "is not TOML", "--dry-run"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_unusable_recipes(tmp_path, content, message, hint):
    path = tmp_path / "bad.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as raised:
        recipes.resolve(str(path), {})
    assert message in raised.value.message
    assert hint is None or hint in raised.value.hint


def test_missing_recipes(tmp_path):
    for recipe in ("clasic", "../classic", str(tmp_path / "none.toml"), ""):
        with pytest.raises(UsageError, match="there is no recipe"):
            recipes.resolve(recipe, {})


def test_built_in_recipes_begin_with_a_description():
    assert recipes.names() == ["accurate", "classic", "readable", "standard"]
    for name in recipes.names():
        text = (Path(recipes.__file__).parent / f"{name}.toml").read_text()
        assert text.startswith("# ")
        tomllib.loads(text)
