"""Train, measure, explain and serve LSTM text classifiers from the shell."""

__version__ = "0.1.0"
