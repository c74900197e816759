"""Decides: which language, which issue, which queue, which agent; and the flows that carry it out."""
