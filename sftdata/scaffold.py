"""A new project: a configuration in which every setting that people change is explained."""

from __future__ import annotations

from pathlib import Path

from sftdata.errors import ConfigError

__all__ = ["init"]

CONFIG = """\
# What `sftdata build config.yaml` makes. Every setting: docs/config.md.
# Paths are relative to this file. Any value can be changed for one run: --set dedupe.threshold=0.7

name: {name}
seed: 0                       # the same seed, documents and families give the same dataset

documents:
  root: documents             # put your filings, FHIR bundles and notes here
  files: ["**/*"]             # glob patterns; the format is detected from the content
  # files:                    # or say what is what
  #   - {{match: "filings/*.htm", reader: ixbrl, domain: finance}}
  #   - {{match: "charts/*.json", reader: fhir, domain: medical}}

families:
  use: ["*"]                  # `sftdata families list` shows them: finance/*, medical/*
  exclude: []
  paths: [families]           # your own families, as <domain>/<task>/family.yaml
  locales:                    # language of the document: shares of the prompt's languages
    en: {{en: 0.65, zh: 0.35}}
    zh: {{zh: 1.0}}

link:
  by: [company, patient]      # documents that share a company or a patient never part
  # aliases: {{acme: ["cik:0000000001", "company_name:Acme Holdings"]}}

split:
  ratios: {{train: 0.8, validation: 0.1, test: 0.1}}

dedupe:
  threshold: 0.8              # Jaccard similarity from which two texts are the same

template:
  template: chatml            # or a tokenizer folder or hub id, to measure with that model
  max_length: 4096            # tokens; longer samples are dropped and counted, never cut
  over_length: drop           # drop, flag or fail

engine:
  use: local                  # local: all processors; inline: this process. The rows are the same

card:
  title: {name}
  license: other              # the licence of your documents
"""


def init(folder: str | Path) -> list[Path]:
    """Make a project folder: `config.yaml`, `documents/` and `families/`.

    Returns:
        What was made.

    Raises:
        ConfigError: the folder holds a configuration already; nothing is changed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as place:
    ...     [path.name for path in init(place)]
    ['config.yaml', 'documents', 'families']
    """
    root = Path(folder)
    config = root / "config.yaml"
    if root.is_file():
        raise ConfigError(f"{root} is a file; name a folder")
    if config.exists():
        raise ConfigError(f"{config} exists already; edit it, or name another folder")
    made = [config, root / "documents", root / "families"]
    for place in made[1:]:
        place.mkdir(parents=True, exist_ok=True)
        (place / ".gitkeep").touch()
    config.write_text(CONFIG.format(name=_name(root)), encoding="utf-8")
    return made


def _name(root: Path) -> str:
    """Return the folder's name in the letters that a dataset's name may have.

    >>> _name(Path("my project (2)")), _name(Path("年报"))
    ('my-project-2', 'dataset')
    """
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in _last(root))
    return "-".join(part for part in plain.split("-") if part).strip("._-") or "dataset"


def _last(root: Path) -> str:
    return root.resolve().name
