"""Croissant 1.0 metadata with the fields for responsible AI: the card for machines.

Written by hand against the specification (mlcommons.org/croissant/1.0 and /RAI/1.0); the official
validator `mlcroissant` is an extra, because it weighs more than everything else together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from sftdata.report import DataFile
from sftdata.reporting.card_counts import CardInputs, Tally, sums
from sftdata.types import SAMPLES

__all__ = ["croissant"]

_CONTEXT: dict[str, Any] = json.loads(
    Path(__file__).with_name("croissant_context.json").read_text(encoding="utf-8")
)
_LICENSES = {
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "mit": "https://opensource.org/license/mit",
}
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}


def croissant(inputs: CardInputs, files: Sequence[DataFile]) -> str:
    """Return the JSON-LD of a dataset.

    Args:
        inputs: what the card is made of; the audit in it becomes part of the limitations.
        files: the data files, with hash and size; others are left out.

    There is no date in it: the same build gives the same bytes. Whoever publishes adds
    `datePublished` and the address in place of `url`, which points at the folder itself; the
    validator only warns where the date is missing.
    """
    data = sorted((f for f in files if f.path.startswith("data/")), key=lambda f: f.path)
    tally = Tally(inputs)
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": inputs.title,
        "description": inputs.description.strip() or _described(tally),
        "license": _LICENSES.get(inputs.license, inputs.license_note or inputs.license),
        "url": ".",
        "version": "1.0.0",
        "inLanguage": tally.languages,
        "keywords": ["sft", "sftdata", *tally.names("domain"), *tally.kinds],
        **_rai(tally),
        "distribution": [_file(f) for f in data],
        "recordSet": [_splits(tally), *(_records(f) for f in data)],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _described(tally: Tally) -> str:
    documents = sum(count.rows for count in tally.inputs.documents)
    made = f" made from {documents:,} documents" if documents else ""
    return f"{tally.rows:,} samples for supervised fine-tuning{made}, with lineage and audit."


def _rai(tally: Tally) -> dict[str, Any]:
    """Return the fields for responsible AI; each says what was counted or what the audit found."""
    inputs, audit = tally.inputs, tally.inputs.audit
    origins = ", ".join(f"{o} {n:,}" for (o,), n in tally.by("text_origin").items())
    sources = ", ".join(f"{r} {n:,}" for (r,), n in sums(inputs.documents, [0]).items())
    removed = ", ".join(f"{reason} {n:,}" for reason, n in sorted(inputs.removed.items()))
    fields: dict[str, Any] = {
        "rai:dataCollection": f"Documents read, by reader: {sources or 'not recorded'}. "
        f"Samples by origin of their text: {origins}.",
        "rai:dataPreprocessingProtocol": [
            "Documents are deduplicated, grouped by "
            f"{', '.join(inputs.linked_by) or 'document'} and split by group before any sample "
            "is made; samples are verified, deduplicated, purged against held-out text and "
            f"balanced. Left on the way: {removed or 'nothing'}."
        ],
        "rai:dataAnnotationProtocol": _annotation(tally),
        "rai:dataUseCases": "Training and testing models that answer from given documents alone.",
        "rai:dataLimitations": _limitations(tally),
        "rai:dataReleaseMaintenancePlan": "A new build is a new digest; manifest.json repeats "
        "every setting of this one.",
    }
    if audit is not None:
        privacy = next((c for c in audit.checks if c.name == "residual_phi"), None)
        if privacy is not None:
            found = privacy.why if privacy.status == "not_verified" else privacy.compared
            fields["rai:personalSensitiveInformation"] = [
                f"Scan for identifiers of persons: {privacy.status.replace('_', ' ')} ({found}); "
                f"{privacy.count:,} samples concerned."
            ]
        shares = ", ".join(f"{k} {n / tally.rows:.1%}" for (k,), n in tally.by("kind").items())
        fields["rai:dataBiases"] = [f"Share of kinds: {shares}. Audit verdict: {audit.verdict}."]
    return fields


def _annotation(tally: Tally) -> str:
    if set(tally.names("text_origin")) <= {"source", "rendered"}:
        return (
            "Answers come from the documents' own tags and text by rule; the checks of each "
            "sample stand in its row."
        )
    return "See the card for the origin of texts; the checks of each sample stand in its row."


def _limitations(tally: Tally) -> list[str]:
    limits = ["Not professional advice: neither financial nor medical.", *tally.inputs.known_gaps]
    audit = tally.inputs.audit
    if audit is None:
        return [*limits, "Not audited."]
    open_ones = [c for c in audit.checks if c.status == "not_verified"]
    return [*limits, *(f"Not verified: {c.title} ({c.why})" for c in open_ones)]


def _file(file: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": PurePosixPath(file.path).name,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _splits(tally: Tally) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": "splits/name",
                "name": "name",
                "dataType": "sc:Text",
            }
        ],
        "data": [{"splits/name": split} for split in tally.splits],
    }


def _records(file: DataFile) -> dict[str, Any]:
    """Describe the rows of one file; files of the same split have the same columns."""
    name = PurePosixPath(file.path).name.removesuffix(".parquet")
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{file.rows or 0:,} samples.",
        "key": {"@id": f"{name}/sample_id"},
        "field": [_field(name, file.path, column) for column in SAMPLES],
    }


def _field(record: str, path: str, column: pa.Field) -> dict[str, Any]:
    here = f"{record}/{column.name}"
    source = {"fileObject": {"@id": path}, "extract": {"column": column.name}}
    field: dict[str, Any] = {"@type": "cr:Field", "@id": here, "name": column.name}
    kind = column.type
    if pa.types.is_list(kind):
        field["repeated"] = True
        kind = kind.value_type
    if not pa.types.is_struct(kind):
        return field | {"dataType": _TYPES[str(kind)], "source": source}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{here}/{part.name}",
            "name": part.name,
            "dataType": _TYPES[str(part.type)],
            "source": {**source, "transform": {"jsonPath": part.name}},
        }
        for part in kind
    ]
    return field | {"subField": parts}
