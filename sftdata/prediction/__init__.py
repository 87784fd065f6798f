"""Answers of a model to the prompts of a build, from weights or from a server."""
