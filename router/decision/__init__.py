"""From a message and what is known of its sender to facts, and from facts to a decision."""
