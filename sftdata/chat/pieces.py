r"""Where a tokenizer may be given a text in pieces, and still gives the ids of the whole.

Text that comes again (a system message, a passage that serves six questions) is then tokenised
once. Two kinds of places are safe, for byte-level models, which look at one word at a time:

* *Borders*: added tokens such as `<|im_end|>`. Text is taken apart at them before anything else.
* *Paragraphs*: after an empty line. A word of the model's splitting rule never reaches over it: of
  the alternatives in `_SAFE` none goes on behind a line feed (but for `/` in one of them), none
  looks behind its own beginning, and white space that ends in a line feed is one word whatever
  follows (`\s*[\r\n]+` stands before `\s+(?!\S)`, which alone looks ahead). NFC composes nothing
  with a line feed. Any other rule (GPT-2's: its blanks depend on what follows) is not cut.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["border_pattern", "cut_at_paragraphs", "paragraphs"]

_SAFE = frozenset(
    {
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+",
        r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+""",
        r"\p{N}",
        r"\p{N}{1,3}",
        "[一-龥\u3040-ゟ゠-ヿ]+",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
        r" ?[\p{P}\p{S}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    }
)
"""The alternatives of which the splitting rules of Qwen, Llama 3, DeepSeek and GPT-4 are made."""
_LINES, _AHEAD = r"\s*[\r\n]+", r"\s+(?!\S)"
_EMPTY_LINE = "\n\n"
_LEAST = 400
"""Characters from which on a piece is worth cutting."""


def border_pattern(config: dict[str, Any]) -> re.Pattern[str] | None:
    """Match the added tokens, between which text is tokenised apart; None if it cannot be."""
    added = [t for t in config["added_tokens"] if not t["normalized"]]
    random = config["model"].get("dropout")
    if any(map(_reaches_out, added)) or random or not added:
        return None
    if not _by_pieces(config.get("pre_tokenizer")):
        return None
    longest = sorted((t["content"] for t in added), key=lambda text: (-len(text), text))
    return re.compile(f"({'|'.join(map(re.escape, longest))})")


def cut_at_paragraphs(config: dict[str, Any]) -> bool:
    """Return whether what stands between two borders may be cut after an empty line too."""
    added = config["added_tokens"]
    if any(_reaches_out(t) or "\n" in t["content"] for t in added):
        return False
    normalizer = config.get("normalizer") or {"type": "NFC"}
    if normalizer["type"] != "NFC" and normalizer.get("normalizers") != []:
        return False
    steps = config.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    if not steps or steps[-1].get("type") != "ByteLevel":
        return False
    plain = not steps[-1]["use_regex"] and not steps[-1]["add_prefix_space"]
    return plain and len(steps) > 1 and all(map(_stops_at_lines, steps[:-1]))


def paragraphs(text: str) -> list[str]:
    r"""Cut a text after its empty lines, where `cut_at_paragraphs` allows it.

    The pieces joined are the text. What follows an empty line is cut off only if it begins with a
    character of which it is sure that it starts a word of its own.

    >>> [piece[:8] for piece in paragraphs("[P1]\n\n净利润为12亿元。\n\n" * 40)[:3]]
    ['[P1]\n\n', '净利润为12亿元', '[P1]\n\n']
    """
    if len(text) < _LEAST:
        return [text]
    found: list[str] = []
    held = ""
    for part in text.split(_EMPTY_LINE):
        first = part[:1]
        if ("!" <= first <= "~" and first != "/") or "一" <= first <= "鿿":
            if held:
                found.append(held)
            held = part + _EMPTY_LINE
        else:
            held += part + _EMPTY_LINE
    found.append(held[: -len(_EMPTY_LINE)])
    return [piece for piece in found if piece]


def _reaches_out(token: dict[str, Any]) -> bool:
    """Return whether an added token takes the blanks or the words beside it into account."""
    return bool(token["single_word"] or token["lstrip"] or token["rstrip"])


def _by_pieces(pre_tokenizer: dict[str, Any] | None) -> bool:
    """Return whether a pre-tokenizer treats a piece alike wherever it stands in the text."""
    if pre_tokenizer is None:
        return False
    if pre_tokenizer["type"] == "Sequence":
        return all(map(_by_pieces, pre_tokenizer["pretokenizers"]))
    return pre_tokenizer["type"] in {"ByteLevel", "Digits", "Split"}


def _stops_at_lines(step: dict[str, Any]) -> bool:
    """Return whether a splitting rule never reaches over an empty line."""
    pattern = step.get("pattern", {}).get("Regex")
    if (
        step.get("type") != "Split"
        or step["behavior"] != "Isolated"
        or step["invert"]
        or not pattern
    ):
        return False
    rules = _alternatives(pattern.replace("\r", r"\r").replace("\n", r"\n"))
    if not set(rules) <= _SAFE:
        return False
    return _AHEAD not in rules or (_LINES in rules and rules.index(_LINES) < rules.index(_AHEAD))


def _alternatives(pattern: str) -> list[str]:
    r"""Cut a regular expression at the `|` that stand in no bracket.

    >>> _alternatives(r"(?i:'s|'t)|[|]+|\p{N}")
    ["(?i:'s|'t)", '[|]+', '\\p{N}']
    """
    found, start, depth, inside, index = [], 0, 0, False, 0
    while index < len(pattern):
        c = pattern[index]
        if c == "\\":
            index += 1
        elif inside:
            inside = c != "]"
        elif c == "[":
            inside = True
        elif c in "()":
            depth += 1 if c == "(" else -1
        elif c == "|" and not depth:
            found.append(pattern[start:index])
            start = index + 1
        index += 1
    return [*found, pattern[start:]]
