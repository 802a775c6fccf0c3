"""The check before a model is registered: NumPy, which will serve it, must answer what Keras answers."""

import keras
import numpy as np

from lstmctl.classifier import Classifier
from lstmctl.errors import Disagreement
from lstmctl.training import network as networks
from lstmctl.training.prepare import Plan
from lstmctl.training.words import Ids

TOLERANCE = 1e-5  # largest difference of any probability
TEXTS = 64


def check(network: keras.Model, classifier: Classifier, plan: Plan) -> float:
    """The largest difference between the two forward passes on real texts of 0 to max_len words.

    Raises:
        Disagreement: it is larger than TOLERANCE.
    """
    texts = sample(plan.validation.ids, max_len=plan.model.max_len)
    ours, theirs = classifier.probabilities(texts), networks.probabilities(network, networks.pad(texts, plan.model))
    difference = float(np.abs(ours - theirs).max())
    if not difference <= TOLERANCE:  # also true for NaN
        raise Disagreement(
            f"NumPy and Keras disagree about this model by {difference:.1e} (allowed: {TOLERANCE:g}); it was not saved",
            hint="this is a bug in lstmctl: please report it, with what pip list prints",
        )
    return difference


def sample(texts: list[Ids], *, max_len: int) -> list[Ids]:
    """Texts of all lengths: none, one word, evenly spaced ones of the given texts, and one of max_len words."""
    by_length = sorted(texts, key=len)
    places = np.linspace(0, len(by_length) - 1, min(TEXTS, len(by_length))).round().astype(int)
    chosen = [by_length[place] for place in places]
    words = np.concatenate([*chosen, np.ones(1, np.int32)])
    return [words[:0], words[:1], *chosen, np.resize(words, max_len)]
