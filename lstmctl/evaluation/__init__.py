"""How good a model is on labelled texts: metrics, their confidence intervals, baselines, calibration."""
