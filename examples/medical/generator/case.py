"""One invented patient: the data of a case file, and the prose filled with it."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from .tables import MEASURES, NOTE_TYPES

_NAMESPACE = uuid.UUID("5f1d7c1e-6f0b-5b7e-9c53-0d2a8f6e4b10")
_SLOT = re.compile(r"\{([a-z0-9_.]+)(?::([a-z]+))?\}")
_UNIT_CASE = {"MG": "mg", "ML": "mL", "MCG": "mcg", "UNT": "units", "MEQ": "mEq", "HR": "hr"}
_UNIT = re.compile(r"(?<=\d) (MG|ML|MCG|UNT|MEQ|HR)\b")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


class CaseError(ValueError):
    """The case file asks for a value that it does not hold."""


def _spoken(day: date, style: str) -> str:
    if style == "us":
        return f"{day:%m/%d/%Y}"
    if style == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    if style == "words":
        return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"
    return day.isoformat()


@dataclass(frozen=True)
class Case:
    """The facts of one patient, each written once; notes and resources both draw on them."""

    name: str
    data: dict[str, Any]
    ids: dict[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, path: Path) -> Case:
        """Read a case file; its stem (without the order number) is the name of the case."""
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        return cls(path.stem.partition("-")[2], data)

    @property
    def chinese(self) -> bool:
        """Whether notes and displays are Chinese."""
        return self.data["language"] == "zh"

    def uid(self, kind: str, key: str = "") -> str:
        """Return the UUID of a resource: from its names alone, so it is the same every time."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.name}/{kind}/{key}"))

    def ref(self, kind: str, key: str = "") -> dict[str, str]:
        """Return a reference inside the bundle."""
        return {"reference": f"urn:uuid:{self.uid(kind, key)}"}

    def encounter(self, key: str) -> dict[str, Any]:
        """Return the data of an encounter."""
        if key not in self.data["encounters"]:
            raise CaseError(f"{self.name}: no encounter {key}")
        return self.data["encounters"][key]

    def day(self, key: str, edge: str = "start") -> date:
        """Return the day on which an encounter begins or ends."""
        return datetime.fromisoformat(self.encounter(key)[edge]).date()

    def age(self, key: str) -> int:
        """Return the age in full years on the first day of an encounter."""
        born, day = date.fromisoformat(self.data["patient"]["birth"]), self.day(key)
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))

    def fill(self, note: dict[str, str]) -> str:
        """Return the text of a note with its slots filled."""
        return (
            _SLOT.sub(lambda m: self._slot(m[1], m[2] or "", note["in"]), note["text"]).strip()
            + "\n"
        )

    def _slot(self, name: str, style: str, here: str) -> str:
        parts = name.split(".")
        if parts[0] == "rx":
            return self._drug(parts[1], parts[2] if len(parts) > 2 else "name")
        if parts[0] in self.data["encounters"]:
            here, parts = parts[0], parts[1:]
        if parts[0] == "age":
            return str(self.age(here))
        if parts[0] in ("date", "end"):
            edge = "start" if parts[0] == "date" else "end"
            return _spoken(self.day(here, edge), style or ("zh" if self.chinese else "words"))
        if parts[0] == "stay":
            return str((self.day(here, "end") - self.day(here)).days)
        values = self.encounter(here).get("values", {})
        if parts[0] not in values:
            raise CaseError(f"{self.name}: {here} has no value {parts[0]}")
        return values[parts[0]]

    def _drug(self, key: str, field_name: str) -> str:
        drug = self.data["medications"].get(key)
        if drug is None:
            raise CaseError(f"{self.name}: no medication {key}")
        if field_name == "name":
            return charted(drug["code"][1])
        if field_name == "dose":
            return " ".join(drug["dose"]) if not self.chinese else "".join(drug["dose"])
        if field_name not in drug:
            raise CaseError(f"{self.name}: {key} has no {field_name}")
        return drug[field_name]

    def check(self) -> None:
        """Raise where a code is unknown or a note names an unknown type."""
        for key, encounter in self.data["encounters"].items():
            unknown = set(encounter.get("values", {})) - set(MEASURES) - {"bp", "smoking"}
            if unknown:
                raise CaseError(f"{self.name}: {key} measures {sorted(unknown)}, not in codes.yaml")
        for note in self.data["notes"]:
            if note["type"] not in NOTE_TYPES:
                raise CaseError(f"{self.name}: no note type {note['type']}")


def charted(display: str) -> str:
    """Return a drug's display with units as they are printed in a list: 1000 MG to 1000 mg."""
    return _UNIT.sub(lambda m: f" {_UNIT_CASE[m[1]]}", display)
