"""What a training would cost, before TensorFlow is loaded."""

import time
from dataclasses import dataclass

import numpy as np

from lstmctl.classifier import Classifier
from lstmctl.training.members import member_config
from lstmctl.training.prepare import Plan

# A step costs about as much as so many forward passes in NumPy over its texts (two threads; docs/explain/training.md).
_PASSES_A_STEP = 4.0
_START_SECONDS = 6.0  # to load TensorFlow and trace the steps
_START_BYTES = 0.75e9  # of TensorFlow and the texts
_TRIED = 256  # texts that are timed


@dataclass(frozen=True)
class Cost:
    """An estimate."""

    parameters: int
    seconds: float
    memory_bytes: int


def estimate(plan: Plan) -> Cost:
    """Time the forward pass on this machine, with weights of no meaning, and go on from there."""
    members = plan.training.members
    config = member_config(plan.model, members)  # zeros between the members are not trained
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in config.shapes().items()}
    classifier = Classifier(config, plan.vocabulary, weights)
    tried = plan.train.ids[:_TRIED]
    classifier.probabilities(tried)  # the first time also fills the table of words
    started = time.perf_counter()
    classifier.probabilities(tried)
    a_text = members * (time.perf_counter() - started) / len(tried)
    an_epoch = a_text * (_PASSES_A_STEP * len(plan.train) + len(plan.validation))
    # Weights, gradients, the optimizer's, those to be saved.
    copies = {"rmsprop": 6, "adam": 7}[plan.training.optimizer]
    lstms = members * config.layers * len(config.directions)
    a_step = plan.training.batch_size * config.max_len * lstms * 20 * max(config.units, config.embedding_dim)
    return Cost(
        parameters=plan.model.parameters,
        seconds=_START_SECONDS + plan.epochs * an_epoch,
        memory_bytes=int(_START_BYTES + 4 * (copies * plan.model.parameters + a_step)),
    )
