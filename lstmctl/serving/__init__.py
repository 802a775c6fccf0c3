"""Predictions over HTTP: what `lstmctl serve` runs. Starlette and uvicorn do the HTTP; nothing here is imported by
other commands."""
