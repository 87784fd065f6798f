"""Name → class for readers, checks, exporters and engines, with plug-ins from entry points."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Any

from sftdata.errors import ConfigError

__all__ = ["BUILTIN", "Registry", "checks", "engines", "exporters", "readers"]

BUILTIN: dict[str, dict[str, str]] = {
    "reader": {
        "ixbrl": "sftdata.readers.ixbrl:IxbrlReader",
        "fhir": "sftdata.readers.fhir:FhirReader",
        "notes": "sftdata.readers.notes:NotesReader",
    },
    "check": {
        "group_overlap": "sftdata.stages.checks.group_overlap:GroupOverlapCheck",
        "document_overlap": "sftdata.stages.checks.document_overlap:DocumentOverlapCheck",
        "exact_duplicates": "sftdata.stages.checks.exact_duplicates:ExactDuplicatesCheck",
        "near_samples": "sftdata.stages.checks.near_samples:NearSamplesCheck",
        "near_contexts": "sftdata.stages.checks.near_contexts:NearContextsCheck",
        "near_tasks": "sftdata.stages.checks.near_tasks:NearTasksCheck",
        "shared_facts": "sftdata.stages.checks.shared_facts:SharedFactsCheck",
        "answers_in_train": "sftdata.stages.checks.answers_in_train:AnswersInTrainCheck",
        "versions": "sftdata.stages.checks.versions:VersionsCheck",
        "temporal_order": "sftdata.stages.checks.temporal_order:TemporalOrderCheck",
        "group_names": "sftdata.stages.checks.group_names:GroupNamesCheck",
        "missing_groups": "sftdata.stages.checks.missing_groups:MissingGroupsCheck",
        "contamination": "sftdata.stages.checks.contamination:ContaminationCheck",
        "shortcuts": "sftdata.stages.checks.shortcuts:ShortcutsCheck",
        "residual_phi": "sftdata.stages.checks.residual_phi:ResidualPhiCheck",
        "evidence": "sftdata.stages.checks.evidence:EvidenceCheck",
        "answer_schema": "sftdata.stages.checks.answer_schema:AnswerSchemaCheck",
        "sample_checks": "sftdata.stages.checks.sample_checks:SampleChecksCheck",
        "refusal_proof": "sftdata.stages.checks.refusal_proof:RefusalProofCheck",
        "refusal_twins": "sftdata.stages.checks.refusal_twins:RefusalTwinsCheck",
        "refusal_ratio": "sftdata.stages.checks.refusal_ratio:RefusalRatioCheck",
        "conflicting_targets": "sftdata.stages.checks.conflicting_targets:ConflictingTargetsCheck",
        "label_mix": "sftdata.stages.checks.label_mix:LabelMixCheck",
        "templates": "sftdata.stages.checks.templates:TemplatesCheck",
        "truncation": "sftdata.stages.checks.truncation:TruncationCheck",
        "length": "sftdata.stages.checks.length:LengthCheck",
        "trained_rows": "sftdata.stages.checks.trained_rows:TrainedRowsCheck",
        "token_labels": "sftdata.stages.checks.token_labels:TokenLabelsCheck",
        "unique_ids": "sftdata.stages.checks.unique_ids:UniqueIdsCheck",
        "template_time": "sftdata.stages.checks.template_time:TimeCheck",
        "template_default": "sftdata.stages.checks.template_default:DefaultSystemCheck",
        "template_system_role": "sftdata.stages.checks.template_system_role:SystemRoleCheck",
        "template_bos": "sftdata.stages.checks.template_bos:BosCheck",
        "template_stop": "sftdata.stages.checks.template_stop:StopCheck",
        "template_thinking": "sftdata.stages.checks.template_thinking:ThinkingCheck",
        "template_special_text": "sftdata.stages.checks.template_special_text:SpecialTextCheck",
        "template_prefix": "sftdata.stages.checks.template_prefix:PrefixCheck",
        "template_whitespace": "sftdata.stages.checks.template_whitespace:WhitespaceCheck",
        "template_turns": "sftdata.stages.checks.template_turns:TurnsCheck",
    },
    "exporter": {
        "alpaca": "sftdata.exporting.alpaca:AlpacaExporter",
        "argilla": "sftdata.exporting.argilla:ArgillaExporter",
        "axolotl": "sftdata.exporting.axolotl:AxolotlExporter",
        "hf": "sftdata.exporting.hub:HubExporter",
        "label-studio": "sftdata.exporting.labelstudio:LabelStudioExporter",
        "llamafactory": "sftdata.exporting.llamafactory:LlamaFactoryExporter",
        "openai": "sftdata.exporting.openai:OpenAiExporter",
        "sharegpt": "sftdata.exporting.sharegpt:ShareGptExporter",
        "trl": "sftdata.exporting.trl:TrlExporter",
        "unsloth": "sftdata.exporting.unsloth:UnslothExporter",
        "vllm": "sftdata.exporting.vllm:VllmExporter",
    },
    "engine": {
        "inline": "sftdata.stages.engines.inline:InlineEngine",
        "local": "sftdata.stages.engines.local:LocalEngine",
    },
}


class Registry:
    """The known parts of one kind. Classes are imported when asked for, so a name costs nothing.

    Third parties add a name with the entry point group `sftdata.<kind>s`. A plug-in that cannot
    be imported is an error when it is asked for, never before.

    >>> Registry("reader", {"json": "json:JSONDecoder"}).get("json").__name__
    'JSONDecoder'
    """

    def __init__(self, kind: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self._targets = dict(builtin)
        self._plugins_loaded = False

    def names(self) -> list[str]:
        """Return every known name, sorted, plug-ins included."""
        self._load_plugins()
        return sorted(self._targets)

    def get(self, name: str) -> Any:
        """Return the class registered under `name`.

        Raises:
            ConfigError: no such name; the message suggests the nearest one.
        """
        if name not in self._targets:
            self._load_plugins()
        if name not in self._targets:
            near = difflib.get_close_matches(name, self._targets, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self._targets))
            raise ConfigError(f"unknown {self.kind} {name!r}.{hint} Known: {known}")
        module, _, attribute = self._targets[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"{self.kind} {name!r} ({self._targets[name]}) cannot be loaded: {error}"
            ) from error

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in entry_points(group=f"sftdata.{self.kind}s"):
            if point.name in self._targets and self._targets[point.name] != point.value:
                raise ConfigError(
                    f"{self.kind} {point.name!r} is registered twice: "
                    f"{self._targets[point.name]} and {point.value}; remove one package"
                )
            self._targets[point.name] = point.value


readers = Registry("reader", BUILTIN["reader"])
checks = Registry("check", BUILTIN["check"])
exporters = Registry("exporter", BUILTIN["exporter"])
engines = Registry("engine", BUILTIN["engine"])
