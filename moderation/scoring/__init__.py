"""Texts in, eight scores out."""
