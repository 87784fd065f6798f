"""Find and read task families. Nothing is ever skipped silently."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sftdata.errors import FamilyError
from sftdata.families.family import Family, Lexicon
from sftdata.resources import folder

__all__ = ["digest", "family_named", "load_families", "load_family", "search_path"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's own where PyYAML was built with it: a build reads the families often."""
_LOCALE = re.compile(r"[a-z]{2}(-[A-Za-z]+)?")


def search_path(extra: Sequence[Path] = ()) -> list[Path]:
    """Return the folders searched for families: built-in, plug-ins, then `extra`."""
    roots = [folder("task_families")]
    for point in entry_points(group="sftdata.families"):
        module = point.load()
        roots.append(Path(module.__path__[0]))
    return [*roots, *(Path(p) for p in extra)]


def load_families(extra: Sequence[Path] = ()) -> dict[str, Family]:
    """Read every family on the search path, by id.

    Raises:
        FamilyError: a file cannot be read, or two folders claim the same id (both are named).
    """
    found: dict[str, Family] = {}
    for root in search_path(extra):
        if not root.is_dir():
            raise FamilyError(f"families folder {root} does not exist")
        for path in sorted(root.glob("**/family.yaml")):
            family = load_family(path.parent, root)
            if family.id in found and found[family.id].folder != family.folder:
                raise FamilyError(
                    f"family {family.id!r} stands twice: {found[family.id].folder} and "
                    f"{family.folder}; rename one folder"
                )
            found[family.id] = family
    _resolve(found)
    return found


def _resolve(found: dict[str, Family]) -> None:
    for family in found.values():
        if family.of and family.of not in found:
            near = difflib.get_close_matches(family.of, found, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise FamilyError(f"{family.folder}/family.yaml: of: unknown {family.of!r}.{hint}")


def family_named(name: str, families: dict[str, Family]) -> Family:
    """Return a family by id.

    Raises:
        FamilyError: there is none; the message suggests the nearest.
    """
    if name in families:
        return families[name]
    near = difflib.get_close_matches(name, families, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise FamilyError(f"unknown family {name!r}.{hint} Known: {', '.join(sorted(families))}")


def load_family(path: Path, root: Path) -> Family:
    """Read one family folder; its id is its path below `root`."""
    file = path / "family.yaml"
    try:
        family = Family.model_validate(_read_yaml(file))
    except ValidationError as error:
        raise FamilyError(f"{file}: {_first(error)}") from None
    family._id = path.relative_to(root).as_posix()
    family._folder = path
    family._words = _lexicon(path, root, family.lexicon)
    family._templates = _read_templates(path, root)
    _require_templates(family)
    return family


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "(top level)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg']}{more}"


def _read_yaml(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise FamilyError(f"{file}{line}: {getattr(error, 'problem', error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FamilyError(f"{file}: {error}") from None


def _places(path: Path, root: Path) -> list[Path]:
    """Return where a family finds what it shares, the nearest first.

    Its own folder, those above it up to its search root, then the built-in domain of the same
    name and the built-in root: a user's family speaks with the house's prompts and names.
    """
    own = [path, *(p for p in path.parents if p == root or root in p.parents)]
    house = folder("task_families")
    built_in = [house / path.relative_to(root).parts[0], house]
    return [*own, *(p for p in built_in if p not in own and p.is_dir())]


def _lexicon(path: Path, root: Path, name: str) -> Lexicon:
    if Path(name).name != name:
        raise FamilyError(f"{path}/family.yaml: lexicon: a file name, not a path: {name!r}")
    for place in _places(path, root):
        if (place / name).is_file():
            state = (place / name).stat()
            return _read_lexicon(place / name, (state.st_size, state.st_mtime_ns))
    return Lexicon()


@cache
def _read_lexicon(file: Path, state: tuple[int, int]) -> Lexicon:
    del state  # part of the cache's key only: an edited file is read anew
    try:
        return Lexicon.model_validate(_read_yaml(file))
    except ValidationError as error:
        raise FamilyError(f"{file}: {_first(error)}") from None


def _read_templates(path: Path, root: Path) -> dict[str, str]:
    """Collect the templates that a family may use: the nearest one wins."""
    found: dict[str, str] = {}
    for place in reversed(_places(path, root)):
        for file in sorted(place.glob("*/*.j2")):
            if _LOCALE.fullmatch(file.parent.name):
                found[f"{file.parent.name}/{file.stem}"] = file.read_text(encoding="utf-8")
    return found


def _require_templates(family: Family) -> None:
    names = ["system", "user", "assistant"]
    if family.kind == "refusal":
        names = ["assistant"]
    elif family.kind == "extraction" or family.recipe in ("outline", "section"):
        names = ["system", "user"]
    if not family.locales:
        raise FamilyError(f"{family.folder}: no templates; expected en/{names[0]}.j2 and so on")
    for locale in family.locales:
        for name in names:
            if family.template(locale, name) is None:
                raise FamilyError(f"{family.folder}: {locale}/{name}.j2 is missing")


def digest(names: Iterable[str], known: Mapping[str, Family]) -> str:
    """Return a SHA-256 of all that these families, and those they refuse, say.

    Contents, not files: a template that a family shares with its domain counts as its own, and
    its golden examples, which change no sample, do not count.
    """
    chosen = {name for n in names for name in (n, known[n].of) if name}
    parts = [
        (
            name,
            known[name].model_dump(mode="json"),
            known[name].templates,
            known[name].words.model_dump(mode="json"),
        )
        for name in sorted(chosen)
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
