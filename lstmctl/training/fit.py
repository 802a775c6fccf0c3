"""The training loop: steps, and after each epoch a validation. It reports; it never prints and never saves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from lstmctl.classifier import Classifier, choose
from lstmctl.config import PADDING, TrainConfig
from lstmctl.errors import AnsweredNo
from lstmctl.history import EpochRecord
from lstmctl.metrics import accuracy, log_loss, wilson
from lstmctl.training import network as networks
from lstmctl.training.batches import order, pad
from lstmctl.training.fused import last_hidden
from lstmctl.training.prepare import Plan

REPORT_EVERY = 0.1  # seconds between two reports of progress


@dataclass(frozen=True)
class Progress:
    """Where training is: loss and accuracy are running means of this epoch."""

    epoch: int
    step: int
    loss: float
    accuracy: float


class WarmUpThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a straight line from 0 to `peak` over the first `warmup` steps, then falls to 0 at step `total`."""

    def __init__(self, peak: float, warmup: int, total: int) -> None:
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        now = tf.cast(step, tf.float32) + 1
        rising = now / max(1, self.warmup)
        falling = (self.total - now + 1) / max(1, self.total - self.warmup)
        return self.peak * tf.minimum(1.0, tf.minimum(rising, falling))

    def get_config(self) -> dict[str, float]:
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


def fit(network: keras.Model, plan: Plan) -> Iterator[Progress | EpochRecord]:
    """Train epoch after epoch; yields `Progress` now and then, and an `EpochRecord` after each epoch.

    While the iterator rests after an `EpochRecord`, the network holds that epoch's weights.

    Raises:
        AnsweredNo: training diverged: the loss is no longer a finite number.
    """
    optimizer = _optimizer(plan.training, steps=plan.steps * plan.epochs)
    step = _step_function(network, optimizer, plan.training)
    lengths = np.array([text.size for text in plan.train.ids])
    truth = plan.train.truth.astype(np.int32)
    for epoch in range(1, plan.epochs + 1):
        started = reported = time.monotonic()
        losses = right = seen = 0.0
        batches = order(lengths, batch_size=plan.training.batch_size, seed=plan.training.seed, epoch=epoch)
        for number, batch in enumerate(batches, start=1):
            done = (epoch - 1) * plan.steps + number - 1
            loss, hits = step(pad([plan.train.ids[text] for text in batch]), truth[batch], done)
            losses += float(loss) * batch.size
            right += float(hits)
            seen += batch.size
            if not np.isfinite(losses):
                raise AnsweredNo(
                    f"training diverged in epoch {epoch} at step {number}: the loss is no longer a number",
                    hint=f"try a smaller learning rate: --lr {plan.training.learning_rate / 10:g}",
                )
            if time.monotonic() - reported >= REPORT_EVERY:
                reported = time.monotonic()
                yield Progress(epoch, number, losses / seen, right / seen)
        yield _epoch_record(
            Progress(epoch, len(batches), losses / seen, right / seen),
            plan,
            network=network,
            learning_rate=float(optimizer.learning_rate),
            started=started,
        )


def _step_function(
    network: keras.Model, optimizer: keras.optimizers.Optimizer, config: TrainConfig
) -> tf.types.experimental.GenericFunction:
    """One step on one batch: (words, truth, number of the step) → (mean loss, texts answered right)."""
    optimizer.build(network.trainable_variables)
    logits_of = stock_logits if tf.config.list_physical_devices("GPU") else fused_logits
    words, numbers, number = (
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([], tf.int32),
    )

    @tf.function(input_signature=[words, numbers, number])
    def step(words: tf.Tensor, truth: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = logits_of(network, words, dropout=config.dropout, seed=tf.stack([config.seed, number]))
            if logits.shape[1] == 1:
                logits = tf.concat([tf.zeros_like(logits), logits], axis=1)  # σ(z) is the softmax of (0, z)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits))
        # Dense, because Keras's way with row-wise gradients fails on NaN before we can say that training diverged.
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(loss, network.trainable_variables)]
        optimizer.apply(gradients, network.trainable_variables)
        hits = tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, 1, tf.int32), truth), tf.float32))
        return loss, hits

    return step


def stock_logits(network: keras.Model, words: tf.Tensor, *, dropout: float, seed: tf.Tensor) -> tf.Tensor:
    """The network as Keras runs it, with its own dropout: for a GPU, where it has a fused kernel."""
    return network(words, training=True)


def fused_logits(network: keras.Model, words: tf.Tensor, *, dropout: float, seed: tf.Tensor) -> tf.Tensor:
    """The same network on a CPU. `seed` (2,) alone decides what dropout hides, so a step can be repeated exactly."""
    embedding, lstm, head = (network.get_layer(name) for name in ("embedding", "lstm.0.forward", "head"))
    embedded = tf.gather(embedding.embeddings, words)
    if dropout > 0:
        # As in Keras: each text has one mask, the same for all of its words.
        shape = [tf.shape(words)[0], 1, embedded.shape[2]]
        kept = tf.random.stateless_uniform(shape, seed) >= dropout
        embedded = embedded * tf.cast(kept, tf.float32) / (1 - dropout)
    lengths = tf.reduce_sum(tf.cast(words != PADDING, tf.int32), axis=1)
    return head(last_hidden(embedded, lengths, *(variable.value for variable in lstm.trainable_variables)))


def _optimizer(config: TrainConfig, *, steps: int) -> keras.optimizers.Optimizer:
    rate: float | WarmUpThenLinear = config.learning_rate
    if config.schedule == "linear":
        rate = WarmUpThenLinear(config.learning_rate, round(config.warmup * steps), steps)
    kinds = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
    return kinds[config.optimizer](learning_rate=rate, global_clipnorm=config.clip_norm)


def _epoch_record(
    end: Progress, plan: Plan, *, network: keras.Model, learning_rate: float, started: float
) -> EpochRecord:
    """Validate with the forward pass that will serve the model."""
    classifier = Classifier(plan.model, plan.vocabulary, networks.weights(network))
    answers = classifier.probabilities(plan.validation.ids)
    predicted, truth = choose(answers), plan.validation.truth
    interval = wilson(int(np.sum(predicted == truth)), len(truth))
    return EpochRecord(
        epoch=end.epoch,
        loss=end.loss,
        accuracy=end.accuracy,
        val_loss=log_loss(answers, truth),
        val_accuracy=accuracy(truth, predicted),
        val_low=interval.low,
        val_high=interval.high,
        learning_rate=learning_rate,
        seconds=time.monotonic() - started,
    )
