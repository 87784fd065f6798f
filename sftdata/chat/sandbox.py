"""Chat templates as code of others: compiled in Jinja's immutable sandbox, as transformers does.

The text that comes out equals `tokenizer.apply_chat_template(..., tokenize=False)`. Two things
differ on purpose, and only for templates that a dataset cannot be built with: what depends on the
clock fails unless a day is given, and what depends on chance fails always.
"""

from __future__ import annotations

import datetime
import json
from functools import lru_cache
from types import BuiltinMethodType
from typing import Any

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.nodes
import jinja2.sandbox
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext

from sftdata.errors import ConfigError

__all__ = ["CompiledTemplate", "RenderRefusedError", "compile_template"]


class RenderRefusedError(ConfigError):
    """The template refuses this conversation. The message never repeats the conversation's text."""


class _RefusalError(Exception):
    """What `raise_exception` in a template becomes."""


class _Generation(jinja2.ext.Extension):
    """`{% generation %}` … `{% endgeneration %}`: the markers are read and their body is kept.

    They are not needed here: the mask is computed from the text itself, for every template.
    """

    tags = {"generation"}  # noqa: RUF012  (the name and type are Jinja's)

    def parse(self, parser: Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Namespace(jinja2.utils.Namespace):
    """`namespace()` that keeps no underscore names: those lead to the interpreter's inside."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, rest = args[0], args[1:]
        values = dict(*rest, **kwargs)
        for name in values:
            _check_name(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError("a namespace holds no names with an underscore first")


class _Dict:
    """`dict()` for templates, without the attributes of the real class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: object) -> None:
    raise _RefusalError(str(message))


def _no_clock(_format: str) -> str:
    raise ConfigError(
        "the chat template asks for today's date, so the same build would give other tokens "
        "tomorrow: set `today`, or the template's own date variable"
    )


def _no_chance(*_args: Any, **_kwargs: Any) -> str:
    raise ConfigError("the chat template asks for a random value: no dataset can be audited so")


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox; what it decides by type and name it decides once.

    Why: these decisions are most of the time that a template takes, and every sample is rendered.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute` as Jinja does: of a message it is nearly always the item."""
        kind = type(obj)
        if attribute in _OPEN.get(kind, ()):
            return getattr(obj, attribute)
        if kind is dict and attribute not in _OF_DICTS:
            found = obj.get(attribute, _MISSING)
            return self.undefined(obj=obj, name=attribute) if found is _MISSING else found
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call as Jinja does; a method of a string is called as it is."""
        if type(obj) is BuiltinMethodType and type(obj.__self__) is str:
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return obj(*args, **kwargs)
        return super().call(context, obj, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return what Jinja says of this attribute of this type."""
        key = (type(obj), attr)
        safe = _SAFE.get(key)
        if safe is None:
            safe = super().is_safe_attribute(obj, attr, value)
            if len(_SAFE) < _MOST_KEPT:
                _SAFE[key] = safe
        return safe


_OF_DICTS = frozenset(dir(dict))


def _public(kind: type) -> frozenset[str]:
    return frozenset(name for name in dir(kind) if not name.startswith("_"))


_OPEN: dict[type, frozenset[str]] = {
    str: _public(str) - {"format", "format_map"},
    LoopContext: _public(LoopContext),
}
"""Attributes that lead nowhere; a string's two that look names up are Jinja's to guard."""
_MISSING = object()
_SAFE: dict[tuple[type, str], bool] = {}
_MOST_KEPT = 4096


def _environment(today: datetime.date | None) -> _Sandbox:
    # Chat templates make model text, not HTML: escaping would change the tokens.
    env = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = _tojson
    env.filters["random"] = _no_chance
    env.globals["lipsum"] = _no_chance
    env.globals["raise_exception"] = _raise_exception
    env.globals["dict"] = _Dict()
    env.globals["namespace"] = _Namespace
    if today is None:
        env.globals["strftime_now"] = _no_clock
    else:
        midnight = datetime.datetime.combine(today, datetime.time())
        env.globals["strftime_now"] = midnight.strftime
    return env


_FAILURES = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template can make go wrong while it runs; never a defect of this program."""


_GLOBALS = frozenset(_environment(None).globals)


class CompiledTemplate:
    """A compiled chat template.

    Attributes:
        literals: the pieces of text that the template itself writes.
        reads: the names that it takes from outside.
    """

    def __init__(self, source: str, today: datetime.date | None) -> None:
        env = _environment(today)
        try:
            self._template = env.from_string(source)
            tree = env.parse(source)
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(
                f"the chat template cannot be read (line {error.lineno}): {error.message}"
            ) from error
        pieces = {node.data for node in tree.find_all(jinja2.nodes.TemplateData)}
        pieces |= {n.value for n in tree.find_all(jinja2.nodes.Const) if isinstance(n.value, str)}
        self.literals: frozenset[str] = frozenset(pieces)
        self.reads: frozenset[str] = frozenset(jinja2.meta.find_undeclared_variables(tree))

    def render(self, messages: list[dict[str, str]], **variables: Any) -> str:
        """Return the rendered text.

        Raises:
            RenderRefusedError: the template refuses the conversation, or fails on it.
            ConfigError: it depends on the clock or on chance.
        """
        try:
            return self._template.render(messages=messages, **variables)
        except _RefusalError as refusal:
            # Only words that stand in the template itself: it could have put a document in there.
            said = str(refusal)
            words = said if said in self.literals else "(its message holds conversation text)"
            raise RenderRefusedError(
                f"the chat template refuses the conversation: {words}"
            ) from None
        except ConfigError:
            raise
        except _FAILURES as error:
            missing = sorted(self.reads - set(variables) - {"messages"} - _GLOBALS)
            hint = f"; it has no value for {', '.join(missing)}" if missing else ""
            raise RenderRefusedError(
                f"the chat template fails on the conversation ({type(error).__name__}){hint}"
            ) from None


@lru_cache(maxsize=64)
def compile_template(source: str, today: datetime.date | None = None) -> CompiledTemplate:
    """Compile a chat template once.

    Args:
        source: the Jinja text.
        today: the day that `strftime_now` tells; without it a template that asks is an error.

    Raises:
        ConfigError: the template is not valid Jinja; the message names the line.

    >>> template = compile_template("{% for m in messages %}[{{ m.content }}]{% endfor %}")
    >>> template.render([{"role": "user", "content": "你好"}])
    '[你好]'
    """
    return CompiledTemplate(source, today)
