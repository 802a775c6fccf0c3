# The one pair: `make check` reads, `make fix` writes.
.PHONY: check fix test slow

check:
	ruff format --check .
	ruff check .
	mypy

fix:
	ruff check --fix .
	ruff format .

test:
	pytest

slow:
	pytest -m slow --timeout 7200 -n 0
