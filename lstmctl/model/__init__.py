"""The model in NumPy: tokenizer, LSTM, classifier, explanation. It touches no files."""
