"""Batches across requests: which texts go together, in what order, and that the bits stay the same."""

import asyncio

import numpy as np
import pytest
from toy import register_random, register_toy

from lstmctl.registry.store import Registry
from lstmctl.serving import batching
from lstmctl.serving.batching import Batcher


@pytest.fixture
def classifier(home):
    return register_random(home, {"ngrams": "2"}).classifier()


def together(classifier, *requests, **options):
    """The predictions of requests that arrive at the same time, and the sizes of the batches."""
    sizes = []

    async def ask():
        batcher = Batcher(sizes.append)
        asked = (batcher.predict(classifier, texts, threshold) for texts, threshold in requests)
        try:
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            batcher.stop()

    return asyncio.run(ask()), sizes


def texts(number, seed):
    generator = np.random.default_rng(seed)
    return [
        " ".join(generator.choice(["good", "bad", "film", "who"], size)) for size in generator.integers(0, 12, number)
    ]


def test_what_waits_is_the_next_batch_and_bits_are_those_of_single_predictions(classifier):
    requests = [(texts(1 + seed % 3, seed), None if seed % 2 else 0.3) for seed in range(40)]
    answers, sizes = together(classifier, *requests)
    assert answers == [classifier.predict(asked, threshold=threshold) for asked, threshold in requests]
    assert sizes == [1, batching.BATCH_TEXTS, sum(len(asked) for asked, _ in requests) - 1 - batching.BATCH_TEXTS]


def test_a_large_request_takes_turns(classifier):
    """A short request that arrives behind a long one is in the second batch, not after the last."""
    order = []

    async def ask():
        batcher = Batcher()

        async def one(name, asked):
            answers = await batcher.predict(classifier, asked, None)
            order.append(name)
            return answers

        long, short = texts(500, 0), texts(2, 1)
        both = await asyncio.gather(one("long", long), one("short", short))
        batcher.stop()
        return both == [classifier.predict(long), classifier.predict(short)]

    assert asyncio.run(ask()) and order == ["short", "long"]


def test_long_texts_make_small_batches(classifier):
    long = "good " * (batching.BATCH_CHARACTERS // 10)
    answers, sizes = together(classifier, ([long] * 5, None))
    assert sizes == [2, 2, 1] and len(set(answers[0][0].probabilities)) == 2
    huge = "good " * batching.BATCH_CHARACTERS
    assert together(classifier, ([huge, "bad", huge], None))[1] == [1, 1, 1]


def test_two_models_do_not_share_a_batch(home):
    first, second = (Registry(home).resolve(register_toy(home)).classifier() for _ in range(2))

    async def ask():
        batcher = Batcher()
        models = [first, second, first, second]
        answers = await asyncio.gather(*(batcher.predict(model, ["good", "bad"], None) for model in models))
        batcher.stop()
        return answers

    assert asyncio.run(ask()) == [first.predict(["good", "bad"])] * 4


def test_an_error_reaches_the_requests_of_its_batch_only(classifier, monkeypatch):
    whole = type(classifier).encode

    def encode(self, text):
        return 1 / 0 if text == "poison" else whole(self, text)

    monkeypatch.setattr(type(classifier), "encode", encode)

    async def ask():
        batcher = Batcher()
        poisoned = await asyncio.gather(batcher.predict(classifier, ["poison"], None), return_exceptions=True)
        sound = await batcher.predict(classifier, ["good"], None)
        batcher.stop()
        return poisoned, sound

    (error,), sound = asyncio.run(ask())
    assert isinstance(error, ZeroDivisionError) and len(sound) == 1


def test_what_is_cancelled_is_dropped(classifier):
    async def ask():
        sizes = []
        batcher = Batcher(sizes.append)
        given_up = asyncio.create_task(batcher.predict(classifier, texts(1_000, 0), None))
        await asyncio.sleep(0)
        given_up.cancel()
        rest = await batcher.predict(classifier, ["good"], None)
        batcher.stop()
        return sizes, rest

    sizes, rest = asyncio.run(ask())
    assert len(rest) == 1 and sum(sizes) < 100
