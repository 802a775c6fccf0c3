"""Training with Keras: the only place that imports tensorflow and keras."""
