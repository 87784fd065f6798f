"""FHIR R4 files as resources: JSON and NDJSON, bundles and bare resources, references resolved.

Nothing here knows what a resource means; it only finds resources and what they point to.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sftdata.errors import SourceError

__all__ = ["Bundle", "Resource", "bundles", "clean", "dig", "first"]

Resource = dict[str, Any]

_BROKEN = dict.fromkeys((*range(32), 127, *range(55296, 57344)))
_BROKEN |= {ord(c): " " for c in "\t\n\r\u00a0"}


def clean(value: Any, limit: int = 2000) -> str:
    r"""Return a scalar as one line of canonical text that can stand in a table cell.

    Control characters and lone surrogates go, white space becomes one space, and `|` (the cell
    border of a pipe table) becomes `/`. Anything that is not a scalar is the empty string.

    >>> clean("  Viral\u00a0sinusitis | acute ")
    'Viral sinusitis / acute'
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return ""
    text = unicodedata.normalize("NFC", str(value)[:limit]).translate(_BROKEN)
    return " ".join(text.replace("|", "/").split())


def first(value: Any) -> Resource:
    """Return the first object of a list, the object itself, or an empty one.

    Servers differ on which elements repeat, and a wrong shape must not stop a file.
    """
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, dict)), None)
    return value if isinstance(value, dict) else {}


def dig(resource: Any, *path: str) -> Any:
    """Follow a path of names, through the first item of each list on the way.

    >>> dig({"code": {"coding": [{"code": "8480-6"}]}}, "code", "coding", "code")
    '8480-6'
    """
    value: Any = resource
    for name in path:
        value = first(value).get(name)
    return value


@dataclass(slots=True)
class Bundle:
    """The resources of one bundle (or of one NDJSON file of bare resources), by reference."""

    resources: list[tuple[str, Resource]] = field(default_factory=list)
    """Locator in the file and resource, in the order of the file."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """Locator and reason of entries that hold no usable resource."""
    _index: dict[str, Resource] = field(default_factory=dict)

    def add(self, locator: str, resource: Any, full_url: Any = None) -> None:
        """Add one entry; an entry without a resource is noted as broken."""
        if not isinstance(resource, dict):
            self.broken.append((locator, "no_resource"))
            return
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or not kind:
            self.broken.append((locator, "no_resource_type"))
            return
        self.resources.append((locator, resource))
        identity = resource.get("id")
        if isinstance(identity, str) and identity:
            self._index.setdefault(f"{kind}/{identity}", resource)
            self._index.setdefault(f"urn:uuid:{identity}", resource)
        if isinstance(full_url, str) and full_url:
            self._index[full_url] = resource

    def resolve(self, reference: Any, inside: Resource) -> Resource | None:
        """Return what a Reference points to: contained, `urn:uuid:`, relative or absolute.

        Args:
            reference: the Reference object, or a list of them (the first counts).
            inside: the resource that holds it, whose `contained` is searched for `#id`.
        """
        target = first(reference).get("reference")
        if not isinstance(target, str) or not target:
            return None
        if target.startswith("#"):
            contained = inside.get("contained")
            for item in contained if isinstance(contained, list) else []:
                if isinstance(item, dict) and item.get("id") == target[1:]:
                    return item
            return None
        target = target.partition("/_history/")[0]
        return self._index.get(target) or self._index.get("/".join(target.split("/")[-2:]))

    def key_of(self, reference: Any, inside: Resource) -> str:
        """Return `Type/id` of a reference, resolved where it can be, else as it is written.

        An unresolved `urn:uuid:` or contained reference has no name outside its file: empty.
        """
        found = self.resolve(reference, inside)
        if found is not None:
            return f"{found.get('resourceType')}/{found.get('id', '')}"
        target = first(reference).get("reference")
        parts = target.partition("/_history/")[0].split("/") if isinstance(target, str) else []
        return "/".join(parts[-2:]) if len(parts) >= 2 and all(parts[-2:]) else ""


def _parse(data: bytes, where: str) -> Any:
    try:
        return json.loads(data, parse_float=Decimal, parse_constant=lambda _: None)
    except RecursionError as error:
        raise SourceError("too_deep", f"{where}: JSON is nested too deeply") from error
    except ValueError as error:
        raise SourceError("invalid_json", f"{where}: not valid JSON") from error


def _bundle_of(value: Any, prefix: str = "") -> Bundle:
    bundle = Bundle()
    entries = value.get("entry", [])
    if not isinstance(entries, list):
        raise SourceError("not_fhir_bundle", "Bundle.entry is not a list")
    for number, entry in enumerate(entries):
        locator = f"{prefix}entry[{number}]"
        if not isinstance(entry, dict):
            bundle.broken.append((locator, "no_resource"))
            continue
        bundle.add(locator, entry.get("resource"), entry.get("fullUrl"))
    return bundle


def _is_bundle(value: Any) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def _ndjson(data: bytes) -> Iterator[Bundle]:
    """Yield each line that is a bundle by itself, and bare resources together as one bundle."""
    loose = Bundle()
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = _parse(line, f"line {number}")
        except SourceError as error:
            loose.broken.append((f"line {number}", error.reason))
            continue
        if _is_bundle(value):
            yield _bundle_of(value, f"line {number} ")
        else:
            loose.add(f"line {number}", value)
    if loose.resources or loose.broken:
        yield loose


def bundles(path: Path, max_bytes: int) -> Iterator[Bundle]:
    """Yield the bundles of a `.json` or `.ndjson` file.

    Args:
        path: the file. `.ndjson` is read line by line, anything else as one JSON value.
        max_bytes: the largest file that is read into memory.

    Raises:
        SourceError: `unreadable`, `too_large`, `invalid_json`, `too_deep`, `not_fhir_bundle`.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise SourceError("too_large", f"{size} bytes, the limit is {max_bytes} (max_bytes)")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError("unreadable", error.strerror or type(error).__name__) from error
    if path.suffix.lower() == ".ndjson":
        found = False
        for bundle in _ndjson(data):
            found = found or bool(bundle.resources)
            yield bundle
        if not found:
            raise SourceError("not_fhir_bundle", "no line holds a FHIR resource")
        return
    value = _parse(data, "file")
    if not _is_bundle(value):
        raise SourceError("not_fhir_bundle", "the JSON value is not a FHIR Bundle")
    yield _bundle_of(value)
