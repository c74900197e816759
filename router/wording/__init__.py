"""Sentences about openings, the state of a conversation and phone callbacks, in the customer's language."""
