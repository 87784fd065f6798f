"""One module per invented company: its numbers, statements and notes."""

from collections.abc import Callable

from generator.model import Company

from . import alderpoint, cedarmoor, harrowgate, ironmere, lithovar, quillstone, veridane

COMPANIES: tuple[Callable[[], Company], ...] = tuple(
    m.company for m in (lithovar, harrowgate, cedarmoor, quillstone, ironmere, veridane, alderpoint)
)
