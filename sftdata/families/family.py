"""What a task family is: the model of `family.yaml` and of the lexicon beside it.

A family is data. It says which facts or sections it needs, how the context is put together and
what the answer looks like; the four kinds in `families/kinds` bring it to life. There is no way
from YAML into Python: what is missing is added here once, for everyone.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from sftdata.part import Part
from sftdata.types import Fact

__all__ = [
    "Answer",
    "Context",
    "FactFilter",
    "Family",
    "FieldSource",
    "Kind",
    "Lexicon",
    "Premise",
    "Ratio",
    "Term",
    "Words",
]

Kind = Literal["extraction", "writing", "evidence", "refusal"]
Words = dict[str, tuple[str, ...]]
"""Wordings by locale: `{"en": (…), "zh": (…)}`."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


_STRENGTH = re.compile(r"\s*\d[\d.,]*\s*(?:mg|mcg|g|units?|单位|毫克|微克)(?:\s*/.*)?$")


class Term(Part):
    """How people name a fact, in each language."""

    en: str
    zh: str
    nature: str = "flow"
    """`flow` (over a period), `stock` (at a date), `per_share`, `count`, `measurement`, …"""
    plural: bool = False
    """Whether the English name takes a plural verb (net sales *were*)."""
    negative: dict[str, str] = Field(default_factory=dict)
    """Name when the value is negative, by locale: `{en: net loss, zh: 净亏损}`."""
    aliases: Words = Field(default_factory=dict)
    """Other names by which a document may call it; a refusal must prove that none is present."""
    spoken: Names = ()
    """English labels of documents that are good names themselves: used where they stand."""
    topic: str = ""
    """A word for what it is about, for grouping: `income`, `vital`, `lab`."""
    derived: bool = False
    """A sum or difference of other figures: where it is not reported it can still be worked out,
    so that no refusal may ask for it."""

    def name(self, locale: str) -> str:
        """Return the name in this locale."""
        return self.zh if locale == "zh" else self.en

    def bare(self, locale: str) -> str:
        """Return the name without a drug's strength, as a colleague asks for what is not listed.

        >>> Term(en="furosemide 40 mg", zh="呋塞米 40 mg", nature="medication").bare("zh")
        '呋塞米'
        """
        name = self.name(locale)
        return _STRENGTH.sub("", name) if self.nature == "medication" else name

    def labels(self) -> tuple[str, ...]:
        """Return every known name in every language."""
        more = [a for words in self.aliases.values() for a in words]
        return tuple(
            dict.fromkeys([self.en, self.zh, *self.spoken, *self.negative.values(), *more])
        )


class Lexicon(Part):
    """Names of facts, by fact name; and entities that may stand in for 'somebody else'."""

    terms: dict[str, Term] = Field(default_factory=dict)
    others: Words = Field(default_factory=dict)
    """Names of entities that no document here is about, by locale, for wrong-entity questions."""

    def term(self, fact: Fact) -> Term | None:
        """Return the term for this fact's name, if there is one."""
        return self.terms.get(fact.name)


class FactFilter(Part):
    """Which facts a family uses. Every condition must hold; an empty one always does."""

    source: Names = ()
    kinds: Names = ()
    names: Names = ()
    """Shell-style patterns on the fact's name."""
    exclude: Names = ()
    dimensions: Literal["none", "some", "any"] = "any"
    lexicon: bool = False
    """Only facts whose name stands in the family's lexicon."""
    nature: Names = ()
    topic: Names = ()
    where: Literal["any", "table", "prose"] = "any"
    periods: Literal["any", "duration", "instant"] = "any"
    units: Names = ()
    labels: Names = ()
    """Shell-style patterns on the document's own label, case-insensitive."""
    attributes: dict[str, Names] = Field(default_factory=dict)
    """Attribute kind → allowed values; `!value` forbids one; `*` asks for any non-empty value."""

    def matches(self, fact: Fact, lexicon: Lexicon) -> bool:
        """Return whether this visible fact satisfies every condition."""
        if fact.start is None or fact.value is None:
            return False
        return self._by_name(fact) and self._by_shape(fact) and self._by_term(fact, lexicon)

    def admits_name(self, name: str, term: Term) -> bool:
        """Return whether a fact of this name would match, were there one: for asking in vain."""
        named = not self.names or any(fnmatch.fnmatchcase(name, p) for p in self.names)
        barred = any(fnmatch.fnmatchcase(name, p) for p in self.exclude)
        return named and not barred and (not self.nature or term.nature in self.nature)

    def _by_name(self, fact: Fact) -> bool:
        if self.source and fact.source not in self.source:
            return False
        if self.kinds and fact.kind not in self.kinds:
            return False
        if self.names and not any(fnmatch.fnmatchcase(fact.name, p) for p in self.names):
            return False
        label = fact.label.lower()
        if self.labels and not any(fnmatch.fnmatchcase(label, p.lower()) for p in self.labels):
            return False
        return not any(fnmatch.fnmatchcase(fact.name, p) for p in self.exclude)

    def _by_shape(self, fact: Fact) -> bool:
        if self.dimensions != "any" and (self.dimensions == "some") != bool(fact.dimensions):
            return False
        if self.where != "any" and (self.where == "table") != bool(fact.attribute("table_start")):
            return False
        if self.periods != "any" and (self.periods == "duration") != ("/" in (fact.period or "")):
            return False
        if self.units and fact.unit not in self.units:
            return False
        return all(_allows(fact.attribute(k), allowed) for k, allowed in self.attributes.items())

    def _by_term(self, fact: Fact, lexicon: Lexicon) -> bool:
        term = lexicon.term(fact)
        if term is None:
            return not (self.lexicon or self.nature or self.topic)
        if self.nature and term.nature not in self.nature:
            return False
        return not self.topic or term.topic in self.topic


def _allows(value: str, allowed: tuple[str, ...]) -> bool:
    forbidden = {a[1:] for a in allowed if a.startswith("!")}
    wanted = {a for a in allowed if not a.startswith("!")}
    if value in forbidden:
        return False
    return not wanted or value in wanted or ("*" in wanted and bool(value))


class Context(Part):
    """How the passages of a prompt are chosen."""

    passages: tuple[int, int] = (3, 5)
    """Fewest and most passages in a prompt."""
    max_chars: int = 9000
    """Longest context; distractors are left out before it is exceeded."""
    foreign: float = 0.25
    """Share of prompts that also carry a passage of another document of the same split."""
    sections: Names = ()
    """Shell-style patterns on section kinds: where the gold may stand (empty: anywhere)."""
    question_first: float = 0.2
    """Share of prompts with the question before the passages."""
    whole: bool = False
    """The context is the whole section that matched, or without `sections` the whole document."""
    always: Names = ()
    """Section kinds whose passages stand in every prompt: whom a record is about, and when."""
    in_order: bool = False
    """Passages stand as in the document, not shuffled."""
    shortest: int = 200
    """Shortest passage, in characters, that may be a distractor."""


class FieldSource(Part):
    """Where one field of an extracted object comes from."""

    fact: Names = ()
    """Fact names (patterns), first match wins."""
    take: str = "value"
    """`value`, `as_reported`, `label`, `name`, `unit`, `period`, or `attribute:<kind>`."""
    many: bool = False
    """Collect every distinct value into a list."""
    nested: dict[str, str] = Field(default_factory=dict)
    """A list of objects, one for each value of the attribute `by`: field → fact name."""
    by: str = "context"
    """For `nested`: facts that share this attribute belong to one object."""
    dimensions: Literal["none", "some", "any"] = "any"
    attributes: dict[str, Names] = Field(default_factory=dict)
    """As in `FactFilter`."""

    def admits(self, fact: Fact) -> bool:
        """Return whether a fact of a right name has the right dimensions and attributes."""
        if self.dimensions != "any" and (self.dimensions == "some") != bool(fact.dimensions):
            return False
        return all(_allows(fact.attribute(k), allowed) for k, allowed in self.attributes.items())


class Answer(Part):
    """The shape of the answer."""

    schema_: str = Field(default="", alias="schema")
    """A file under `schemas/`, e.g. `answers/cited_answer.json`."""
    form: Literal["object", "list", "table", "text", "cited"] = "cited"
    fields: dict[str, FieldSource] = Field(default_factory=dict)
    """For `object`: field → source. A dot makes an object inside: `address.city`."""
    required: tuple[str, ...] = ()
    """For `object`: fields without which no sample is made."""
    key: str = "items"
    """For `list`: the name of the array."""
    item: dict[str, str] = Field(default_factory=dict)
    """For `list`: field → take (see `FieldSource.take`)."""
    least: int = 1
    """For `list` and `table`: fewest items."""
    most: int = 40
    """For `list` and `table`: most items."""
    complete: Names = ()
    """Section kinds of which every item must be a fact, or there is no sample: free text whose
    grammar read only half a list gives no gold."""


class Ratio(Part):
    """A computed figure that analysts ask for, from two facts of the same period."""

    en: str
    zh: str
    numerator: Names
    denominator: Names
    form: Literal["percent", "times"] = "percent"
    digits: int = 1


class Premise(Part):
    """A question that no document answers (advice, prediction), with the reason to decline."""

    reason: str
    en: tuple[str, ...]
    zh: tuple[str, ...]


class Family(Part):
    """One task family, as `family.yaml` states it."""

    version: int
    kind: Kind
    title: str
    recipe: str
    """Which way of the kind: extraction `object|list|named|table`; writing
    `figures|digest|outline|section|parts|record`; evidence `lookup|compare|ratio|members`; refusal
    `remove|period|entity|absent|premise|advice`."""
    documents: tuple[str, ...] = ()
    """Document kinds it applies to (patterns); empty: all of the domain."""
    lexicon: str = "lexicon.yaml"
    """File in the family's folder or the one above it."""
    facts: FactFilter = FactFilter()
    subject: Literal["name", "field", "value"] = "name"
    """What a question is about: a name at a time (a figure), a name that the document tells once
    whatever the time (a pulse in a note), or the value itself (a drug)."""
    named: bool = False
    """Only documents that name whom they are about: the questions call them by name."""
    context: Context = Context()
    questions: Words = Field(default_factory=dict)
    """Wordings of the question or instruction, Jinja strings, by locale."""
    answer: Answer = Answer()
    of: str = ""
    """Refusal: the evidence family whose questions and prompts it shares."""
    ratios: tuple[Ratio, ...] = ()
    premises: tuple[Premise, ...] = ()
    roles: dict[str, Names] = Field(default_factory=dict)
    """Writing: role → fact names, first match wins; the template decides what it does with them.
    `record` also takes `attribute=value`, `parts` section kinds."""
    required_roles: tuple[str, ...] = ()
    target: Names = ()
    """Writing `section`: section kinds whose text is the target."""
    natures: Names = ()
    """Refusal `absent`: natures of terms to ask for where a fact has no term of its own."""
    needed: Words = Field(default_factory=dict)
    """Refusal: what would be needed to answer, Jinja strings, by locale."""
    per_document: int = 12
    """Most samples of this family from one document."""
    weight: float = 1.0
    checks: tuple[str, ...] = ()
    """Further checks that every sample must pass, beside those of its kind."""

    _id: str = PrivateAttr(default="")
    _folder: Path = PrivateAttr(default=Path())
    _words: Lexicon = PrivateAttr(default_factory=Lexicon)
    _templates: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Family:
        if self.kind == "refusal" and not self.of:
            raise ValueError("a refusal family names the evidence family it refuses: `of:`")
        if self.kind != "refusal" and not self.questions:
            raise ValueError("`questions:` is missing: at least one wording per locale")
        return self

    @property
    def id(self) -> str:
        """`<domain>/<task>`: the folder's path below the search root."""
        return self._id

    @property
    def domain(self) -> str:
        """The first part of the id."""
        return self._id.split("/", 1)[0]

    @property
    def folder(self) -> Path:
        """The folder it was read from."""
        return self._folder

    @property
    def words(self) -> Lexicon:
        """The lexicon in force."""
        return self._words

    @property
    def templates(self) -> dict[str, str]:
        """Template sources by `<locale>/<name>`, e.g. `en/user`."""
        return self._templates

    @property
    def locales(self) -> tuple[str, ...]:
        """Locales that it has wordings in, sorted."""
        if self.kind == "refusal":
            return tuple(
                sorted(n.split("/")[0] for n in self._templates if n.endswith("/assistant"))
            )
        return tuple(sorted(self.questions))

    def template(self, locale: str, name: str) -> str | None:
        """Return a template's source: the family's own, else its domain's for this kind.

        `name` is `system`, `user` or `assistant`; a shared one is called `<kind>.<name>`.
        """
        return self._templates.get(f"{locale}/{name}") or self._templates.get(
            f"{locale}/{self.kind}.{name}"
        )

    def applies_to(self, kind: str, domain: str) -> bool:
        """Return whether documents of this kind are its business.

        Without `documents` it takes what its domain has; a refusal, what the family that it
        refuses takes.
        """
        if self.documents:
            return any(fnmatch.fnmatchcase(kind, p) for p in self.documents)
        return bool(self.of) or domain == self.domain
