"""Labelled and unlabelled texts: from files, folders and named data sets to training, validation and test parts."""
