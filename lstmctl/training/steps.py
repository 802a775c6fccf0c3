"""Many steps in one call: batches are assembled, and steps run, inside one traced function.

Between two calls the caller can report, save and stop. How the steps of an epoch are divided into calls changes
nothing: a step depends only on the weights, the optimizer, its number and the order of the texts. That order, in
batches of similar length, is a function of (seed, epoch) alone.
"""

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lstmctl.config import PADDING, TrainConfig
from lstmctl.training import forward
from lstmctl.training.prepare import Plan

# Batches whose texts are sorted by length together. Fewer waste padding; many more make the order less random.
_GROUP = 50


@dataclass(frozen=True)
class Sums:
    """Running totals of an epoch."""

    steps: int = 0
    losses: float = 0.0  # weighted by label if the recipe says so
    right: float = 0.0  # correct predictions
    seen: int = 0  # texts


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to `peak` over the first `warmup` steps, then decays to 0 at step `total`, linearly or
    along half a cosine wave."""

    def __init__(self, peak: float, warmup: int, total: int, *, cosine: bool = False) -> None:
        self.peak, self.warmup, self.total, self.cosine = peak, warmup, total, cosine

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        now = tf.cast(step, tf.float32) + 1
        rising = now / max(1, self.warmup)
        falling = (self.total - now + 1) / max(1, self.total - self.warmup)
        if self.cosine:
            falling = 0.5 - 0.5 * tf.cos(np.pi * tf.minimum(1.0, falling))
        return self.peak * tf.minimum(1.0, tf.minimum(rising, falling))

    def get_config(self) -> dict[str, float]:
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total, "cosine": self.cosine}


class Steps:
    """The steps of a training run. Each changes `optimizer` and `network`."""

    def __init__(self, network: keras.Model, plan: Plan, *, read: forward.Read) -> None:
        self.network = network
        self.optimizer = _optimizer(plan.training, steps=plan.steps * plan.epochs)
        self.optimizer.build(network.trainable_variables)
        self._model, self._training, self._read = plan.model, plan.training, read
        self._dropout = forward.Dropout(
            plan.training.dropout,
            words=plan.training.word_dropout,
            output=plan.training.output_dropout,
        )
        lengths = np.array([text.size for text in plan.train.ids], np.int32)
        self._words = tf.constant(np.concatenate([*plan.train.ids, np.zeros(1, np.int32)]))  # of all texts
        self._starts = tf.constant(np.cumsum(lengths, dtype=np.int32) - lengths)
        self._lengths = tf.constant(lengths)
        self._truth = tf.constant(plan.train.truth.astype(np.int32))
        self._label_weights = tf.constant(label_weights(plan.train.truth, plan.training, labels=len(plan.model.labels)))
        self._ngram_inputs = self._ngram_logits = None
        if plan.train.ngrams is not None:
            self._ngram_logits = tf.constant(plan.train.ngrams.logits, tf.float32)
            if self._model.ngram_inputs:
                self._ngram_inputs = tf.constant(np.pad(plan.train.ngrams.inputs.astype(np.float16), [(0, 1), (0, 0)]))
        self._ensemble_size = plan.ensemble_size
        self._embedding_rate = plan.embedding_rate
        self._traced: Any = None

    def optimizer_slots(self) -> dict[str, keras.Variable]:
        """The optimizer's variables by their Keras paths, without learning rate and step count."""
        optimizer = self.optimizer
        return {
            variable.path: variable
            for variable in optimizer.variables
            if variable is not optimizer.iterations and variable.path != f"{optimizer.name}/learning_rate"
        }

    def trace(self) -> None:
        """Let TensorFlow compile the steps: takes seconds, and changes nothing."""
        numbers, sums = tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.float64)
        # AutoGraph has nothing to convert here, and would take most of the time.
        function = tf.function(
            self._run, autograph=False, input_signature=[numbers, numbers, tf.TensorSpec([2], tf.int32), sums]
        )
        self._traced = function.get_concrete_function()

    def run(self, batches: list[NDArray[np.int64]], sums: Sums, *, stop: int, done: int) -> Sums:
        """Run the steps of an epoch from `sums.steps` to `stop`; ends early if the loss is no longer a number.

        `batches` are those of the epoch; `done` is the number of steps in earlier epochs.
        """
        if self._traced is None:
            self.trace()
        chunk = batches[sums.steps : stop]
        texts = np.concatenate(chunk).astype(np.int32)
        ends = np.cumsum([batch.size for batch in chunk], dtype=np.int32)
        steps, added = self._traced(
            tf.constant(texts),
            tf.constant(ends),
            tf.constant([self._training.seed, done + sums.steps], tf.int32),
            tf.constant([sums.losses, sums.right], tf.float64),
        )
        losses, right = added.numpy()
        made = int(steps)
        seen = sums.seen + int(ends[made - 1])
        return replace(sums, steps=sums.steps + made, losses=float(losses), right=float(right), seen=seen)

    def _run(self, texts: tf.Tensor, ends: tf.Tensor, first: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Run the batches of a chunk, the concatenated `texts` that `ends` divides. `first` is the random seed and the
        number of the first step, `sums` the losses and correct predictions so far → steps done, new sums."""

        def is_finite(step: tf.Tensor, start: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
            return (step < tf.size(ends)) & tf.math.is_finite(sums[0])

        def run_step(step: tf.Tensor, start: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            added = self._step(texts[start : ends[step]], seed=tf.stack([first[0], first[1] + step]))
            return step + 1, ends[step], sums + tf.cast(added, tf.float64)

        # One step after another: each needs the weights that the previous one left.
        step, _, sums = tf.while_loop(
            is_finite, run_step, (tf.constant(0), tf.constant(0), sums), parallel_iterations=1
        )
        return step, sums

    def _step(self, texts: tf.Tensor, *, seed: tf.Tensor) -> tf.Tensor:
        """One batch; (2,): its summed loss and its number of correct predictions."""
        words, lengths, ngram_inputs = self._batch(texts)
        truth = tf.gather(self._truth, texts)
        with tf.GradientTape() as tape:
            embedded = forward.embed(self.network, words, unknown=self._dropout.words > 0)
            member_logits = [
                forward.logits(
                    self.network,
                    self._model,
                    embedded,
                    lengths,
                    read=self._read,
                    dropout=self._dropout,
                    seed=seed,
                    ngram_inputs=ngram_inputs,
                    member=member,
                    ensemble_size=self._ensemble_size,
                )
                for member in range(self._ensemble_size)
            ]
            if self._ngram_logits is not None:
                ngram_logits = tf.gather(self._ngram_logits, texts)
                member_logits = [logits + ngram_logits for logits in member_logits]
            if self._model.outputs == 1:
                # σ(z) is the softmax of (0, z).
                member_logits = [tf.concat([tf.zeros_like(logits), logits], axis=1) for logits in member_logits]
            member_losses = [tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits) for logits in member_logits]
            losses = tf.add_n(member_losses) / len(member_losses) * tf.gather(self._label_weights, truth)
            loss = tf.reduce_mean(losses)
        # Dense: Keras's handling of sparse gradients fails on NaN before divergence can be reported.
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(loss, self.network.trainable_variables)]
        embedding, rate = self.network.get_layer("embedding").embeddings, self._embedding_rate
        before = embedding.value.read_value() if rate not in (0, 1) else None
        self.optimizer.apply(gradients, self.network.trainable_variables)
        if before is not None:  # scaling gradients instead would change nothing: these optimizers are scale-free
            embedding.assign(before + rate * (embedding.value - before))
        correct = tf.equal(tf.argmax(tf.add_n(member_logits), 1, tf.int32), truth)
        return tf.stack([tf.reduce_sum(losses), tf.reduce_sum(tf.cast(correct, tf.float32))])

    def _batch(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        """Word ids (batch, longest), padded as by `network.pad`; the number of words read of each row, (batch,); and
        the n-gram inputs of each word, (batch, longest, inputs)."""
        lengths = tf.gather(self._lengths, texts)
        left = self._model.padding == "pre"
        width = tf.constant(self._model.max_len) if left else tf.maximum(1, tf.reduce_max(lengths))
        index = tf.range(width)[None]
        if left:
            index -= width - lengths[:, None]
        inside = (index >= 0) & (index < lengths[:, None])
        positions = tf.where(inside, tf.gather(self._starts, texts)[:, None] + index, 0)
        words = tf.where(inside, tf.gather(self._words, positions), PADDING)
        ngram_inputs = None
        if self._ngram_inputs is not None:
            ngram_inputs = tf.cast(tf.gather(self._ngram_inputs, positions), tf.float32)
            ngram_inputs = tf.where(inside[:, :, None], ngram_inputs, 0.0)
        return words, tf.fill(tf.shape(lengths), width) if left else lengths, ngram_inputs


def label_weights(truth: NDArray[np.int64], config: TrainConfig, *, labels: int) -> NDArray[np.float32]:
    """(labels,): the weight of a text of each label; the mean over the texts is 1.

    Balanced: texts / (labels · texts of the label), as in scikit-learn's `compute_class_weight`.
    """
    if config.class_weight == "none":
        return np.ones(labels, np.float32)
    counts = np.bincount(truth, minlength=labels)
    return (truth.size / (labels * np.maximum(counts, 1))).astype(np.float32)


def _optimizer(config: TrainConfig, *, steps: int) -> keras.optimizers.Optimizer:
    rate: float | WarmUp = config.learning_rate
    if config.schedule != "constant":
        cosine = config.schedule == "cosine"
        rate = WarmUp(config.learning_rate, round(config.warmup * steps), steps, cosine=cosine)
    kinds = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
    return kinds[config.optimizer](learning_rate=rate, global_clipnorm=config.clip_norm, name="optimizer")


def batch_order(lengths: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """The indices of the texts in each batch of an epoch: each text once, with others of similar length.

    Philox is keyed, not seeded: no two epochs or seeds share a stream.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    shuffled = generator.permutation(lengths.size)
    batches = []
    for start in range(0, lengths.size, _GROUP * batch_size):
        group = shuffled[start : start + _GROUP * batch_size]
        by_length = group[np.argsort(lengths[group], kind="stable")]
        batches += [by_length[first : first + batch_size] for first in range(0, by_length.size, batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]
