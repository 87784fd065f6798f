"""One file per source format; each yields `Document`s."""
