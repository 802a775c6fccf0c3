"""The page opens and answers."""

from page_models import make_model


def test_opens(open_page, home):
    page = open_page(make_model(home, "n-grams"), fragment="#text=not%20good")
    assert page.evaluate("document.body.dataset.label") in ("neg", "pos")
