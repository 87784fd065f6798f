"""Short names for writing companies down as columns of numbers."""

from __future__ import annotations

from datetime import date

from generator.model import Account, Dims, Flow, Line, Move

REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"


def L(key: str, label: str, concept: str, *values: int, **more: object) -> Line:  # noqa: N802
    """Return a leaf line: one value per fiscal year."""
    return Line(key, label, concept, tuple(values), **more)  # type: ignore[arg-type]


def S(key: str, label: str, concept: str, formula: str, **more: object) -> Line:  # noqa: N802
    """Return a total: a signed sum of other keys."""
    return Line(key, label, concept, formula=formula, **more)  # type: ignore[arg-type]


def A(  # noqa: N802
    key: str, label: str, concept: str, opening: int, side: str = "asset", **more: object
) -> Account:
    """Return an account."""
    return Account(key, label, concept, opening, side, **more)  # type: ignore[arg-type]


def F(  # noqa: N802
    key: str, label: str, concept: str, section: str, account: str, *amounts: int, **more: object
) -> Flow:
    """Return a cash flow line."""
    return Flow(key, label, concept, section, account, tuple(amounts), **more)  # type: ignore[arg-type]


def M(up: str, other: str, *amounts: int, label: str = "", key: str = "") -> Move:  # noqa: N802
    """Return a posting without cash."""
    return Move(up, other, tuple(amounts), label, key)


def T(formula: str, label: str, concept: str, key: str) -> Line:  # noqa: N802
    """Return a balance sheet total."""
    return Line(key, label, concept, formula=formula, instant=True)


def segment(member: str) -> Dims:
    """Return the dimension of a reportable segment."""
    return (("StatementBusinessSegmentsAxis", member),)


def product(member: str) -> Dims:
    """Return the dimension of a product or service."""
    return (("srt:ProductOrServiceAxis", member),)


def place(member: str) -> Dims:
    """Return the dimension of a country or region."""
    return (("srt:StatementGeographicalAxis", member),)


def ymd(text: str) -> date:
    """Return the date of `2024-06-30`."""
    return date.fromisoformat(text)
