"""The batches of an epoch: complete, different in each epoch, a function of (seed, epoch) alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lstmctl.training.steps import batch_order

LENGTHS = np.random.default_rng(0).integers(0, 300, 3_333)


def flat(**changes):
    return np.concatenate(batch_order(LENGTHS, **{"batch_size": 32, "seed": 0, "epoch": 1, **changes})).tolist()


@given(texts=st.integers(1, 400), batch_size=st.integers(1, 40))
def test_each_text_is_in_one_batch(texts, batch_size):
    batches = batch_order(LENGTHS[:texts], batch_size=batch_size, seed=0, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(texts))
    assert max(map(len, batches)) <= batch_size
    assert len(batches) == -(-texts // batch_size)


def test_order_depends_on_seed_and_epoch():
    orders = [flat(epoch=epoch) for epoch in range(10)]
    assert len({tuple(numbers) for numbers in orders}) == 10
    assert flat(seed=1) != flat(seed=0)
    assert flat() == flat()


def test_texts_in_a_batch_have_similar_lengths():
    batches = batch_order(LENGTHS, batch_size=32, seed=0, epoch=1)
    padded = sum(LENGTHS[batch].max() * len(batch) for batch in batches)
    assert padded < 1.1 * LENGTHS.sum()
