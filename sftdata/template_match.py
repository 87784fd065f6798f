"""The same template in every step: locks compared by part, and where they differ, tokens.

Training, prediction, merge and serving call `require_same_template` before they start. A lock
covers more than tokens do (a path, a padding token), so another lock alone is no reason to stop:
every sample of the build is rendered and cut both ways, and only a sample that comes out otherwise
is a mismatch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import BUNDLED, OWN, ChatTemplate, Scalar, load_template
from sftdata.chat.tokenizer import Tokenizer, load_tokenizer
from sftdata.chat.tokens import TokenRow, tokenise
from sftdata.chat.turns import Rendered, render_sample
from sftdata.chat.windows import first_difference, token_window
from sftdata.errors import ConfigError
from sftdata.judged import Judged
from sftdata.types import Sample

__all__ = ["PartChange", "TemplateMatch", "compare_locks", "require_same_template"]

_BATCH = 64
_READABLE = ("special_tokens", "variables", "today", "system_prompt")
"""Parts of a lock that are kept as text; of the others the digest is kept."""


@dataclass(frozen=True)
class PartChange:
    """One part of the lock that is not the same on both sides; an empty value: it has none."""

    part: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        if self.part not in _READABLE:
            return self.part
        return f"{self.part} ({self.ours or 'none'} → {self.theirs or 'none'})"


@dataclass(frozen=True)
class TemplateMatch:
    """What a later step may rely on, and what it writes into its own manifest.

    Attributes:
        template: the template of the model's side. Render with this one: on a match it gives the
            audited tokens, on an overridden mismatch those that the model will be served.
        tokenizer: the model's tokenizer.
        lock: the lock of the two.
        changes: the parts in which the lock differs from the build's; none: the very same.
        samples: how many samples were rendered and cut both ways because the locks differ.
        forced: the mismatch that was overridden, in words; empty where there is none.
    """

    template: ChatTemplate
    tokenizer: Tokenizer
    lock: str
    changes: tuple[PartChange, ...] = ()
    samples: int = 0
    forced: str = ""

    def __str__(self) -> str:
        if self.forced:
            return f"template mismatch overridden: {self.forced}"
        if not self.changes:
            return "the model's template is the build's (same lock)"
        parts = ", ".join(c.part for c in self.changes)
        return (
            f"the model's template gives the build's tokens for all {self.samples:,} samples, "
            f"though the lock differs ({parts})"
        )


def compare_locks(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[PartChange, ...]:
    """Return the parts in which two locks differ, sorted by name.

    Args:
        ours: `template_parts` of a manifest, or `ChatTemplate.lock_parts()`.
        theirs: the other side's.

    >>> qwen, own = load_template("qwen"), load_template("qwen", variables={"date": "today"})
    >>> [str(c) for c in compare_locks(qwen.lock_parts(), own.lock_parts())]
    ['variables ({} → {"date":"today"})']
    """
    names = sorted({*ours, *theirs})
    pairs = ((name, ours.get(name, ""), theirs.get(name, "")) for name in names)
    return tuple(PartChange(*pair) for pair in pairs if pair[1] != pair[2])


def require_same_template(
    judged: Judged,
    model: str | Path,
    *,
    template: str = "",
    variables: Mapping[str, Scalar] | None = None,
    allow: bool = False,
    allow_download: bool = False,
) -> TemplateMatch:
    """Make sure that a model sees the tokens that were audited.

    Args:
        judged: the build, from `open_judged`.
        model: folder (or hub id) of the model, adapter or tokenizer.
        template: the template the step will use, where it is not the model's own: a bundled name
            or a Jinja file. Empty: the model's own; a model without one takes the build's.
        variables: what the step will give the template; by default what the build gave it.
        allow: go on in spite of a mismatch; it then stands in `TemplateMatch.forced`.
        allow_download: fetch a hub id that is not in the local cache.

    Raises:
        ConfigError: a sample gives other tokens or another mask. One line: the parts that differ,
            the first such sample, and the tokens around the first difference on both sides.
    """
    tokenizer = load_tokenizer(str(model), allow_download=allow_download)
    served = _served(judged, tokenizer, template, variables)
    known = judged.manifest.template_parts
    changes = compare_locks(known, served.lock_parts())
    if not changes:
        return TemplateMatch(served, tokenizer, served.lock())
    built = _built(judged, tokenizer)
    if isinstance(built, str):
        fault, checked = built, 0
    else:
        fault, checked = _first_difference(judged, built, (served, tokenizer))
    match = TemplateMatch(served, tokenizer, served.lock(), changes, checked)
    if not fault:
        return match
    words = f"the lock differs in {', '.join(str(c) for c in changes)}; {fault}"
    if not allow:
        raise ConfigError(
            f"template: {model} does not see what was audited in {judged.path}: {words}. Build "
            "with this model's tokenizer and template, or take the model that the build is for "
            "(--allow-template-mismatch goes on all the same)"
        )
    return TemplateMatch(served, tokenizer, served.lock(), changes, checked, words)


Side = tuple[ChatTemplate, Tokenizer]


def _served(
    judged: Judged,
    tokenizer: Tokenizer,
    template: str,
    variables: Mapping[str, Scalar] | None,
) -> ChatTemplate:
    """Return the template as the model's side has it."""
    render = judged.render
    if not template:
        template = OWN if tokenizer.chat_template else render.template
        # The build may have used the template of this tokenizer's folder by its path.
        if template not in BUNDLED and template != OWN and not Path(template).is_file():
            raise ConfigError(
                f"template: {tokenizer.name} carries no chat template, and that of the build "
                f"({template!r}) is not here; name a Jinja file"
            )
    return load_template(
        template,
        tokenizer=tokenizer,
        variables=render.variables if variables is None else variables,
        today=render.today,
    )


def _built(judged: Judged, tokenizer: Tokenizer) -> Side | str:
    """Return template and tokenizer as the build had them, or why they cannot be had any more."""
    manifest = judged.manifest
    try:
        template, own = judged.render.load()
    except ConfigError as error:
        return f"samples cannot be compared, because what the build used is gone ({error})"
    gone = compare_locks(manifest.template_parts, template.lock_parts())
    if gone:
        parts = ", ".join(c.part for c in gone)
        return f"samples cannot be compared, because {parts} changed since the build"
    # A build without a tokenizer has estimated lengths: its text is cut with the model's.
    return template, own or tokenizer


def _first_difference(judged: Judged, built: Side, served: Side) -> tuple[str, int]:
    """Return what the first sample that differs shows, or nothing, and how many were compared."""
    count = 0
    for split in sorted(judged.splits, key=lambda s: (s != "train", s)):
        for samples in _batches(judged.samples(split)):
            rows = zip(samples, _rows(built, samples), _rows(served, samples), strict=True)
            for sample, ours, theirs in rows:
                count += 1
                fault = _difference(built, ours, served, theirs)
                if fault:
                    return f"sample {sample.sample_id} ({split}): {fault}", count
    return "", count


def _batches(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    batch: list[Sample] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows(side: Side, samples: Sequence[Sample]) -> list[TokenRow | str]:
    """Return the rows of samples, or in place of one why the template refuses it."""
    template, tokenizer = side
    rendered: list[Rendered | str] = []
    for sample in samples:
        try:
            rendered.append(render_sample(template, sample.prompt, sample.completion))
        except RenderRefusedError as refusal:
            rendered.append(str(refusal))
    rows = iter(tokenise(tokenizer, [r for r in rendered if not isinstance(r, str)]).rows)
    return [r if isinstance(r, str) else next(rows) for r in rendered]


def _difference(built: Side, ours: TokenRow | str, served: Side, theirs: TokenRow | str) -> str:
    if isinstance(ours, str) or isinstance(theirs, str):
        refusals = [
            f"{who}: {row}"
            for who, row in (("the build's", ours), ("the model's", theirs))
            if isinstance(row, str)
        ]
        return "; ".join(refusals) if ours != theirs else ""
    a, b = ours.ids.tolist(), theirs.ids.tolist()
    at = first_difference(a, b)
    if at is not None:
        left, right = token_window(built[1], a, at), token_window(served[1], b, at)
        return (
            f"token {at} differs, build ({len(a)} tokens): {left}, model ({len(b)} tokens): {right}"
        )
    if ours.mask.tolist() != theirs.mask.tolist():
        at = int((ours.mask != theirs.mask).argmax())
        says = "trained" if bool(ours.mask[at]) else "not trained"
        return (
            f"the tokens are the same, the mask is not: token {at} is {says} in the build, "
            f"and otherwise with the model: {token_window(built[1], a, at)}"
        )
    return ""
