"""What may wait and write: everything else in the router is pure."""
