"""Words, shingles and Jaccard similarity in plain Python sets: nothing shared with the package."""

import unicodedata

CJK_NAMES = (
    "CJK ",
    "HIRAGANA ",
    "KATAKANA",
    "BOPOMOFO ",
    "IDEOGRAPHIC ",
    "HANGZHOU ",
    "KANGXI ",
    "HENTAIGANA",
)


def is_single(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN" and unicodedata.name(char, "").startswith(
        CJK_NAMES
    )


def words_of(text: str, *, mask_numbers: bool = False) -> list[str]:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    found: list[str] = [""]
    for i, char in enumerate(folded):
        around = folded[i - 1 : i] + folded[i + 1 : i + 2]
        joins = char in ".," and len(around) == 2 and all("0" <= c <= "9" for c in around)
        if is_single(char):
            found += [char, ""]
        elif unicodedata.category(char)[0] in "LNM" or joins:
            found[-1] += char
        else:
            found.append("")
    words = [w for w in found if w]
    return [_masked(w) for w in words] if mask_numbers else words


def _masked(word: str) -> str:
    out = ""
    for char in word:
        digit = "0" <= char <= "9" or char in ".,"
        if not (digit and out.endswith("0")):
            out += "0" if digit else char
    return out


def shingles_of(text: str, n: int = 5, *, mask_numbers: bool = False) -> list[tuple[str, ...]]:
    words = words_of(text, mask_numbers=mask_numbers)
    if not words:
        return []
    return [tuple(words[i : i + n]) for i in range(max(len(words) - n + 1, 1))]


def jaccard_of(a: str, b: str, n: int = 5) -> float:
    left, right = set(shingles_of(a, n)), set(shingles_of(b, n))
    return len(left & right) / len(left | right) if left and right else 0.0


def numbers_of(text: str) -> list[str]:
    return [w for w in words_of(text) if "0" <= w[0] <= "9" or "0" <= w[-1] <= "9"]
