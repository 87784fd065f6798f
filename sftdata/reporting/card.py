"""The dataset card: a README that the Hugging Face hub and a careful reader both understand.

Every sentence is generated from what was counted; nothing is claimed that was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from sftdata.reporting.card_counts import (
    SPLITS,
    CardInputs,
    LengthSummary,
    Tally,
    line,
    sums,
    table,
)

__all__ = ["dataset_card"]

KINDS: Mapping[str, str] = {
    "extraction": "structured extraction: the answer is a JSON object of values that were read",
    "writing": "structured writing: a text composed from facts that stand in the context",
    "evidence": "evidence answers: an answer with the passage that supports it, quoted verbatim",
    "refusal": "refusals: the question cannot be answered from the given context",
}

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
"""The hub's size categories, by number of digits from three up."""


def dataset_card(inputs: CardInputs) -> str:
    """Write the card: YAML header for the hub, then Markdown.

    The header names the data files of each split that has rows, so `load_dataset("out/")` takes
    `data/*.parquet` alone and never the lineage or audit files beside it.
    """
    tally = Tally(inputs)
    sections = [
        f"# {line(inputs.title)}",
        inputs.description.strip(),
        _overview(tally),
        _contents(tally),
        _making(tally),
        _splits(tally),
        _use(tally),
        _gaps(tally),
        _loading(tally),
    ]
    body = "\n\n".join(section for section in sections if section)
    return f"---\n{_header(tally)}---\n\n{body}\n"


def _header(tally: Tally) -> str:
    inputs, kinds = tally.inputs, tally.kinds
    tasks = ["text-generation"]
    if {"evidence", "refusal"} & set(kinds):
        tasks.append("question-answering")
    header: dict[str, Any] = {  # the digest in it makes `datasets` see that files have changed
        "pretty_name": line(inputs.title),
        "language": tally.languages,
        "license": inputs.license,
        "task_categories": tasks,
        "size_categories": [_SIZES[max(0, len(str(tally.rows)) - 3)]],
        "tags": ["sft", "sftdata", *tally.names("domain"), *kinds],
        "configs": [
            {
                "config_name": "default",
                "description": f"digest {inputs.audit.digest[:16]}" if inputs.audit else "",
                "data_files": [
                    {"split": split, "path": str(PurePosixPath("data") / f"{split}-*.parquet")}
                    for split in tally.splits
                ],
            }
        ],
    }
    if inputs.license == "other" and inputs.license_note:
        header["license_name"] = "see-the-card"
    dumped: str = yaml.safe_dump(header, allow_unicode=True, sort_keys=False, width=10_000)
    return dumped


def _overview(tally: Tally) -> str:
    documents = sum(count.rows for count in tally.inputs.documents)
    source = f" made from {documents:,} documents" if documents else ""
    kinds = [f"- {KINDS.get(k, k)} ({tally.by('kind')[k,]:,})" for k in tally.kinds]
    text = (
        f"{tally.rows:,} samples for supervised fine-tuning{source}. Each row has `prompt` and "
        "`completion` (chat messages), and with them the lineage: document ids, passages, "
        "evidence spans, checks and the family that made it."
    )
    note = line(tally.inputs.license_note)
    license_ = f"License: {tally.inputs.license}. {note}" if note else ""
    return "\n\n".join(part for part in (text, "\n".join(kinds), license_) if part)


_ORIGIN = (
    "Where the text comes from (`source`: it stands in the file as published; `rendered`: written "
    "out from structured data):"
)


def _contents(tally: Tally) -> str:
    cells, locales = tally.by("kind", "split", "locale"), tally.names("locale")
    columns = [(split, locale) for split in tally.splits for locale in locales]
    rows = [[kind, *(f"{cells.get((kind, *c), 0):,}" for c in columns)] for kind in tally.kinds]
    totals = tally.by("split", "locale")
    rows.append(["all", *(f"{totals.get(column, 0):,}" for column in columns)])
    text = ["## Contents", "", table(["kind", *(" ".join(c) for c in columns)], rows)]
    origin = [
        [name, f"{rows:,}", f"{rows / tally.rows:.1%}"]
        for (name,), rows in tally.by("text_origin").items()
    ]
    text += ["", _ORIGIN]
    text += ["", table(["text origin", "samples", "share"], origin)]
    lengths = tally.inputs.lengths
    if lengths is not None:
        text += ["", _lengths(tally.inputs, lengths)]
    return "\n".join(text)


def _lengths(inputs: CardInputs, lengths: LengthSummary) -> str:
    how = "estimated without a tokenizer" if lengths.estimated else "counted"
    text = (
        f"Length of prompt and completion together, {how}: median {lengths.median:,} tokens, "
        f"95 % within {lengths.p95:,}, longest {lengths.longest:,}."
    )
    if inputs.max_length is not None:
        text += f" Limit: {inputs.max_length:,}; no sample was cut to fit."
    if lengths.over_limit:
        text += f" {lengths.over_limit:,} samples are longer and carry `over_length`."
    return text


def _making(tally: Tally) -> str:
    inputs = tally.inputs
    text = ["## How it was made"]
    if inputs.documents:
        rows = [[*key, f"{n:,}"] for key, n in sums(inputs.documents, [0, 1, 2]).items()]
        text += ["", table(["reader", "domain", "locale", "documents"], rows)]
    families = [
        [family, kind, f"{n:,}"] for (family, kind), n in tally.by("family", "kind").items()
    ]
    text += ["", table(["task family", "kind", "samples"], families)]
    if inputs.mixture:
        rows = [
            [kind, f"{share:.1%}", f"{tally.by('kind').get((kind,), 0) / tally.rows:.1%}"]
            for kind, share in sorted(inputs.mixture.items())
            if tally.rows
        ]
        text += ["", table(["kind", "share asked for", "share reached"], rows)]
    if inputs.removed:
        rows = [[reason, f"{n:,}"] for reason, n in sorted(inputs.removed.items())]
        text += ["", "What left on the way, by reason:", "", table(["reason", "rows"], rows)]
    if inputs.template:
        lock = f" (lock `{inputs.template_lock}`)" if inputs.template_lock else ""
        text += ["", f"Lengths belong to the chat template `{line(inputs.template)}`{lock}."]
    text += ["", f"Made by {line(inputs.generator)}; `manifest.json` repeats every setting."]
    return "\n".join(text)


def _splits(tally: Tally) -> str:
    inputs, audit = tally.inputs, tally.inputs.audit
    documents = sums(inputs.documents, [3])
    rows = [
        [
            split,
            f"{tally.by('split')[split,]:,}",
            f"{documents[split,]:,}" if (split,) in documents else "",
            f"{inputs.groups[split]:,}" if split in inputs.groups else "",
        ]
        for split in tally.splits
    ]
    text = ["## Splits and leakage", "", table(["split", "samples", "documents", "groups"], rows)]
    if inputs.linked_by:
        by = ", ".join(map(line, inputs.linked_by))
        text += ["", f"Documents were grouped by {by} and split by group, before any sample was"]
        text[-1] += " made."
    if audit is None:
        return "\n".join([*text, "", "The dataset has not been audited."])
    checks = [[c.title, c.status.replace("_", " "), c.compared or c.why] for c in audit.checks]
    verdict = f"Audit verdict: **{audit.verdict}**. {line(audit.meaning)}"
    return "\n".join([*text, "", verdict, "", table(_AUDIT_HEAD, checks)])


_AUDIT_HEAD = ("check", "status", "what was compared")

_DOMAIN_LIMITS: Mapping[str, str] = {
    "finance": "financial, investment, tax or accounting advice",
    "medical": "medical advice: no diagnosis, triage or treatment",
}
_ALSO_CALLED: Mapping[str, str] = {"medicine": "medical"}


def _use(tally: Tally) -> str:
    domains = {_ALSO_CALLED.get(name, name) for name in tally.names("domain")}
    named = [text for domain, text in _DOMAIN_LIMITS.items() if domain in domains]
    advice = "\n".join(
        f"- {text[0].upper()}{text[1:]}." for text in named or ["professional advice"]
    )
    return f"""## Use

Meant for training and testing models that read such documents and answer from them alone.

Neither the dataset nor what a model trained on it says is, or may stand in for:

{advice}
- Answers from memory: the samples answer from a context that is in the prompt.
- A qualified reader, where a decision about a person or a company is made."""


def _gaps(tally: Tally) -> str:
    inputs = tally.inputs
    gaps = [line(gap) for gap in inputs.known_gaps]
    cells = tally.by("kind", "split", "locale")
    for kind in tally.kinds:
        for split in tally.splits:
            missing = [loc for loc in tally.names("locale") if (kind, split, loc) not in cells]
            if missing:
                gaps.append(f"No {kind} samples in {split} for {', '.join(missing)}.")
    gaps += [f"There is no {split} split." for split in SPLITS if split not in tally.splits]
    if inputs.lengths is not None and inputs.lengths.estimated:
        gaps.append("Token counts are estimates: no tokenizer was configured.")
    if inputs.audit is not None:
        open_ones = [c for c in inputs.audit.checks if c.status == "not_verified"]
        gaps += [f"Not verified: {line(c.title)} ({line(c.why)})" for c in open_ones]
    if not gaps:
        return ""
    return "\n".join(["## Known gaps", "", *(f"- {gap}" for gap in gaps)])


def _loading(tally: Tally) -> str:
    held_out = ', eval_dataset=data["validation"]' if "validation" in tally.splits else ""
    train = next(iter(tally.splits), "train")
    return f"""## Load and train

```python
from datasets import load_dataset

data = load_dataset("path/to/this/folder").select_columns(["prompt", "completion"])
```

With TRL the loss is on the completion alone, and `max_length=None` keeps answers whole:

```python
from trl import SFTConfig, SFTTrainer

config = SFTConfig(output_dir="model", max_length=None, completion_only_loss=True)
trainer = SFTTrainer("YOUR-MODEL", args=config, train_dataset=data["{train}"]{held_out})
trainer.train()
```"""
