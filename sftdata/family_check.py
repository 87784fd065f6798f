"""Run the golden examples of task families, or write down what they give now.

`examples.yaml` is documentation, golden test and contribution gate at once: whoever changes a
template sees in a diff what changes for the model.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from sftdata import registry
from sftdata.errors import FamilyError, SourceError
from sftdata.families.examples import Case, Expect, Expected, read_cases, to_document
from sftdata.families.family import Family
from sftdata.families.load import load_families, search_path
from sftdata.families.shelf import PassageText, Shelf
from sftdata.stages.generate import generate
from sftdata.stages.verify import Verify
from sftdata.types import Document, Sample, from_table, to_table

__all__ = ["FamilyCheck", "check_families", "families_below"]

EXAMPLES = "examples.yaml"


@dataclass(frozen=True)
class FamilyCheck:
    """What the examples of one family gave."""

    family: str
    file: Path
    cases: int
    problems: tuple[str, ...] = ()
    """A sentence or a unified diff each; none: everything is as written."""
    updated: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything is as written."""
        return not self.problems


def families_below(place: Path | None, extra: Sequence[Path] = ()) -> dict[str, Family]:
    """Return the families in a folder (one family, one domain, or a search root), or all.

    Raises:
        FamilyError: there is none.
    """
    if place is None:
        return load_families(extra)
    if not place.is_dir():
        raise FamilyError(f"{place}: no such folder")
    inside = place.resolve()
    known = any(inside.is_relative_to(root.resolve()) for root in search_path(extra))
    roots = [*extra] if known else [*extra, _root_of(inside)]
    found = load_families(roots)
    mine = {n: f for n, f in found.items() if f.folder.resolve().is_relative_to(inside)}
    if not mine:
        raise FamilyError(f"{place}: there is no family.yaml in this folder or below it")
    return mine


def _root_of(place: Path) -> Path:
    """Return the folder from which ids are `<domain>/<task>`."""
    files = sorted(place.glob("**/family.yaml"), key=lambda p: len(p.parts))
    if not files:
        return place
    depth = len(files[0].relative_to(place).parts)
    return place.parent.parent if depth == 1 else place.parent if depth == 2 else place


def check_families(
    place: Path | None = None, *, update: bool = False, extra: Sequence[Path] = ()
) -> list[FamilyCheck]:
    """Check the examples of every family in a folder, or of all families.

    Args:
        place: folder of one family, of a domain, or of many; none: all on the search path.
        update: write what is made now into `expect:`; the rest of the file stays as it is.
        extra: further folders of families.

    Raises:
        FamilyError: a family or an example that cannot be read.
    """
    mine = families_below(place, extra)
    roots = [*extra, *({_root_of(f.folder.resolve()) for f in mine.values()})]
    known = load_families([r for r in roots if r not in search_path()])
    return [_check(family, known, update) for _, family in sorted(mine.items())]


def _check(family: Family, known: dict[str, Family], update: bool) -> FamilyCheck:
    file = family.folder / EXAMPLES
    if not file.is_file():
        return FamilyCheck(family.id, file, 0, (f"{EXAMPLES} is missing: see docs/families.md",))
    cases = read_cases(file)
    made: list[Expect | None] = []
    problems: list[str] = []
    for number, case in enumerate(cases, 1):
        where = f"{file}: case {number} ({case.name})"
        samples = _samples(family, known, case, where)
        problems += _failed(samples, where)
        made.append(_expect(family, case, samples))
        if case.nothing:
            unwanted = made.pop()
            made.append(None)
            if unwanted:
                problems.append(f"{where}: a sample is made: {unwanted.samples[0].question!r}")
        elif made[-1] is None:
            problems.append(f"{where}: no sample is made of this document")
        elif made[-1] != case.expect and not update:
            problems.append(_difference(case.expect, made[-1], where))
    if update:
        _write(file, made, file.read_text(encoding="utf-8"))
    return FamilyCheck(family.id, file, len(cases), tuple(problems), update)


def _document(family: Family, case: Case, where: str) -> Document:
    spec = case.document
    if not spec.file:
        return to_document(spec, family.domain, where)
    path = (family.folder / spec.file).resolve()
    if not path.is_relative_to(family.folder.resolve()) or not path.is_file():
        raise FamilyError(f"{where}: there is no file {spec.file!r} in the family's folder")
    try:
        found = list(registry.readers.get(spec.reader)().read(path))
    except SourceError as error:
        raise FamilyError(f"{where}: {spec.file}: {error}") from None
    documents = [d for d in found if isinstance(d, Document)]
    for doc in documents:
        if spec.pick in ("", doc.document_id):
            return doc
    ids = ", ".join(d.document_id for d in documents) or "none"
    raise FamilyError(f"{where}: {spec.file} has no document {spec.pick!r}; it has: {ids}")


def _samples(family: Family, known: dict[str, Family], case: Case, where: str) -> list[Sample]:
    others = [
        PassageText(
            document_id=f"other-{n}", start=0, end=len(o.text), heading=o.heading, text=o.text
        )
        for n, o in enumerate(case.others, 1)
    ]
    shelf = Shelf(_document(family, case, where), foreign=others)
    made = generate(
        shelf,
        [family],
        known,
        seed=case.seed,
        locales=((case.locale, 1.0),),
        entities=case.entities,
    )
    checked = Verify()(to_table(made, Sample))
    assert isinstance(checked, pa.Table)
    return list(from_table(checked, Sample))


def _failed(samples: list[Sample], where: str) -> Iterator[str]:
    for sample in samples:
        for check in sample.checks:
            if not check.passed:
                yield f"{where}: {sample.question!r}: check {check.name}: {check.detail}"


def _expect(family: Family, case: Case, samples: list[Sample]) -> Expect | None:
    by_id = {s.sample_id: s for s in samples}
    mine = sorted((s for s in samples if s.family == family.id), key=_order)[: case.most]
    if not mine:
        return None
    system, user = (next(m.content for m in mine[0].prompt if m.role == r) for r in _ROLES)
    return Expect(
        system=system,
        user=user,
        samples=tuple(
            Expected(
                question=s.question,
                completion=_said(s),
                reason=s.reason_code,
                evidence=tuple(e.quote for e in s.evidence),
                twin=_said(by_id[s.twin_of]) if s.twin_of else None,
            )
            for s in mine
        ),
    )


_ROLES = ("system", "user")


def _order(sample: Sample) -> tuple[int, str, str]:
    first = sample.evidence[0].start if sample.evidence else -1
    return first, sample.question, sample.completion[0].content


def _said(sample: Sample) -> Any:
    """Return the completion; parsed where that loses nothing, for a person to read."""
    text = sample.completion[0].content
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return text
    same = isinstance(parsed, dict | list) and json.dumps(parsed, ensure_ascii=False) == text
    return parsed if same else text


def _difference(expected: Expect | None, made: Expect, where: str) -> str:
    before = _text(expected) if expected else ""
    lines = difflib.unified_diff(
        before.splitlines(), _text(made).splitlines(), f"{where}: expected", "made now", lineterm=""
    )
    return "\n".join(lines)


class _Dumper(yaml.SafeDumper):
    """Block style for texts of several lines, so that they read as they are."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def _text(expect: Expect) -> str:
    data = expect.model_dump(mode="json", exclude_defaults=True)
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=96)


def _write(file: Path, made: Sequence[Expect | None], source: str) -> None:
    """Put each outcome in the place of its case's `expect:`, the last case first."""
    tree = yaml.compose(source)
    assert isinstance(tree, yaml.SequenceNode)
    for node, expect in zip(reversed(tree.value), reversed(made), strict=True):
        if expect is not None:
            source = _replaced(source, node, expect)
    written = [case.get("expect") for case in yaml.safe_load(source)]
    if written != [e and e.model_dump(mode="json", exclude_defaults=True) for e in made]:
        raise FamilyError(f"{file}: cannot be updated; let `expect:` be the last key of each case")
    file.write_text(source, encoding="utf-8", newline="\n")


def _replaced(source: str, node: yaml.MappingNode, expect: Expect) -> str:
    column = node.value[0][0].start_mark.column
    dumped = _text(expect).splitlines(keepends=True)
    body = " " * column + "expect:\n"
    body += "".join(" " * (column + 2) + line if line.strip() else line for line in dumped)
    old = next((pair for pair in node.value if pair[0].value == "expect"), None)
    end = _end_of_text(source, old[1] if old else node)
    before = source[: old[0].start_mark.index - column if old else end]
    return before + ("" if before.endswith("\n") else "\n") + body + source[end:]


def _end_of_text(source: str, node: yaml.Node) -> int:
    """Return where a node's own lines end: before blank lines and comments that follow."""
    end = node.end_mark.index
    lines = source[:end].splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n") and not lines[-1].strip(" -"):
        end -= len(lines.pop())
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        end -= len(lines.pop())
    return end
