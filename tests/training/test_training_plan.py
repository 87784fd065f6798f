"""The plan of a run, from shapes alone, against what PEFT and PyTorch really make."""

import shutil

import pytest
from command import Command

from sftdata.errors import ConfigError
from sftdata.training.foundation import lay_out
from sftdata.training.plan import Device, estimate_memory
from sftdata.training.run import plan_training
from sftdata.training.trainer import lora_config

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def foundation(model):
    return lay_out(str(model))


@pytest.mark.parametrize("targets", ["all", "attention", ("q_proj", "down_proj")])
def test_trained_parameters_are_those_that_peft_makes(foundation, settings, targets):
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    config = settings("lora", lora={"rank": 4, "targets": targets})
    real = AutoModelForCausalLM.from_pretrained(foundation.path)
    total = sum(p.numel() for p in real.parameters())
    adapted = get_peft_model(real, lora_config(config, foundation))
    assert foundation.parameters == total
    assert foundation.trainable(config) == adapted.get_nb_trainable_parameters()[0]
    assert not any("lm_head" in name for name in foundation.targets(config.lora))


def test_a_layer_that_the_model_lacks_is_named(foundation, settings):
    with pytest.raises(ConfigError, match="has no layer query; it has down_proj, gate_proj"):
        foundation.targets(settings(lora={"targets": ["query"]}).lora)


def test_memory_of_a_seven_billion_model_is_what_is_known_of_it(settings, tmp_path):
    """Llama-2-7B: 13.5 GB in 16 bits, 3.5 to 4 GB in NF4 (QLoRA, figure 6), 108 GB for full AdamW."""
    from transformers import LlamaConfig

    LlamaConfig(vocab_size=32000).save_pretrained(tmp_path)
    llama = lay_out(str(tmp_path))
    assert llama.parameters == 6_738_415_616
    found = {
        m: estimate_memory(llama, settings(m), "bfloat16", 2048) for m in ("qlora", "lora", "full")
    }
    assert found["lora"].weights == pytest.approx(13.5e9, rel=0.01)
    assert 3.5e9 < found["qlora"].weights < 4.1e9
    assert found["full"].weights + found["full"].trained == pytest.approx(6.74e9 * 16, rel=0.01)
    kept = estimate_memory(llama, settings("lora", gradient_checkpointing=False), "bfloat16", 2048)
    assert kept.kept > 10 * found["lora"].kept


def test_a_dry_run_reads_no_weights_and_writes_nothing(made, model, tmp_path, monkeypatch, capsys):
    bare = shutil.copytree(model, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    monkeypatch.chdir(tmp_path)
    told = Command(capsys)(
        "train", made, "--model", bare, "--dry-run", "--set", "batch.tokens=3000"
    )
    assert told.code == 0
    for word in ("parameters", "memory", "steps", "tokens", "validation", "warm-up"):
        assert word in told.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare"]


def test_batches_reach_the_tokens_that_were_asked_for(made, settings):
    for packing in (True, False):
        batch = {"tokens": 2500, "packing": packing}
        plan = plan_training(made, settings(batch=batch, max_steps=None, epochs=2.0))
        assert plan.step_tokens == pytest.approx(2500, rel=0.35)
        assert plan.steps == 2 * plan.steps_per_epoch
    # Packed rows are laid end to end: two of them at once cost attention four times the work.
    packed = plan_training(made, settings(batch={"tokens": 4000}))
    assert packed.rows_per_device == 1
    flash = plan_training(made, settings(batch={"tokens": 4000}, attention="flash_attention_2"))
    assert flash.rows_per_device > 1
    assert any("6 steps are few" in text for text in packed.warnings)


def test_memory_that_is_short_means_smaller_batches_and_more_of_them(settings, monkeypatch, made):
    def small(config):
        del config
        return Device("cpu", "small", 2**25, 1, "float32", "test")

    padded = settings(batch={"tokens": 8000, "packing": False})
    wide = plan_training(made, padded)
    monkeypatch.setattr("sftdata.training.prepare.find_device", small)
    narrow = plan_training(made, padded)
    assert narrow.rows_per_device < wide.rows_per_device
    assert (
        narrow.rows_per_device * narrow.accumulation >= wide.rows_per_device * wide.accumulation - 1
    )


def test_precision_says_why(settings, monkeypatch):
    import torch

    from sftdata.training.plan import find_device

    auto = settings(precision="auto")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert find_device(auto).dtype == "bfloat16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert find_device(auto).dtype == "float32"
    assert "no instructions for bfloat16" in find_device(auto).why
    with pytest.raises(ConfigError, match="fp16 with loss scaling needs a GPU"):
        find_device(settings(precision="fp16"))
