"""Every sentence that a customer, an agent or an operator reads: one TOML file a language, read once at import."""

from importlib.resources import files

from conversation.wording.catalogue import Catalogue, Texts, read_catalogue

__all__ = ["CATALOGUE", "Catalogue", "Texts", "read_catalogue"]

CATALOGUE = read_catalogue(files(__package__))
