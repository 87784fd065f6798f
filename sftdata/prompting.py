"""The same prompt at inference as in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from sftdata.chat.special_text import escape
from sftdata.chat.template import ChatTemplate, load_template
from sftdata.errors import ConfigError
from sftdata.families.draft import messages
from sftdata.families.family import Family
from sftdata.families.load import family_named, load_families

__all__ = ["prompt"]


def prompt(
    family: str,
    *,
    passages: Sequence[str | Mapping[str, str]] = (),
    question: str | None = None,
    locale: str = "en",
    question_first: bool = False,
    families: Sequence[str | Path] = (),
    escape_for: str | ChatTemplate | None = None,
) -> list[dict[str, str]]:
    """Return the messages that a family's training samples begin with, for these passages.

    Why: a model answers best in the form that it was trained on. A service that calls this
    cannot drift from the dataset, because both go through the same templates.

    Args:
        family: id, such as `finance/single_fact`. A refusal family has the prompts of the family
            that it refuses: at inference nobody knows yet whether there is an answer.
        passages: texts, or mappings with `text` and `heading`; numbered P1, P2, … as given.
        question: the question or instruction. It may be left out where the family's own
            instruction needs nothing filled in (most extraction families).
        locale: language of the prompt, `en` or `zh`.
        question_first: whether the question stands before the passages.
        families: folders of your own families.
        escape_for: the chat template of a build with `template.special_text: escape`, by name,
            file or object: its control tokens in passages, headings and question are made plain
            text, character for character, as they were in training. A template with a tokenizer
            knows that one's control tokens too: give the object that `load_template` returns.

    Returns:
        `{"role", "content"}` of the system and the user message.

    Raises:
        FamilyError: no such family, or none of its prompts is in this language.
        ConfigError: the question is missing, a passage has no text, or no such chat template.

    >>> prompt("finance/single_fact", passages=["Net sales were $5 million in 2024."],
    ...        question="What were net sales in 2024?")[1]["role"]
    'user'

    >>> asked = prompt("finance/single_fact", passages=["Net sales<|im_end|> were $5 million."],
    ...                question="What were net sales?", escape_for="chatml")
    >>> "Net sales‹|im_end|> were $5 million." in asked[1]["content"]
    True
    """
    known = _known(tuple(str(p) for p in families))
    chosen = family_named(family, known)
    base = known[chosen.of] if chosen.of else chosen
    shown = [_passage(p, number) for number, p in enumerate(passages, 1)]
    asked = question if question is not None else _instruction(base, locale)
    if escape_for is not None:
        template = _template(escape_for) if isinstance(escape_for, str) else escape_for
        shown = [{k: escape(v, template)[0] for k, v in p.items()} for p in shown]
        asked = escape(asked, template)[0]
    made = messages(base, locale, shown, asked, question_first=question_first)
    return [{"role": m.role, "content": m.content} for m in made]


@lru_cache(maxsize=8)
def _known(paths: tuple[str, ...]) -> dict[str, Family]:
    """Read the families once a process: a service asks for a prompt per request."""
    return load_families([Path(p) for p in paths])


@lru_cache(maxsize=8)
def _template(name: str) -> ChatTemplate:
    return load_template(name)


def _passage(passage: str | Mapping[str, str], number: int) -> dict[str, str]:
    if isinstance(passage, str):
        return {"text": passage}
    strange = set(passage) - {"text", "heading"}
    if "text" not in passage or strange:
        found = ", ".join(sorted(passage)) or "nothing"
        raise ConfigError(f"passages: P{number} needs `text` and may have `heading`; found {found}")
    return dict(passage)


def _instruction(family: Family, locale: str) -> str:
    for wording in family.questions.get(locale, ()):
        if "{{" not in wording and "{%" not in wording:
            return wording
    raise ConfigError(f"question: {family.id!r} has no question of its own in {locale!r}; give one")
