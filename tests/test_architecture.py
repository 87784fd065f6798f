"""The house rules, held by reading the code: who may import whom, how long things may get."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import sftdata
from sftdata.families.load import load_families
from sftdata.registry import BUILTIN

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sftdata"

LAYERS = (
    ("L0", "errors types report chance sentences numerals dates formatting columns excerpts"),
    ("L0", "text quantities"),
    ("L1", "part registry resources dataset"),
    ("L1", "shapes"),
    ("L2", "chat similarity grounding"),
    ("L2", "families readers"),
    ("L3", "stages"),
    ("L4", "config"),
    ("L5", "audit_groups audit_chat table_files dedupe_output"),
    (
        "L5",
        "output result audit_sources audit_baseline leakage reporting inspect scaffold prompting",
    ),
    ("L5", "audit run reading validation family_check judged predictions near_duplicates"),
    (
        "L5",
        "deduplication audit_fix audit_bytes trained_rows template_match packing lengths preparation",
    ),
    ("L5", "pipeline sketch"),
    ("L5", "exporting training template_lint conformance"),
    ("L5", "prediction evaluation"),
    ("L5", "schemas"),
    ("L6", "console"),
    ("L6", "commands"),
    ("L6", "cli"),
    ("L6", "__main__"),
)
"""Top-level modules and rooms, lowest first; the lines of one layer are an order inside it."""

CHAINS = {
    "families": (
        "family",
        "display wording load examples",
        "shelf figures peers",
        "draft",
        "*",
        "cases",
        "negatives",
        "swaps",
        "kinds",
    ),
    "chat": (
        "sandbox pieces",
        "tokenizer",
        "system_role",
        "template encoding",
        "turns",
        "tokens special_text probes",
        "*",
    ),
    "similarity": (
        "kernels ranges clusters",
        "fast",
        "words",
        "shingles",
        "chunked",
        "minhash sets",
        "lsh quoted",
        "*",
    ),
    "grounding": ("asked quotes numbers", "derivation", "absence", "*"),
    "stages": (
        "apply files read unpack generate render verify",
        "shrink escape decisions checks engines",
    ),
    "stages/decisions": (
        "split_search split_time split_ood split_frozen survivors skeletons likeness",
        "split_rows folds",
        "balance checked dedupe link purge split",
    ),
    "stages/engines": ("parts", "inline local"),
    "reporting": ("marks charts card_counts", "card card_zh croissant", "published html"),
    "commands": ("arguments", "*"),
    "conformance": ("*",),
    "exporting": ("*",),
    "training": ("*",),
    "prediction": ("*",),
    "evaluation": ("*",),
}
"""Rooms in which a module may use a more basic one of the same room, in this order; `*` is every
module that is not named, and these may use each other as long as there is no cycle."""

FORMATS = ("clinical", "html", "edgar", "ix", "ixbrl", "fhir", "notes")
"""Prefixes of modules in readers/; one may use its own prefix and what `MAY_USE` names."""
MAY_USE = {
    "edgar": {"html"},
    "ix": {"html"},
    "ixbrl": {"html", "edgar", "ix"},
    "fhir": {"clinical"},
    "notes": {"clinical"},
}

ONLY = {
    "typer": {"sftdata/cli.py", "sftdata/commands/"},
    "rich": {"sftdata/console.py", "sftdata/inspect.py", "sftdata/commands/"},
    "torch": {"sftdata/training/", "sftdata/prediction/", "sftdata/similarity/embedding.py"},
    "sentence_transformers": {"sftdata/similarity/embedding.py"},
    "trl": {"sftdata/training/"},
    "peft": {"sftdata/training/", "sftdata/prediction/"},
    "bitsandbytes": {"sftdata/training/"},
    "numba": {"sftdata/similarity/"},
    "matplotlib": {"sftdata/training/", "sftdata/evaluation/"},
    "ray": set(),
    "datasets": {
        "sftdata/audit_sources.py",
        "sftdata/deduplication.py",
        "sftdata/result.py",
        "sftdata/exporting/",
        "sftdata/training/",
    },
    "transformers": {
        "sftdata/chat/tokenizer.py",
        "sftdata/conformance/",
        "sftdata/training/",
        "sftdata/prediction/",
        "sftdata/similarity/embedding.py",
    },
}
"""Package → the only modules (or rooms) that may import it."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything a module imports, wherever it does so."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = PACKAGE.joinpath(*module.split(".")[1:], alias.name)
                is_module = module.startswith("sftdata") and (
                    inner.with_suffix(".py").is_file() or inner.is_dir()
                )
                yield node.lineno, f"{module}.{alias.name}" if is_module else module


def own_imports(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    for line, name in imports(path):
        parts = tuple(name.split("."))
        if parts[0] == "sftdata" and len(parts) > 1:
            yield line, parts[1:]


def place(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def rank(name: str, order: tuple[str, ...], where: str) -> int:
    found = [i for i, line in enumerate(order) if name in line.split()]
    found += [i for i, line in enumerate(order) if line == "*"]
    assert found, f"{where}: {name!r} stands in no layer; give it one in tests/test_architecture.py"
    return found[0]


def layer_faults(path: Path) -> Iterator[str]:
    mine = place(path)
    order = tuple(line for _, line in LAYERS)
    for line, target in own_imports(path):
        where = f"{named(path)}:{line} imports sftdata.{'.'.join(target)}"
        if target[0] != mine[0]:
            if rank(target[0], order, where) >= rank(mine[0], order, where):
                yield f"{where}: not from a lower layer"
        else:
            yield from sibling_faults(mine, target, where)


def sibling_faults(mine: tuple[str, ...], target: tuple[str, ...], where: str) -> Iterator[str]:
    """Compare the first place where the two paths part."""
    depth = next((i for i, (a, b) in enumerate(zip(mine, target, strict=False)) if a != b), None)
    if depth is None:
        return
    room = "/".join(mine[:depth])
    if room == "readers":
        if not may_use(mine[depth], target[depth]):
            yield f"{where}: readers of different formats"
    elif room not in CHAINS:
        yield f"{where}: siblings in {room}/ do not import each other"
    else:
        theirs, ours = (rank(name[depth], CHAINS[room], where) for name in (target, mine))
        if theirs > ours or (theirs == ours and CHAINS[room][ours] != "*"):
            yield f"{where}: not more basic in {room}/"


def may_use(mine: str, target: str) -> bool:
    a, b = mine.partition("_")[0], target.partition("_")[0]
    assert a in FORMATS, f"readers/{mine}.py: {a!r} is no known format"
    assert b in FORMATS, f"readers/{target}.py: {b!r} is no known format"
    return a == b or b in MAY_USE.get(a, set())


def test_imports_come_from_lower_layers() -> None:
    faults = [f for path in modules() if place(path) for f in layer_faults(path)]
    assert not faults, "\n".join(faults)


def test_the_rule_names_an_import_that_breaks_it() -> None:
    faults = list(sibling_faults(("families", "shelf"), ("families", "cases"), "shelf:1 → cases"))
    assert faults == ["shelf:1 → cases: not more basic in families/"]
    faults = list(sibling_faults(("stages", "checks", "a"), ("stages", "checks", "b"), "a:1 → b"))
    assert faults == ["a:1 → b: siblings in stages/checks/ do not import each other"]
    assert not may_use("notes", "fhir_terms")
    assert may_use("ixbrl", "ix_facts")


def test_no_import_cycles_in_rooms() -> None:
    graph = {place(p): {t for _, t in own_imports(p)} for p in modules() if place(p)}
    done: set[tuple[str, ...]] = set()

    def visit(node: tuple[str, ...], way: tuple[tuple[str, ...], ...]) -> None:
        assert node not in way, f"import cycle: {' → '.join('.'.join(n) for n in (*way, node))}"
        if node in done or node not in graph:
            return
        for target in sorted(graph[node]):
            visit(target, (*way, node))
        done.add(node)

    for node in sorted(graph):
        visit(node, ())


@pytest.mark.parametrize("package", sorted(ONLY))
def test_heavy_packages_have_few_doors(package: str) -> None:
    found = {
        named(path)
        for path in modules()
        for _, name in imports(path)
        if name.split(".")[0] == package
    }
    doors = tuple(ONLY[package])
    strangers = {name for name in found if not name.startswith(doors)}
    assert not strangers, f"{package} is imported by {sorted(strangers)}"


def test_datasets_and_transformers_are_imported_inside_functions() -> None:
    heavy = {"datasets", "transformers", "tokenizers", "torch", "trl", "peft", "numba", "ray"}
    for path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
                for name in names:
                    assert name.split(".")[0] not in heavy, f"{named(path)}:{node.lineno}: {name}"


def test_ceilings() -> None:
    faults = []
    for path in modules():
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > 400:
            faults.append(f"{named(path)}: {lines} lines, the ceiling is 400")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                faults += function_faults(path, node)
    assert not faults, "\n".join(faults)


def function_faults(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    where = f"{named(path)}:{node.lineno} {node.name}"
    length = (node.end_lineno or 0) - node.lineno + 1
    if length > 60:
        yield f"{where}: {length} lines, the ceiling is 60"
    positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    # A verb of the command line has its options as parameters: typer reads them from there.
    verb = any("command" in ast.unparse(d) for d in node.decorator_list)
    if len([a for a in positional if a not in ("self", "cls")]) > 6 and not verb:
        yield f"{where}: more than 6 parameters before keyword-only"


def test_names_say_what_things_are() -> None:
    for path in modules():
        assert not re.search(r"utils|helpers", named(path)), (
            f"{named(path)}: name it after its work"
        )
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                assert not re.search(r"Manager|^_?Base[A-Z]|Util|Helper", node.name), (
                    f"{named(path)}:{node.lineno}: {node.name}"
                )


def test_modules_say_what_they_are_and_what_they_give() -> None:
    for path in modules():
        assert ast.get_docstring(tree(path)), f"{named(path)} has no docstring"
        if path.name not in ("__init__.py", "__main__.py"):
            assert all_of(path) is not None, f"{named(path)} has no __all__"


def all_of(path: Path) -> list[str] | None:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def test_public_names_are_few() -> None:
    assert len(sftdata.__all__) <= 25


def test_no_family_is_named_in_the_code() -> None:
    """Families are data: code that knows one of them by name is a wall in the wrong place."""
    shown = re.compile("|".join(re.escape(name) for name in sorted(load_families())))
    for path in modules():
        documents = {id(n.value) for n in ast.walk(tree(path)) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = id(node) not in documents and shown.search(node.value)
                assert not found, f"{named(path)}:{node.lineno}: {found and found.group()}"


def test_registered_names_are_those_of_the_golden_file() -> None:
    """A name that configurations use is a promise: removing one is seen here."""
    golden = json.loads((ROOT / "tests/golden/registry.json").read_text(encoding="utf-8"))
    assert {kind: sorted(names) for kind, names in BUILTIN.items()} == golden


def test_layers_are_those_of_the_living_plan() -> None:
    """docs/architecture.md names every module and room of the tree."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    block = text.split("```")[3]
    for _, line in LAYERS:
        for name in line.split():
            assert re.search(rf"\b{name}(\.py|/)", block) or name == "__main__", name
    order = [block.index(f"L{n}") for n in range(7)]
    assert all(a < b for a, b in pairwise(order))
