"""Conversations that have broken chat templates, masks and trainers before."""

from sftdata.types import Message

KINDS = ("bytes", "trimmed", "nfc", "metaspace")
"""Kinds of tiny tokenizers: plain byte-level, with trimmed offsets, normalising, SentencePiece."""

QUESTIONS = [
    "What were total net sales?",
    "营业收入是多少？",
    "  Is aspirin listed?\n\n",
    "a\r\nb\n\nc",
]
ANSWERS = [
    "94,036 million.",
    "净利润为12亿元。",
    " leads with a blank",
    "ends with blanks  ",
    "\n\nnew lines around\n\n",
    '{"value": "1.2亿元", "unit": null}',
    "7",
    "😀 Ω é",
    "x",
    "",
    "a\n\nb\r\nc",
]
SYSTEMS = [None, "", "You extract figures.", "  你是财务助手。 "]


def turn(role, content):
    return Message(role=role, content=content)


def conversations():
    """Yield (prompt, completion) pairs."""
    for number, answer in enumerate(ANSWERS):
        system = SYSTEMS[number % len(SYSTEMS)]
        head = [] if system is None else [turn("system", system)]
        ask = turn("user", QUESTIONS[number % len(QUESTIONS)])
        say = turn("assistant", answer)
        yield [*head, ask], [say]
        yield [*head, ask, turn("assistant", "Earlier."), turn("user", answer + "?")], [say]
    for system in SYSTEMS:
        head = [] if system is None else [turn("system", system)]
        yield (
            [*head, turn("user", "One?")],
            [
                turn("assistant", "First."),
                turn("user", "再一个？"),
                turn("assistant", "第二。"),
            ],
        )
    yield (
        [turn("user", "Is </think> allowed?")],
        [turn("assistant", "<think>\nhm\n</think>\n\nYes.")],
    )


def as_dicts(messages):
    return [{"role": m.role, "content": m.content} for m in messages]
