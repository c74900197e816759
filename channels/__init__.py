"""Where customers reach us: one folder for each kind of channel."""
