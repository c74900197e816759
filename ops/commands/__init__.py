"""The commands, one module each; `command_list.py` has what `huntgroup --help` says of them."""
