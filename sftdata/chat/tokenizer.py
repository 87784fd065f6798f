"""A tokenizer with what masks need: exact bytes per token, control tokens, and a digest.

transformers is imported only when a tokenizer is loaded: `import sftdata` stays cheap.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sftdata.chat.pieces import border_pattern, cut_at_paragraphs, paragraphs
from sftdata.errors import ConfigError

__all__ = ["TOKENIZER_FILES", "Tokenizer", "all_cores", "load_tokenizer", "own_threads"]

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "added_tokens.json",
)
"""Files that decide which ids a text gets, the most telling first."""


class Tokenizer:
    """A fast tokenizer as transformers loads it, reduced to what a dataset needs.

    Attributes:
        name: folder or hub id, as given.
        special_tokens: `bos_token`, `eos_token` …: what templates can name.
        chat_template: the tokenizer's own template, or None.
        digest: SHA-256 of its files and class; part of the template lock.
    """

    def __init__(self, tokenizer: Any, *, name: str, digest: str) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ConfigError(
                f"tokenizer {name!r} has no fast version (tokenizer.json), which exact masks need"
            )
        # Length limits saved in tokenizer.json would cut samples without a word.
        backend.no_truncation()
        backend.no_padding()
        self.name = name
        self.digest = digest
        self.special_tokens: dict[str, str] = dict(tokenizer.special_tokens_map)
        self.chat_template = _own_template(tokenizer, name)
        self._backend = backend

    def __repr__(self) -> str:
        return f"Tokenizer({self.name!r})"

    @cached_property
    def added_tokens(self) -> dict[str, bool]:
        """Text of every added token → whether it is special. Such text is never cut in pieces."""
        added = self._backend.get_added_tokens_decoder()
        return {token.content: token.special for _, token in sorted(added.items())}

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text, nothing added: a rendered text carries its own BOS."""
        with all_cores():
            return [np.asarray(ids, dtype=np.int32) for ids in self.encode_lists(list(texts))]

    def encode_lists(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text as `encode` does, in plain lists; frees the GIL meanwhile."""
        return [e.ids for e in self._backend.encode_batch_fast(texts, add_special_tokens=False)]

    @cached_property
    def borders(self) -> re.Pattern[str] | None:
        """Match the added tokens, between which text is tokenised apart; None if it cannot be."""
        return border_pattern(self._config)

    def pieces(self, text: str, by_paragraphs: bool = True) -> list[str]:
        """Cut a text where no token reaches over: the ids of the pieces, joined, are the text's.

        One piece where nothing is sure; see `sftdata.chat.pieces`.
        """
        if self.borders is None:
            return [text]
        found = [piece for piece in self.borders.split(text) if piece]
        if not (by_paragraphs and self._by_paragraphs):
            return found
        return [part for piece in found for part in paragraphs(piece)]

    @cached_property
    def _by_paragraphs(self) -> bool:
        return cut_at_paragraphs(self._config)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the character span of each token as the tokenizer itself reports it."""
        spans: list[tuple[int, int]] = self._backend.encode(text, add_special_tokens=False).offsets
        return spans

    def count(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of tokens of each text."""
        with all_cores():
            encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return np.fromiter((len(e) for e in encodings), dtype=np.int64, count=len(encodings))

    def decode(self, ids: Sequence[int] | NDArray[np.int32]) -> str:
        """Return the text of ids, special tokens included."""
        text: str = self._backend.decode([int(i) for i in ids], skip_special_tokens=False)
        return text

    def decode_all(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each row of ids, special tokens included, on all cores."""
        with all_cores():
            texts: list[str] = self._backend.decode_batch(rows, skip_special_tokens=False)
        return texts

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None where the vocabulary does not have it."""
        number: int | None = self._backend.token_to_id(token)
        return number

    @cached_property
    def added_around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids that the tokenizer puts before and after a text where special ones are asked for.

        A rendered chat has its own: what is added here would be a second BOS.
        """
        plain = self._backend.encode("x", add_special_tokens=False).ids
        whole = self._backend.encode("x", add_special_tokens=True).ids
        at = next(i for i in range(len(whole)) if whole[i : i + len(plain)] == plain)
        return tuple(whole[:at]), tuple(whole[at + len(plain) :])

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are, added tokens included."""
        size: int = self._backend.get_vocab_size(with_added_tokens=True)
        return size

    @cached_property
    def _config(self) -> dict[str, Any]:
        """What decides the tokens, as in tokenizer.json, without its vocabulary and merges."""
        config: dict[str, Any] = json.loads(self._backend.to_str())
        config["model"] = {k: v for k, v in config["model"].items() if k not in ("vocab", "merges")}
        return config

    @cached_property
    def spelling(self) -> list[bytes]:
        """The bytes that each id stands for; empty where the model does not tell.

        Joined over the ids of a text they give the text back, byte for byte. Whoever uses them
        checks that, so a tokenizer that normalises is never trusted with them.
        """
        read = _piece_reader(self._config)
        if read is None:
            return []
        vocabulary: dict[str, int] = self._backend.get_vocab(with_added_tokens=True)
        table = [b""] * (max(vocabulary.values()) + 1)
        added = self.added_tokens
        for token, number in vocabulary.items():
            # SentencePiece models list runs of blanks among the added tokens, as `▁▁`.
            literal = added.get(token, False) or (token in added and "▁" not in token)
            table[number] = token.encode() if literal else read(token)
        return table


def _own_template(tokenizer: Any, name: str) -> str | None:
    template = tokenizer.chat_template
    if isinstance(template, dict):
        if "default" not in template:
            raise ConfigError(
                f"tokenizer {name!r} has several chat templates and none named 'default': "
                f"give one as a file. It has: {', '.join(sorted(template))}"
            )
        template = template["default"]
    return None if template is None else str(template)


def _byte_alphabet() -> dict[str, int]:
    """Return the printable stand-ins of byte-level BPE (the table of GPT-2's encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in set(plain)]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(other)}


def _piece_reader(config: dict[str, Any]) -> Callable[[str], bytes] | None:
    """Return the function token → bytes for this kind of model, or None where there is none."""
    decoder = json.dumps(config.get("decoder") or {})
    if '"ByteLevel"' in decoder:
        alphabet = _byte_alphabet()
        return lambda token: _alphabet_bytes(token, alphabet)
    if '"ByteFallback"' in decoder or '"Metaspace"' in decoder:
        return _sentencepiece_bytes
    return None


def _alphabet_bytes(token: str, alphabet: dict[str, int]) -> bytes:
    known = all(c in alphabet for c in token)
    return bytes(alphabet[c] for c in token) if known else b""


def _sentencepiece_bytes(token: str) -> bytes:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("▁", " ").encode()


_PARALLELISM = "TOKENIZERS_PARALLELISM"
_WISHES: list[str] = []
"""What is asked for now, the latest last: a generator may be left open while another begins."""


@contextmanager
def all_cores() -> Iterator[None]:
    """Let each call of the tokenizer use its threads, unless the user has said otherwise.

    A fork anywhere in the process (as `datasets.map` with processes does) leaves the C-level
    variable at "false", with nothing in `os.environ` to show it; setting it again mends that.
    """
    with _wish("true"):
        yield


@contextmanager
def own_threads() -> Iterator[int]:
    """Yield how many threads may call the tokenizer at a time; each call stays in its thread.

    Why: what a thread allocates and frees itself costs less than what its neighbours free.
    """
    with _wish("false") as heard:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        yield max(cores or 1, 1) if heard else 2


@contextmanager
def _wish(value: str) -> Iterator[bool]:
    """Set the variable that tokenizers reads at each call; yield False if it is the user's."""
    if _PARALLELISM in os.environ and not _WISHES:
        yield False
        return
    _WISHES.append(value)
    os.environ[_PARALLELISM] = value
    try:
        yield True
    finally:
        _WISHES.remove(value)
        if _WISHES:
            os.environ[_PARALLELISM] = _WISHES[-1]
        else:
            os.environ.pop(_PARALLELISM, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from advising about PyTorch, which tokenizers do not need."""
    name = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _digest(kind: str, files: Sequence[Path]) -> str:
    digest = hashlib.sha256(kind.encode())
    for path in files:
        digest.update(b"\0" + path.name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(name: str, allow_download: bool) -> list[Path]:
    folder = Path(name)
    if folder.is_dir():
        return [folder / f for f in TOKENIZER_FILES if (folder / f).is_file()]
    from transformers.utils import cached_file

    found = (
        cached_file(
            name,
            f,
            local_files_only=not allow_download,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        for f in TOKENIZER_FILES
    )
    return [Path(path) for path in found if path is not None]


def load_tokenizer(name: str, *, allow_download: bool = False) -> Tokenizer:
    """Load a tokenizer from a folder, or by hub id from the local Hugging Face cache.

    Nothing of a model folder is executed (`trust_remote_code` is always False).

    Args:
        name: folder, or hub id such as `Qwen/Qwen3-8B`.
        allow_download: ask the hub for what is not in the local cache.

    Raises:
        ConfigError: there is no such tokenizer here, or it cannot be used.
    """
    return _load(name, allow_download, _stamp(Path(name)))


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells two states of a folder apart, so that a changed one is loaded anew."""
    if not folder.is_dir():
        return ()
    files = sorted(p for p in folder.iterdir() if p.suffix in {".json", ".jinja", ".txt", ".model"})
    return tuple((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files)


@lru_cache(maxsize=8)
def _load(name: str, allow_download: bool, stamp: tuple[tuple[str, int, int], ...]) -> Tokenizer:
    del stamp  # part of the cache's key only
    with _quiet():
        from transformers import AutoTokenizer

        try:
            loaded = AutoTokenizer.from_pretrained(
                name, trust_remote_code=False, local_files_only=not allow_download
            )
        except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
            where = "" if Path(name).is_dir() or allow_download else _HUB_HINT
            raise ConfigError(
                f"tokenizer {name!r} cannot be loaded ({type(error).__name__}){where}"
            ) from error
    files = _files(name, allow_download)
    if not files:
        raise ConfigError(f"tokenizer {name!r} has none of {', '.join(TOKENIZER_FILES)}")
    return Tokenizer(loaded, name=name, digest=_digest(type(loaded).__name__, files))


_HUB_HINT = (
    ": it is neither a folder nor in the local Hugging Face cache, and nothing is downloaded "
    "unless it is allowed; fetch it first (`hf download NAME`)"
)
