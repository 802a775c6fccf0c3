"""Models from and for other programs: single files of our own, .keras files, ONNX."""
