"""Mails that came back: delivery reports and notices. Pure."""
