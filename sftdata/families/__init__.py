"""Task families: data under `task_families/`, and the four kinds that bring them to life."""
