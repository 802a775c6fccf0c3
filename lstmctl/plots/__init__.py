"""Figures, drawn in the terminal or as pictures, and lines of text."""
