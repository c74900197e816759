"""Rows to data classes and back."""
