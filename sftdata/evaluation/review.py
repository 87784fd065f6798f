"""Blind review by people: sheets without names, a key kept apart, and how far raters agree."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict

from sftdata.chance import rank, shuffled
from sftdata.errors import ConfigError
from sftdata.evaluation.agreement import cohen_kappa, krippendorff_alpha, percent_agreement
from sftdata.predictions import Prediction
from sftdata.types import Sample

__all__ = ["CRITERIA", "Agreement", "Rating", "agreement", "export_review", "import_review"]
__all__ += ["read_ratings", "write_ratings"]

CRITERIA: dict[str, tuple[str, ...]] = {
    "correct": ("yes", "partly", "no"),
    "grounded": ("yes", "no"),
    "preference": ("A", "B", "tie"),
}
"""What a rater is asked, and the allowed answers; `preference` only between two outputs."""

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FORMAT = "sftdata-review/1"
_RATINGS = ("rater", "item", "sample_id", "kind", "locale", "criterion", "output", "label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One label that one rater gave; `output` is the run that it is about."""

    rater: str
    item: str
    sample_id: str
    kind: str
    locale: str
    criterion: str
    output: str
    label: str


class Agreement(BaseModel):
    """Agreement of the raters on one criterion."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    criterion: str
    raters: int
    items: int
    """Items that at least two raters labelled."""
    percent: float | None
    """Mean over pairs of raters."""
    kappa: float | None
    """Cohen's kappa, mean over pairs of raters."""
    alpha: float | None
    """Krippendorff's alpha, nominal."""
    labels: dict[str, int]


def export_review(
    samples: Sequence[Sample],
    runs: Mapping[str, Mapping[str, Prediction]],
    out: Path,
    *,
    items: int = 50,
    raters: int = 2,
    seed: int = 0,
) -> Path:
    """Write sheets for raters and the key beside the folder, and return the key's path.

    Every rater gets the same items in an order of their own, as CSV and as a page that works
    without a network. Nothing in a sheet names a model, a sample or whether it is answerable;
    with two runs the sides are swapped by chance, item by item.

    Args:
        samples: those that may be drawn: kinds and languages in turn, so that each is seen.
        runs: one or two runs by name: sample id → prediction.
        out: a new folder for the sheets; they hold document text.
        items: how many samples.
        raters: how many sheets.
        seed: the same seed draws the same.

    Raises:
        ConfigError: the folder or the key is there already, or nothing can be drawn.
    """
    key_path = out.with_name(f"{out.name}.key.json")
    for path in (out, key_path):
        if path.exists():
            raise ConfigError(f"{path} exists already; name a new folder")
    drawn = _drawn(
        [s for s in samples if all(s.sample_id in r for r in runs.values())], items, seed
    )
    if not drawn:
        raise ConfigError("review: no sample of this split has a prediction")
    rows, key = [], {}
    for number, sample in enumerate(drawn, 1):
        name = f"item-{number:03d}"
        order = list(runs)
        if len(order) == 2 and rank(seed, "side", sample.sample_id) % 2:
            order.reverse()
        sides = dict(zip("AB", order, strict=False))
        key[name] = {
            "sample_id": sample.sample_id,
            "kind": sample.kind,
            "locale": sample.locale,
            "sides": sides,
        }
        rows.append(_row(name, sample, {s: runs[r][sample.sample_id] for s, r in sides.items()}))
    out.mkdir(parents=True)
    for rater in range(1, raters + 1):
        mine = shuffled(rows, seed, "rater", rater, key=lambda row: row["item"])
        stem = f"rater-{rater}"
        (out / f"{stem}.csv").write_text(_csv(mine), encoding="utf-8-sig", newline="")
        (out / f"{stem}.html").write_text(_page(mine, stem), encoding="utf-8", newline="\n")
    text = json.dumps({"format": _FORMAT, "seed": seed, "items": key}, ensure_ascii=False, indent=2)
    key_path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return key_path


def _drawn(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Draw samples of every kind and language in turn; the order tells nothing."""
    pools: dict[tuple[str, str], list[Sample]] = {}
    for sample in shuffled(samples, seed, "draw", key=lambda s: s.sample_id):
        pools.setdefault((sample.kind, sample.locale), []).append(sample)
    chosen: list[Sample] = []
    turn = 0
    while len(chosen) < count and any(len(pool) > turn for pool in pools.values()):
        chosen += [pools[k][turn] for k in sorted(pools) if len(pools[k]) > turn]
        turn += 1
    return shuffled(chosen[:count], seed, "order", key=lambda s: s.sample_id)


def _row(name: str, sample: Sample, sides: Mapping[str, Prediction]) -> dict[str, str]:
    user = "\n".join(m.content for m in sample.prompt if m.role == "user")
    row = {"item": name, "prompt": user}
    row |= {f"output_{side}": prediction.output for side, prediction in sides.items()}
    for criterion in CRITERIA:
        if criterion == "preference":
            row |= {criterion: ""} if len(sides) == 2 else {}
        else:
            row |= {f"{criterion}_{side}": "" for side in sides}
    return row | {"note": ""}


def _csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Write CSV in which no cell is a formula: a text from a document may begin with `=`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"'{v}" if v.startswith(_FORMULA) else v for k, v in row.items()})
    return out.getvalue()


def _page(rows: Sequence[Mapping[str, str]], rater: str) -> str:
    style, script = (
        (_TEMPLATES / f"review.{end}").read_text(encoding="utf-8") for end in ("css", "js")
    )

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'"
    )
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("review.html.j2").render(
        rows=rows,
        rater=rater,
        sides=[name[-1] for name in rows[0] if name.startswith("output_")],
        questions=[
            (name, CRITERIA[name.partition("_")[0]])
            for name in rows[0]
            if name.partition("_")[0] in CRITERIA
        ],
        style=Markup(style),  # noqa: S704  # the package's own file
        script=Markup(script),  # noqa: S704  # the package's own file
        policy=policy,
    )


def import_review(key: Path, sheets: Sequence[Path]) -> list[Rating]:
    """Join filled sheets with the key; a sheet's name is the rater's.

    Cells that were left empty are skipped.

    Raises:
        ConfigError: a file is none of ours, or a label is not allowed; names sheet and item.
    """
    items = _key(key)
    found = []
    for sheet in sheets:
        for row in _sheet(sheet):
            known = items.get(row.get("item") or "")
            if known is None:
                raise ConfigError(f"{sheet.name}: an item is not in {key.name}")
            found += list(_ratings(sheet, row, known))
    return found


def _ratings(
    sheet: Path, row: Mapping[str, str | None], known: Mapping[str, Any]
) -> Iterator[Rating]:
    for column, cell in row.items():
        criterion, _, side = (column or "").partition("_")
        label = (cell or "").strip()
        if criterion not in CRITERIA or not label:
            continue
        allowed = {a.lower(): a for a in CRITERIA[criterion]}
        if label.lower() not in allowed:
            raise ConfigError(
                f"{sheet.name}: {row['item']}: {column} must be one of "
                f"{', '.join(CRITERIA[criterion])}"
            )
        label = allowed[label.lower()]
        if criterion == "preference":
            label = known["sides"].get(label, label)
        yield Rating(
            rater=sheet.stem,
            item=str(row["item"]),
            sample_id=known["sample_id"],
            kind=known["kind"],
            locale=known["locale"],
            criterion=criterion,
            output=known["sides"].get(side, ""),
            label=label,
        )


def _key(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"review: {path} does not exist") from error
    except ValueError as error:
        raise ConfigError(f"review: {path} is no key of `review export`") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise ConfigError(f"review: {path} is no key of `review export`")
    items: dict[str, Any] = data["items"]
    return items


def _sheet(path: Path) -> list[dict[str, str | None]]:
    if not path.is_file():
        raise ConfigError(f"review: {path} does not exist")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows: list[dict[str, str | None]] = list(csv.DictReader(handle))
    if not rows or "item" not in rows[0]:
        raise ConfigError(f"review: {path} is no sheet: it has no column `item`")
    return rows


def write_ratings(ratings: Sequence[Rating], path: Path) -> None:
    """Write ratings as CSV: what `review agreement` and `judge --human` read."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(_RATINGS)
        writer.writerows([getattr(r, name) for name in _RATINGS] for r in ratings)


def read_ratings(path: Path) -> list[Rating]:
    """Read what `write_ratings` wrote.

    Raises:
        ConfigError: no such file, or its columns are others.
    """
    if not path.is_file():
        raise ConfigError(f"ratings: {path} does not exist")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle)
        if set(rows.fieldnames or ()) < set(_RATINGS):
            raise ConfigError(f"ratings: {path} lacks columns; see `review import`")
        return [Rating(**{name: row[name] or "" for name in _RATINGS}) for row in rows]


def agreement(ratings: Sequence[Rating]) -> list[Agreement]:
    """Return the agreement on each criterion, over items that at least two raters labelled."""
    found = []
    for criterion in CRITERIA:
        mine = [r for r in ratings if r.criterion == criterion]
        raters = sorted({r.rater for r in mine})
        by_unit: dict[tuple[str, str], dict[str, str]] = {}
        labels: dict[str, int] = {}
        for rating in mine:
            by_unit.setdefault((rating.item, rating.output), {})[rating.rater] = rating.label
            labels[rating.label] = labels.get(rating.label, 0) + 1
        if not mine:
            continue
        units = [tuple(unit.get(r) for r in raters) for _, unit in sorted(by_unit.items())]
        shared = [u for u in units if sum(label is not None for label in u) > 1]
        percents, kappas = _pairs(units, len(raters))
        alpha = krippendorff_alpha(units)
        found.append(
            Agreement(
                criterion=criterion,
                raters=len(raters),
                items=len(shared),
                percent=_mean(percents),
                kappa=_mean(kappas),
                alpha=None if alpha is None else round(alpha, 6),
                labels=dict(sorted(labels.items())),
            )
        )
    return found


def _pairs(
    units: Sequence[tuple[str | None, ...]], raters: int
) -> tuple[list[float | None], list[float | None]]:
    percents, kappas = [], []
    for i, j in combinations(range(raters), 2):
        both = [(u[i], u[j]) for u in units if u[i] is not None and u[j] is not None]
        left, right = [a for a, _ in both], [b for _, b in both]
        percents.append(percent_agreement(left, right))
        kappas.append(cohen_kappa(left, right))
    return percents, kappas


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return round(sum(known) / len(known), 6) if known else None
