"""Which model a reference means while a server runs."""

import os
from dataclasses import replace

import pytest
from toy import CONFIG, register_toy

from lstmctl.registry.store import Registry
from lstmctl.serving import models
from lstmctl.serving.errors import RequestError
from lstmctl.serving.models import Catalogue


@pytest.fixture
def registry(home, no_fsync):
    for _ in range(2):
        register_toy(home, "shop")
    registry = Registry(home)
    registry.tag("shop@1", "prod")
    return registry


def loaded(registry, *references):
    reports = []
    catalogue = Catalogue(registry.home, references, lambda event, **fields: reports.append((event, fields)))
    catalogue.refresh()
    return catalogue, reports


def status(catalogue, name):
    with pytest.raises(RequestError) as caught:
        catalogue.find(name)
    return caught.value.status


def test_a_tag_and_a_name_are_followed(registry):
    catalogue, reports = loaded(registry, "shop@prod", "shop", "shop@1")
    means = {name: catalogue.find(name).reference for name in (None, "shop@prod", "shop", "shop@1")}
    assert means == {None: "shop@1", "shop@prod": "shop@1", "shop": "shop@2", "shop@1": "shop@1"}
    assert catalogue.find("shop@prod").classifier is catalogue.find("shop@1").classifier  # in memory once
    register_toy(registry.home, "shop")
    registry.tag("shop@2", "prod")
    before = catalogue.find("shop@prod")
    catalogue.refresh()
    assert catalogue.find("shop@prod").reference == "shop@2" and catalogue.find("shop").reference == "shop@3"
    assert before.classifier.predict("good").label == "pos"  # for requests that have it in hand
    assert [fields["model"] for event, fields in reports if event == "model"] == [
        *("shop@1", "shop@2", "shop@1"),
        *("shop@2", "shop@3"),
    ]


def test_a_model_that_is_removed_and_restored(registry):
    catalogue, reports = loaded(registry, "shop@1", "shop@2")
    registry.remove("shop@1")
    for _ in range(2):
        catalogue.refresh()
    assert status(catalogue, "shop@1") == 404 and catalogue.find("shop@2")
    assert [fields["name"] for event, fields in reports if event == "model_error"] == ["shop@1"]  # told once
    registry.restore("shop@1")
    catalogue.refresh()
    assert catalogue.find("shop@1").reference == "shop@1"


@pytest.mark.parametrize("name", ["weights.safetensors", "vocab.txt", "model.json", "SHA256SUMS"])
def test_a_model_that_is_broken_and_repaired(registry, monkeypatch, name):
    path = registry.resolve("shop@2").path / name
    data = path.read_bytes()
    path.write_bytes(data[:-9])
    catalogue, _ = loaded(registry, "shop@prod")
    registry.tag("shop@2", "prod")
    catalogue.refresh()
    assert status(catalogue, "shop@prod") == 503
    assert catalogue.first_error() is not None
    path.write_bytes(data)
    monkeypatch.setattr(models, "_TRY_AGAIN", 0)
    catalogue.refresh()
    assert catalogue.find("shop@prod").reference == "shop@2" and catalogue.first_error() is None


def test_the_registry_is_out_of_reach_for_a_moment(registry, monkeypatch):
    catalogue, reports = loaded(registry, "shop@prod")
    with monkeypatch.context() as away:
        away.setattr(os, "listdir", lambda descriptor: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        catalogue.refresh()
        assert catalogue.find("shop@prod").reference == "shop@1"
    assert reports[-1][0] == "model_error" and "input/output error" in reports[-1][1]["message"]
    assert catalogue.describe()[0]["message"]
    catalogue.refresh()
    assert catalogue.describe()[0]["message"] is None


def test_a_bare_name_of_two_versions_is_not_clear(registry):
    catalogue, _ = loaded(registry, "shop@1", "shop@prod")
    assert status(catalogue, "shop") == 404


def test_a_tag_may_move_to_a_model_with_other_labels(registry):
    register_toy(registry.home, "shop", config=replace(CONFIG, labels=("a", "b", "c")))
    catalogue, _ = loaded(registry, "shop@prod")
    registry.tag("shop@3", "prod")
    catalogue.refresh()
    assert catalogue.describe()[0]["labels"] == ["a", "b", "c"]
