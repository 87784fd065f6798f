"""Lint of one chat template: the checks of an audit, on probe conversations instead of rows."""

from __future__ import annotations

import pyarrow as pa

from sftdata.audit_chat import load_dated
from sftdata.chat.faults import conversations
from sftdata.chat.probes import PROBES
from sftdata.dataset import AuditData
from sftdata.registry import BUILTIN, checks
from sftdata.report import CheckResult
from sftdata.stages.render import Render

__all__ = ["CHECKS", "lint"]

CHECKS = tuple(n for n in BUILTIN["check"] if n.startswith("template_"))
"""The checks of an audit that look at the template."""

_OF_DATA = ("special_text",)
"""Probes that hold a fault of the data: there is nothing in them to say about the template."""


def lint(render: Render) -> tuple[CheckResult, ...]:
    """Return what is to be known about a template before data is made for it.

    The ids of the findings are the names of probe conversations.

    Args:
        render: template, tokenizer and variables.

    Raises:
        ConfigError: template or tokenizer cannot be found.

    >>> [r.name for r in lint(Render(template="qwen")) if r.status != "passed"]
    ['template_default']
    """
    probes = [p for p in PROBES if p.name not in _OF_DATA]
    chat = load_dated(render, conversations((p.prompt, p.completion) for p in probes))
    ids = pa.table({"id": [p.name for p in probes]})
    data = AuditData(table=ids, name=chat.template.name, chat=chat)
    return tuple(checks.get(name)()(data) for name in CHECKS)
