"""Activation of rulebooks, overrides of hours, erasure, retention."""
