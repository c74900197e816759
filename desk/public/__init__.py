"""Endpoints without a login: health, webhooks of providers, public files."""
