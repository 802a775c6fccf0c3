# The one pair: `make check` reads, `make fix` writes.
.PHONY: check fix test browser long docs ray servers packaging slow

check:
	ruff format --check .
	ruff check .
	mypy
	lint-imports

fix:
	ruff check --fix .
	ruff format .

test:
	pytest

browser:
	pytest -m browser -n 0

long:
	pytest -m long

docs:
	pytest -m docs

ray:
	pytest -m ray -n 0

servers:
	pytest -m servers -n 0

packaging:
	pytest -m packaging -n 0

slow:
	pytest -m slow --timeout 7200 -n 0
