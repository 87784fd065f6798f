"""The real LLaMA-Factory, in an environment of its own: it loads, trains, merges and predicts.

It pins other versions of transformers and TRL, so it cannot stand in this environment. Name its
Python in SFTDATA_LLAMAFACTORY_PYTHON, or let the test make one with SFTDATA_INSTALL_LLAMAFACTORY=1
(2.3 GB, minutes).
"""

import json
import os
import subprocess
import venv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from conftest import conversation, plain_samples, sample, save_model, save_tokenizer, write_build

from sftdata.exporting.importing import import_predictions
from sftdata.exporting.llamafactory_templates import slot_templates
from sftdata.exporting.run import export

pytestmark = pytest.mark.slow

TORCH = ("torch==2.13.0", "torchvision==0.28.0", "torchaudio==2.11.0", "llamafactory==0.9.5")
MORE = ("bitsandbytes==0.50.2", "jieba", "nltk", "rouge-chinese")
ON_CPU = ("bf16=false", "use_cpu=true", "plot_loss=false")

ROWS = """
import json, sys, yaml
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer
args = yaml.safe_load(open("train.yaml")) | {"bf16": False, "use_cpu": True, "plot_loss": False}
model, data, training, _, _ = get_train_args(args | {"output_dir": "saves/rows"})
loaded = load_tokenizer(model)
template = get_template_and_fix_tokenizer(loaded["tokenizer"], data)
found = get_dataset(template, model, data, training, stage="sft", **loaded)
rows = {s: [[r["input_ids"], r["labels"]] for r in found[s + "_dataset"]] for s in ("train", "eval")}
json.dump(rows, open("rows.json", "w"))
"""

TABLE = """
import json
from llamafactory.data.template import TEMPLATES, ReasoningTemplate
from llamafactory.extras.constants import (
    DEFAULT_TEMPLATE, MULTIMODAL_SUPPORTED_MODELS, SUPPORTED_MODELS)
models = {
    next(iter(places.values())): DEFAULT_TEMPLATE[name]
    for name, places in SUPPORTED_MODELS.items()
    if DEFAULT_TEMPLATE.get(name) and name not in MULTIMODAL_SUPPORTED_MODELS
}
reasoning = {n: isinstance(t, ReasoningTemplate) for n, t in TEMPLATES.items()}
system = {n: bool(t.default_system) for n, t in TEMPLATES.items()}
json.dump([models, reasoning, system], open("table.json", "w"))
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    named = os.environ.get("SFTDATA_LLAMAFACTORY_PYTHON")
    if named:
        return Path(named)
    if os.environ.get("SFTDATA_INSTALL_LLAMAFACTORY") != "1":
        pytest.skip(
            "LLaMA-Factory needs an environment of its own: name its Python in "
            "SFTDATA_LLAMAFACTORY_PYTHON, or set SFTDATA_INSTALL_LLAMAFACTORY=1 (2.3 GB)"
        )
    return installed(tmp_path_factory.mktemp("llamafactory"))


def installed(folder):
    """Make the environment; torchvision and torchaudio are linked to CUDA and must go again."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "install", *TORCH], check=True)
    subprocess.run([*pip, "install", *MORE], check=True)
    subprocess.run([*pip, "uninstall", "-y", "torchvision", "torchaudio"], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    stand_in = Path(found.stdout.strip()) / "torchaudio"
    stand_in.mkdir(exist_ok=True)
    (stand_in / "__init__.py").write_text("", encoding="utf-8")
    return python


def run(python, *command, cwd):
    quiet = {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **quiet, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]


def cli(python, *args, cwd):
    run(python, str(Path(python).with_name("llamafactory-cli")), *args, cwd=cwd)


def samples():
    """Return rows with what trips a loader: line separators, blanks at the ends, Chinese, turns."""
    several = [("user", "净利润？"), ("assistant", "1"), ("user", "More?\u2028 \u0085x")]
    return [
        *plain_samples(train=8, validation=3, test=4),
        sample(
            "blank",
            prompt=conversation(("user", "  q  \n\n")),
            completion=conversation(("assistant", " a\n")),
        ),
        sample(
            "history",
            prompt=conversation(*several),
            completion=conversation(("assistant", "👩‍⚕️ “12”")),
        ),
    ]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the build, the LLaMA-Factory export, and the pre-tokenised rows beside it."""
    root = tmp_path_factory.mktemp("real")
    model = save_model(save_tokenizer(root / "model"))
    build = write_build(root / "out", samples(), tokenizer=str(model), template="tokenizer")
    record = export(build, "llamafactory", root / "lf")
    assert record.excluded == {}
    export(build, "trl", root / "trl")
    return build, root / "lf", root / "trl"


def test_its_tokens_and_labels_are_ours(python, exported):
    _, folder, ours = exported
    run(python, "-c", ROWS, cwd=folder)
    theirs = json.loads((folder / "rows.json").read_text())
    for name, split in (("train", "train"), ("eval", "validation")):
        rows = pq.read_table(ours / f"tokens/{split}.parquet").to_pylist()
        assert len(rows) == len(theirs[name])
        for row, (ids, labels) in zip(rows, theirs[name], strict=True):
            assert ids == row["input_ids"], row["sample_id"]
            differ = [
                n for n, (a, b) in enumerate(zip(labels, row["labels"], strict=True)) if a != b
            ]
            # Only the line feed after the stop token: it trains that one, we do not.
            assert differ == [len(ids) - 1], row["sample_id"]
            assert row["labels"][-2] == labels[-2] != -100


def test_it_trains_merges_and_predicts_and_the_answers_come_back(python, exported, tmp_path):
    build, folder, _ = exported
    few = ("max_steps=3", "gradient_accumulation_steps=2", "max_new_tokens=8")
    cli(python, "train", "train.yaml", *ON_CPU, *few[:2], cwd=folder)
    assert (folder / "saves/adapter/adapter_model.safetensors").is_file()
    assert json.loads((folder / "saves/adapter/eval_results.json").read_text())["eval_loss"] > 0
    cli(python, "export", "merge.yaml", cwd=folder)
    assert (folder / "saves/merged/model.safetensors").is_file()
    cli(python, "train", "predict-test.yaml", *ON_CPU[:2], few[2], cwd=folder)
    answers = folder / "saves/predict-test/generated_predictions.jsonl"
    found = import_predictions(
        [answers], "llamafactory", build, tmp_path / "p.jsonl", ids=folder / "test.ids.jsonl"
    )
    assert [p.sample_id for p in found.predictions] == [f"test-{n:04}" for n in range(4)]
    assert found.missing == 0
    assert found.unknown == ()
    # Training in the folder of the export must not stop the next export, nor be lost by it.
    export(build, "llamafactory", folder)
    assert (folder / "saves/adapter/adapter_model.safetensors").is_file()


def test_the_table_of_templates_is_that_of_the_program(python, tmp_path):
    run(python, "-c", TABLE, cwd=tmp_path)
    models, reasoning, system = json.loads((tmp_path / "table.json").read_text())
    for entry in slot_templates():
        assert entry.template in reasoning
        assert entry.reasoning == reasoning[entry.template], entry.template
        assert entry.default_system == system[entry.template], entry.template
    known = {entry.template for entry in slot_templates()}
    matched, wrong = 0, []
    for name, template in models.items():
        found = next((e.template for e in slot_templates() if e.fits_name(name)), None)
        if template in known and found is not None:
            matched += 1
            wrong += [(name, template, found)] if found != template else []
        elif found is not None:
            wrong.append((name, template, found))
    assert not wrong, wrong
    assert matched > 180


def test_settings_name_what_they_should(exported):
    _, folder, _ = exported
    train = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf-8"))
    assert train["eval_dataset"] == "tiny_validation"
    assert "val_size" not in train
    assert train["mask_history"] is True
    assert not {k for k in yaml.safe_load((folder / "merge.yaml").read_text()) if "quant" in k}
