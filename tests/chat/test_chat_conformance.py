"""Rendering equals transformers, for every template at hand, on conversations that break things."""

from pathlib import Path

import pytest
from chat_probes import as_dicts, conversations, turn

from sftdata.chat.sandbox import RenderRefusedError
from sftdata.chat.template import BUNDLED, load_template
from sftdata.chat.tokenizer import load_tokenizer
from sftdata.errors import ConfigError


def oracle(tokenizer, messages, source, **options):
    """Return what transformers makes of it, or None where it refuses."""
    import jinja2

    try:
        return tokenizer.apply_chat_template(
            as_dicts(messages), chat_template=source, tokenize=False, **options
        )
    except (jinja2.TemplateError, TypeError):
        return None


def ours(template, messages, **options):
    try:
        return template.render(messages, **options)
    except RenderRefusedError:
        return None


def assert_equal_everywhere(template, tokenizer):
    equal = 0
    for prompt, completion in conversations():
        for messages, ask in (([*prompt, *completion], False), (prompt, True), (prompt, False)):
            expected = oracle(tokenizer, messages, template.source, add_generation_prompt=ask)
            assert ours(template, messages, add_generation_prompt=ask) == expected
            equal += expected is not None
    assert equal > 40, "the template refused nearly everything: nothing was compared"


@pytest.fixture(scope="module")
def hf(tiny_folders):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_folders["bytes"])


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_bundled_templates_render_as_transformers_does(name, hf, tiny):
    assert_equal_everywhere(load_template(name, tokenizer=tiny["bytes"]), hf)


@pytest.mark.real_data
def test_public_templates_render_as_transformers_does(chat_templates, hf, tiny):
    assert len(chat_templates) >= 18
    for path in chat_templates:
        assert_equal_everywhere(load_template(str(path), tokenizer=tiny["bytes"]), hf)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "public"),
    [("qwen", "qwen2.5-instruct"), ("mistral", "mistral-instruct"), ("phi3", "phi-3")],
)
def test_bundled_families_agree_with_the_public_template(name, public, real_data, tiny):
    mine = load_template(name, tokenizer=tiny["bytes"])
    source = (real_data / "chat_templates" / f"{public}.jinja").read_text(encoding="utf-8")
    if "{%-" not in source:
        # These files are laid out for reading; their authors take the layout out before use.
        source = source.replace("    ", "").replace("\n", "")
    theirs = mine.model_copy(update={"source": source})
    for prompt, completion in conversations():
        for messages, ask in (([*prompt, *completion], False), (prompt, True)):
            expected = ours(theirs, messages, add_generation_prompt=ask)
            if expected is not None:
                assert ours(mine, messages, add_generation_prompt=ask) == expected


@pytest.mark.slow
def test_real_tokenizers_render_and_encode_as_transformers_does(real_tokenizers):
    from transformers import AutoTokenizer

    for folder in real_tokenizers:
        tokenizer = load_tokenizer(str(folder))
        theirs = AutoTokenizer.from_pretrained(folder)
        template = load_template("tokenizer", tokenizer=tokenizer)
        assert_equal_everywhere(template, theirs)
        for prompt, completion in conversations():
            messages = [*prompt, *completion]
            if (text := ours(template, messages)) is None:
                continue
            expected = theirs.apply_chat_template(as_dicts(messages), return_dict=False)
            assert tokenizer.encode([text])[0].tolist() == expected, folder.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder"), [("llama3", "llama3_1"), ("gemma", "gemma3"), ("deepseek", "deepseek_v3")]
)
def test_bundled_families_agree_with_the_real_tokenizer(name, folder, real_tokenizers):
    found = [f for f in real_tokenizers if f.name == folder]
    if not found:
        pytest.skip(f"no tokenizer folder named {folder}")
    tokenizer = load_tokenizer(str(found[0]))
    own = load_template("tokenizer", tokenizer=tokenizer)
    mine = load_template(name, tokenizer=tokenizer)
    for prompt, completion in conversations():
        for messages, ask in (([*prompt, *completion], False), (prompt, True)):
            assert ours(mine, messages, add_generation_prompt=ask) == ours(
                own, messages, add_generation_prompt=ask
            )


def test_generation_markers_leave_the_text_as_transformers_makes_it(hf):
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}<s>"
        "{% generation %}{{ m.content }}</s>{% endgeneration %}\n"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    template = load_template("chatml").model_copy(update={"source": source})
    for prompt, completion in conversations():
        messages = [*prompt, *completion]
        assert template.render(messages) == oracle(hf, messages, source)


def test_a_day_is_told_only_when_it_is_given(tmp_path: Path):
    path = tmp_path / "dated.jinja"
    path.write_text(
        "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    with pytest.raises(ConfigError, match="asks for today's date"):
        load_template(str(path))
    import datetime

    dated = load_template(str(path), today=datetime.date(2024, 7, 26))
    assert dated.render([turn("user", "?")]) == "26 Jul 2024?"


@pytest.mark.parametrize("body", ["{{ ['a', 'b'] | random }}", "{{ lipsum() }}"])
def test_chance_is_refused(tmp_path: Path, body):
    path = tmp_path / "chance.jinja"
    path.write_text(body + "{% for m in messages %}{{ m.content }}{% endfor %}")
    with pytest.raises(ConfigError, match="random"):
        load_template(str(path))


@pytest.mark.parametrize(
    "attack",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ namespace(__class__=1) }}",
        "{% set _ = messages.append(1) %}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ strftime_now.__self__.__class__ }}",
        "{{ '{0.__class__.__mro__}'.format(messages) }}",
        "{{ '{x.__class__}'.format_map({'x': messages}) }}",
        "{% set f = namespace(f='{0.__class__.__mro__}'.format) %}{{ f.f(messages) }}",
        "{{ ['{0.__class__}'] | map('format', messages) | join }}",
        "{{ ''.strip.__self__.__class__ }}",
        "{{ ''.join.__call__.__self__.__class__ }}",
        "{{ 'x'.translate.__class__.__base__ }}",
        "{% for m in messages %}{{ loop.__class__ }}{{ loop._iterator }}{% endfor %}",
        "{{ cycler(1)._mro }}{{ joiner.__init__.__globals__ }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(tmp_path: Path, attack):
    path = tmp_path / "attack.jinja"
    path.write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    template = load_template(str(path)).model_copy(
        update={"source": attack + path.read_text(encoding="utf-8")}
    )
    # Refused, or it got hold of nothing: only the conversation itself is printed.
    assert ours(template, [turn("user", "x")]) in {None, "x"}


def test_a_refusal_never_repeats_the_conversation(tmp_path: Path):
    path = tmp_path / "leaky.jinja"
    path.write_text(
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('no system: ' + m.content) }}{% endif %}{{ m.content }}{% endfor %}"
    )
    template = load_template(str(path))
    with pytest.raises(RenderRefusedError) as caught:
        template.render([turn("system", "patient Jane Roe"), turn("user", "x")])
    assert "Jane" not in str(caught.value)
    assert "refuses the conversation" in str(caught.value)
