"""Time render + tokenise + mask beside the raw tokenizer and the usual ways, in one run.

    python benchmarks/tokens.py --tokenizer FOLDER
    python benchmarks/tokens.py --tokenizer FOLDER --rows 5000 --rounds 5
    python benchmarks/tokens.py --tokenizer FOLDER --llamafactory-python VENV/bin/python
    python benchmarks/tokens.py --tokenizer FOLDER --dataset examples/finance/out

The tokenizer is a folder or hub id with its own chat template (Qwen3's was used for the figures in
docs/lengths.md). Rows are as a build makes them: the system message of one of the families, a
context of about 570 tokens (English and Chinese by turns, numbers and names drawn by a seed), a
question, a JSON answer; no context comes twice. `--system none` gives every row a system message
of two words instead, so that hardly anything repeats. `--dataset` takes the rows of a build, where
a passage serves several samples.

The ways are timed by turns in every round (TRL and LLaMA-Factory after them, the better of two
runs and the median of two), and the medians are compared: on a busy machine only
the ratios mean anything. What they make is compared too: ids must be equal row by row.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sftdata.chat.encoding import encoder_of
from sftdata.chat.template import load_template
from sftdata.chat.tokenizer import all_cores, load_tokenizer
from sftdata.chat.turns import render_sample
from sftdata.families.load import load_families
from sftdata.trained_rows import trained_rows
from sftdata.types import Message, Sample, from_table, to_table

EN = (
    "Net sales of {name} increased {p}% to ${n} million in fiscal {y}, driven by higher volumes. ",
    "Cost of sales was ${n} million, or {p}% of net sales, compared with {q}% a year earlier. ",
    "The patient, {a} years old, was seen on {m}/{d}/{y} with a blood pressure of {b}/{c} mmHg. ",
    "{name} entered into a credit agreement that matures in {y} and bears interest at {p}%. ",
    "Metformin {q}0 mg was continued twice daily; hemoglobin A1c was {p}% on {m}/{d}/{y}. ",
    "Our {name} segment employed {n} people and operated {a} plants as of December {d}, {y}. ",
)
ZH = (
    "{y}年，{name}实现营业收入{n}.{a}亿元，同比增长{p}%，主要由于产品销量上升。",
    "公司营业成本为{n}万元，占营业收入的{p}%，上年同期为{q}%。",
    "患者{a}岁，于{y}年{m}月{d}日就诊，血压{b}/{c} mmHg，心率{a}次/分。",
    "截至{y}年{m}月{d}日，{name}共有员工{n}人，研发人员占比{p}%。",
    "继续口服二甲双胍{q}0毫克每日两次，复查糖化血红蛋白{p}%。",
)
SYLLABLES = ("ba", "dor", "fen", "gri", "kal", "lum", "mar", "nex", "por", "ster", "tir", "vane")


def text_of(rng: random.Random, sentences: tuple[str, ...], size: int) -> str:
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        name = "".join(rng.choices(SYLLABLES, k=3)).capitalize()
        if sentences is ZH:
            name = "".join(chr(0x4E00 + rng.randrange(2500)) for _ in range(4))
        values = {"name": name, "n": rng.randint(11, 9999), "y": rng.randint(1998, 2026)}
        values |= {"p": rng.randint(1, 400) / 10, "q": rng.randint(1, 400) / 10}
        values |= {"a": rng.randint(18, 95), "b": rng.randint(95, 190), "c": rng.randint(50, 110)}
        values |= {"m": rng.randint(1, 12), "d": rng.randint(1, 28)}
        parts.append(rng.choice(sentences).format(**values))
        parts += ["\n\n"] if rng.random() < 0.2 else []
    return "".join(parts)


def systems() -> list[str]:
    """Return the system messages of the families that come with sftdata."""
    found = set()
    for family in load_families().values():
        found |= {family.template(locale, "system") or "" for locale in family.locales}
    return sorted(s.strip() for s in found if s.strip() and "{{" not in s)


def samples(rows: int, system: str) -> list[Sample]:
    rng = random.Random(7)
    known = systems()
    made = []
    for number in range(rows):
        zh = number % 2
        context = text_of(rng, ZH if zh else EN, 780 if zh else 1900)
        ask = "问题：营业收入是多少？" if zh else "Question: What were net sales?"
        answer = json.dumps(
            {
                "answerable": True,
                "answer": context[40:140] + " [P1]",
                "citations": [{"passage": "P1", "quote": context[:90]}],
                "calculation": None,
            },
            ensure_ascii=False,
        )
        said = rng.choice(known) if system == "shared" else "Answer briefly."
        made.append(
            Sample(
                sample_id=f"s-{number:06d}",
                family="benchmark",
                family_version=1,
                kind="evidence",
                domain="finance",
                locale="zh" if zh else "en",
                split="train",
                document_ids=("d",),
                group="g",
                prompt=(
                    Message(role="system", content=said),
                    Message(role="user", content=f"Passages:\n\n[P1]\n\n{context}\n\n{ask}"),
                ),
                completion=(Message(role="assistant", content=answer),),
                question=ask,
                answer=answer,
            )
        )
    return made


def built(folder: str) -> list[Sample]:
    """Return the samples of a build."""
    files = sorted(Path(folder, "data").rglob("*.parquet"))
    return [sample for file in files for sample in from_table(pq.read_table(file), Sample)]


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the time that passed, and that of the processors: the second hardly minds a load."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def llamafactory(python: str, folder: str, made: list[Sample], rounds: int) -> float:
    """Time LLaMA-Factory's own preprocessing of the same rows, in its own environment."""
    script = """
import json, sys, time
from types import SimpleNamespace
from transformers import AutoTokenizer
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.data.processor import SupervisedDatasetProcessor
from llamafactory.hparams import DataArguments
rows = json.load(open(sys.argv[2], encoding="utf-8"))
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
arguments = DataArguments(template="qwen3_nothink", cutoff_len=1000000)
template = get_template_and_fix_tokenizer(tokenizer, arguments)
processor = SupervisedDatasetProcessor(template, tokenizer, None, arguments)
found = []
for _ in range(int(sys.argv[3])):
    started = time.perf_counter()
    for at in range(0, len(rows), 1000):
        part = rows[at : at + 1000]
        processor.preprocess_dataset({
            "_prompt": [[{"role": "user", "content": r["user"]}] for r in part],
            "_response": [[{"role": "assistant", "content": r["answer"]}] for r in part],
            "_system": [r["system"] for r in part], "_tools": [""] * len(part),
            "_images": [None] * len(part), "_videos": [None] * len(part),
            "_audios": [None] * len(part),
        })
    found.append(time.perf_counter() - started)
print("SECONDS", sorted(found)[len(found) // 2])
"""
    with tempfile.TemporaryDirectory() as aside:
        data = Path(aside) / "rows.json"
        rows = [
            {
                "system": s.prompt[0].content,
                "user": s.prompt[1].content,
                "answer": s.completion[0].content,
            }
            for s in made
        ]
        data.write_text(json.dumps(rows), encoding="utf-8")
        (Path(aside) / "time.py").write_text(script, encoding="utf-8")
        done = subprocess.run(
            [python, f"{aside}/time.py", str(Path(folder).resolve()), str(data), str(rounds)],
            capture_output=True,
            text=True,
            check=False,
        )
    told = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    if not told:
        raise SystemExit(f"LLaMA-Factory could not be timed: {done.stderr[-800:]}")
    return float(told[0].split()[1])


def ways(name: str, made: list[Sample]) -> tuple[dict[str, Callable[[], Any]], int]:
    """Return what is timed, after comparing what the ways make."""
    from transformers import AutoTokenizer

    tokenizer = load_tokenizer(name)
    template = load_template("tokenizer", tokenizer=tokenizer)
    table = to_table(made, Sample)
    texts = [render_sample(template, s.prompt, s.completion).text for s in made]
    theirs = AutoTokenizer.from_pretrained(name)
    chats = [
        [{"role": m.role, "content": m.content} for m in (*s.prompt, *s.completion)] for s in made
    ]
    backend = theirs.backend_tokenizer

    def raw() -> Any:
        with all_cores():
            return backend.encode_batch_fast(texts, add_special_tokens=False)

    def ours() -> list[Any]:
        encoder_of.cache_clear()  # what earlier rounds remember must not help
        encoder_of(tokenizer)._speller = speller
        return list(trained_rows(table, template, tokenizer))

    def one_by_one() -> list[list[int]]:
        return [theirs.apply_chat_template(c, return_dict=True)["input_ids"] for c in chats]

    speller = encoder_of(tokenizer)._speller
    expected = [e.ids for e in raw()]
    found = [ids for part in ours() for ids in part.column("input_ids").to_pylist()]
    assert found == expected == one_by_one(), "the ways do not make the same tokens"
    timed: dict[str, Callable[[], Any]] = {
        "raw encode_batch_fast": raw,
        "sftdata render + tokenise + mask": ours,
        "apply_chat_template per sample": one_by_one,
    }
    return timed, sum(map(len, expected))


def trl_way(made: list[Sample], name: str) -> Callable[[], Any]:
    """Return what `SFTTrainer` does to prompt/completion rows before it trains."""
    import torch
    import trl
    from datasets import Dataset, disable_caching, disable_progress_bars
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    theirs = AutoTokenizer.from_pretrained(name)
    disable_caching()
    disable_progress_bars()
    rows = Dataset.from_list(
        [
            {
                "prompt": [{"role": m.role, "content": m.content} for m in s.prompt],
                "completion": [{"role": m.role, "content": m.content} for m in s.completion],
            }
            for s in made
        ]
    )
    tiny = LlamaConfig(
        vocab_size=len(theirs),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(tiny)
    folder = tempfile.mkdtemp()
    given = trl.SFTConfig(
        output_dir=folder, use_cpu=True, bf16=False, max_length=None, report_to="none"
    )
    return lambda: trl.SFTTrainer(
        model=model, args=given, train_dataset=rows, processing_class=theirs
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--system", choices=("shared", "none"), default="shared")
    parser.add_argument("--dataset", default="", help="output folder of a build")
    parser.add_argument("--no-trl", action="store_true")
    parser.add_argument("--llamafactory-python", default="")
    options = parser.parse_args()
    dataset = options.dataset
    made = built(dataset) if dataset else samples(options.rows, options.system)
    timed, tokens = ways(options.tokenizer, made)
    source = f"of {dataset}" if dataset else f"system messages {options.system}"
    print(f"{len(made):,} rows of {tokens / len(made):,.0f} tokens, {source}")
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    loads = []
    for number in range(options.rounds):
        for name, work in timed.items():
            # The slow way needs no more than two rounds to be seen to be slow.
            if number < 2 or name.startswith(("raw", "sftdata")):
                spent[name].append(seconds(work))
        loads.append(os.getloadavg()[0])
    medians = {name: float(np.median([wall for wall, _ in v])) for name, v in spent.items()}
    if not options.no_trl:
        # Last: with its libraries in the process Python's own garbage collection takes longer.
        prepare = trl_way(made, options.tokenizer)
        medians["TRL's own preparation"] = min(seconds(prepare)[0] for _ in range(2))
    if options.llamafactory_python:
        took = llamafactory(options.llamafactory_python, options.tokenizer, made, 2)
        medians["LLaMA-Factory's preprocessing"] = took
    pairs = list(zip(*list(spent.values())[:2], strict=True))
    by_round = sorted(raw[0] / ours[0] for raw, ours in pairs)
    processors = float(np.median([raw[1] / ours[1] for raw, ours in pairs]))
    ours = medians["sftdata render + tokenise + mask"]
    for name, took in medians.items():
        print(f"  {name:<34} {len(made) / took:>8,.0f} samples/s   sftdata {took / ours:5.2f} ×")
    print(
        f"  of the raw encoder's speed, round by round: median {np.median(by_round):.2f}, "
        f"least {by_round[0]:.2f}, most {by_round[-1]:.2f}; by processor time {processors:.2f}"
    )
    print(f"  load {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
