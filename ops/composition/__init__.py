"""Everything that does I/O is constructed here, once."""
