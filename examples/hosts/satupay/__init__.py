"""A payment switch on Flask."""
