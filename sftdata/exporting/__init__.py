"""Exports: a judged build in the shape a trainer, server or reviewer takes; and the way back."""
