"""One raw mail as data: parts, headers, addresses, character sets, bodies, files, and whether a person wrote it. Pure."""
