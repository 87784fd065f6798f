"""What a build does to one batch (stages), to all rows (decisions), and where (engines)."""
