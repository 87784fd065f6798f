"""Runs from beginning to end on a tiny model: QLoRA on a CPU, killed, resumed, merged."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from command import Command

from sftdata.errors import ConfigError
from sftdata.judged import open_judged
from sftdata.training.folder import newest_checkpoint, seal_checkpoint
from sftdata.training.run import Interrupted, train

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]

KILLED = """
import os, signal, sys
from sftdata.training.config import load_train_config
from sftdata.training.run import train
def tell(line):
    if line.startswith("step     4/6  loss"):
        os.kill(os.getpid(), signal.SIGKILL)
train(sys.argv[1], load_train_config(sys.argv[2]), sys.argv[3], tell=tell)
"""


@pytest.fixture(scope="module")
def run(made, settings, tmp_path_factory):
    """Return a finished QLoRA run that nothing has disturbed."""
    return train(made, settings(), tmp_path_factory.mktemp("whole") / "run").path


def losses(run, key="loss"):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(r["step"], r[key]) for r in rows if key in r]


def test_a_qlora_run_learns_and_says_what_it_is_made_of(run, made, model):
    manifest = json.loads((run / "manifest.json").read_text())
    judged = open_judged(made)
    assert manifest["status"] == "finished"
    assert manifest["dataset"]["digest"] == judged.digest
    assert manifest["template_lock"] == judged.manifest.template_lock
    assert manifest["forced"] == []
    assert manifest["model"]["path"] == str(model.resolve())
    assert {"torch", "trl", "peft", "bitsandbytes"} <= set(manifest["versions"])
    results = manifest["results"]
    assert results["steps"] == 6
    assert results["best_validation_loss"] < results["base_validation_loss"]
    assert results["best_validation_loss"] == min(v for s, v in losses(run, "validation_loss") if s)
    assert [step for step, _ in losses(run)] == [1, 2, 3, 4, 5, 6]
    for name in ("loss.png", "loss.svg", "learning_rate.png", "learning_rate.svg"):
        assert (run / "plots" / name).stat().st_size > 1000
    card = (run / "README.md").read_text()
    for said in (judged.digest, judged.report.verdict, f"{results['best_validation_loss']:.4f}"):
        assert said in card
    adapter = json.loads((run / "adapter" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == str(model.resolve())
    assert "lm_head" not in adapter["target_modules"]


def test_the_validation_loss_is_the_mean_over_trained_tokens(run, made, settings, model):
    """Against plain PyTorch: the base model's loss before step 1, and the adapter's after it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from sftdata.training.prepare import prepare

    rows = prepare(made, settings(), force=False, allow=False).validation
    four = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    )
    base = AutoModelForCausalLM.from_pretrained(model, quantization_config=four).eval()

    def loss(who):
        total = tokens = 0.0
        for row in rows.table.to_pylist():
            ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"])[1:]
            with torch.no_grad():
                logits = who(ids).logits[0, :-1].float()
            total += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            tokens += int((labels != -100).sum())
        return total / tokens

    results = json.loads((run / "manifest.json").read_text())["results"]
    assert loss(base) == pytest.approx(results["base_validation_loss"], abs=2e-4)
    tuned = PeftModel.from_pretrained(base, str(run / "adapter")).eval()
    assert loss(tuned) == pytest.approx(results["best_validation_loss"], abs=2e-4)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(run, made, settings, tmp_path):
    config, out = tmp_path / "train.yaml", tmp_path / "run"
    config.write_text(settings().to_yaml())
    child = [sys.executable, "-W", "ignore", "-c", KILLED, str(made), str(config), str(out)]
    killed = subprocess.run(child, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    step = newest_checkpoint(out / "checkpoints").step
    assert 0 < step < 4
    # A checkpoint with a higher number that was never finished must not be taken.
    half = shutil.copytree(out / f"checkpoints/checkpoint-{step}", out / "checkpoints/checkpoint-5")
    (half / "optimizer.pt").write_bytes(b"")
    with pytest.raises(ConfigError, match="an unfinished run is here; go on with --resume"):
        train(made, settings(), out)
    said = []
    train(made, settings(), out, resume=True, tell=said.append)
    assert f"going on from step {step}" in said
    assert (out / "metrics.jsonl").read_bytes() == (run / "metrics.jsonl").read_bytes()
    adapter = "adapter/adapter_model.safetensors"
    assert (out / adapter).read_bytes() == (run / adapter).read_bytes()


def test_a_finished_run_does_not_train_one_more_step(run, made, settings):
    files = run / "metrics.jsonl", run / "manifest.json"
    before = [file.read_bytes() for file in files]
    assert train(made, settings(), run, resume=True).trained is False
    assert [file.read_bytes() for file in files] == before


def test_two_processes_share_a_step(made, settings, tmp_path):
    """Twice the rows a step, told and written once; the losses are those of a run of its own."""
    config, out = tmp_path / "train.yaml", tmp_path / "run"
    config.write_text(settings("lora").to_yaml())
    launched = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--nproc_per_node=2"]
    asked = ["-m", "sftdata", "train", str(made), "--config", str(config), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*launched, *asked], capture_output=True, env=environment, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [step for step, _ in losses(out)] == [1, 2, 3, 4, 5, 6]
    said = (done.stdout + done.stderr).splitlines()
    assert sum(line.startswith("step     1/6  loss") for line in said) == 1
    alone = train(made, settings("lora"), tmp_path / "alone").path
    # Before the first step the model is the same, whoever evaluates it.
    shared, own = (losses(run, "validation_loss")[0] for run in (out, alone))
    assert shared == (0, pytest.approx(own[1], abs=1e-5))
    plans = [json.loads((run / "manifest.json").read_text())["plan"] for run in (out, alone)]
    assert plans[0]["step_tokens"] == pytest.approx(2 * plans[1]["step_tokens"], rel=0.01)


def test_a_run_killed_while_it_closed_is_closed_without_a_step(run, made, settings, tmp_path):
    out = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(out / "adapter")
    manifest = json.loads((out / "manifest.json").read_text()) | {"status": "running"}
    (out / "manifest.json").write_text(json.dumps(manifest))
    made_again = train(made, settings(), out, resume=True)
    assert made_again.manifest.results["steps"] == 6
    assert losses(out) == losses(run)
    adapter = "adapter/adapter_model.safetensors"
    assert (out / adapter).read_bytes() == (run / adapter).read_bytes()


def test_a_run_goes_on_with_its_own_data_and_settings_only(run, made, settings):
    with pytest.raises(ConfigError, match="a run with other settings is here"):
        train(made, settings(optimiser={"learning_rate": 2e-3}), run, resume=True)
    with pytest.raises(ConfigError, match="a run with other data and settings is here"):
        train(made, settings(max_samples=3), run, resume=True)


def test_sigterm_leaves_a_checkpoint_and_says_so(run, made, settings, tmp_path):
    def tell(line):
        if line.startswith("step     2/6  loss"):
            os.kill(os.getpid(), signal.SIGTERM)

    out = tmp_path / "run"
    with pytest.raises(
        Interrupted, match=r"stopped by signal 15 after step \d; .*--resume"
    ) as caught:
        train(made, settings(), out, tell=tell)
    assert caught.value.number == signal.SIGTERM
    assert json.loads((out / "manifest.json").read_text())["status"] == "interrupted"
    assert newest_checkpoint(out / "checkpoints").step < 6
    train(made, settings(), out, resume=True)
    assert losses(out) == losses(run)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_evaluation_in_between_changes_no_training_step(made, settings, tmp_path, precision):
    """bitsandbytes re-packs 4-bit weights in an evaluation; data loaders draw from the dice."""
    from safetensors.torch import load_file

    with_it = train(made, settings(precision=precision, max_steps=4), tmp_path / "with").path
    adapter = load_file(with_it / "adapter/adapter_model.safetensors")
    assert {str(w.dtype) for w in adapter.values()} == {"torch.float32"}, "whatever the base is in"
    without = settings(precision=precision, max_steps=4, evaluation={"during": False})
    assert losses(train(made, without, tmp_path / "without").path) == losses(with_it)


def test_the_merged_model_is_base_and_adapter(run, made, tmp_path, capsys):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "merged"
    told = Command(capsys)("merge", run, "--out", out)
    assert told.code == 0, told.err
    assert f"vllm serve {out}" in told.out
    assert f"transformers serve {out}" in told.out
    assert "--template chatml" in told.out
    record = json.loads((out / "merge.json").read_text())
    assert record["check"]["largest"] < 1e-3
    base = json.loads((run / "manifest.json").read_text())["model"]["path"]
    merged = AutoModelForCausalLM.from_pretrained(out).eval()
    apart = AutoModelForCausalLM.from_pretrained(base)
    untouched = apart(torch.arange(50)[None]).logits.detach()
    apart = PeftModel.from_pretrained(apart, str(run / "adapter")).eval()
    ids = torch.arange(50)[None]
    with torch.no_grad():
        assert torch.allclose(merged(ids).logits, apart(ids).logits, atol=1e-4)
        assert not torch.allclose(merged(ids).logits, untouched, atol=1e-3)
    own = AutoTokenizer.from_pretrained(out)
    assert own.chat_template == open_judged(made).render.load()[0].source
    assert merged.generation_config.eos_token_id == own.convert_tokens_to_ids("<|im_end|>")
    again = Command(capsys)("merge", run, "--out", tmp_path / "merged")
    assert again.code == 0, "an earlier merge may be replaced"


def test_a_merge_that_went_wrong_is_not_kept(run, tmp_path, monkeypatch):
    from peft.tuners.lora import LoraModel

    from sftdata.training.merge import merge

    monkeypatch.setattr(LoraModel, "merge_and_unload", LoraModel.unload)
    with pytest.raises(ConfigError, match="the merged model is not base and adapter"):
        merge(run, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_another_base_is_refused_in_a_merge(run, model, tmp_path):
    from safetensors.torch import load_file, save_file

    from sftdata.training.merge import merge

    other = shutil.copytree(model, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="has other weights than the run was trained on"):
        merge(run, tmp_path / "merged", base=str(other))


def test_full_fine_tuning_and_lora_run_too(made, settings, tmp_path):
    from transformers import AutoModelForCausalLM

    lora = train(made, settings("lora", max_steps=2, batch={"packing": False}), tmp_path / "lora")
    assert (lora.path / "adapter/adapter_model.safetensors").is_file()
    full = train(made, settings("full", max_steps=2), tmp_path / "full")
    model = AutoModelForCausalLM.from_pretrained(full.path / "model")
    assert sum(p.numel() for p in model.parameters()) == full.manifest.plan["trainable"]


def test_overfitting_stops_the_run_and_the_best_weights_are_kept(made, settings, tmp_path):
    """A rate that ruins the model: no evaluation is better than the first."""
    config = settings(
        "full", max_steps=12, evaluation={"patience": 2}, optimiser={"learning_rate": 0.3}
    )
    done = train(made, config, tmp_path / "run")
    results = done.manifest.results
    assert results["steps"] < 12
    assert results["ended"] == "no better validation loss for a while"
    held_out = [(value, step) for step, value in losses(done.path, "validation_loss") if step]
    assert min(held_out)[1] == results["best_step"]
    assert sum(step > results["best_step"] for _, step in held_out) == 2
    kept = (tmp_path / "run/model/model.safetensors").read_bytes()
    best = tmp_path / f"run/checkpoints/checkpoint-{results['best_step']}/model.safetensors"
    assert kept == best.read_bytes()


def test_a_seal_is_broken_by_a_shorter_file(tmp_path):
    for step in (1, 2):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "weights").write_bytes(b"12345")
        seal_checkpoint(folder, step, ended=False)
    (tmp_path / "checkpoint-10").mkdir()
    assert newest_checkpoint(tmp_path).step == 2
    (tmp_path / "checkpoint-2" / "weights").write_bytes(b"123")
    assert newest_checkpoint(tmp_path).step == 1
