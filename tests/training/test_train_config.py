"""The configuration of a run: defaults that fit the method, mistakes in one line."""

import pytest
import yaml

from sftdata.errors import ConfigError
from sftdata.training.config import TrainConfig, load_train_config


def test_defaults_follow_the_method():
    qlora, full = (load_train_config(model="m", method=m) for m in ("qlora", "full"))
    assert (qlora.learning_rate, full.learning_rate) == (1e-4, 1e-5)
    assert qlora.warmup > full.warmup
    assert qlora.lora.scale == 32
    assert load_train_config(model="m", overrides=["lora.rank=64"]).lora.scale == 128
    assert qlora.quantisation.type == "nf4"
    assert qlora.quantisation.double


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"model": "m", "lora": {"rnak": 8}}, r"lora\.rnak: there is no such setting. Did you mean 'rank'"),
        ({"model": "m", "epochs": 0}, r"epochs: .*greater than 0 \(given: 0\)"),
        ({"model": " "}, "model: name a folder or a hub id"),
        ({"model": "m", "keep_checkpoints": 1}, "keep_checkpoints: .*greater than or equal to 2"),
        ({}, "model: is required"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(data, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load_train_config(data)
    assert "\n" not in str(caught.value)


def test_the_command_line_stands_above_the_file_and_set_above_both(tmp_path):
    (tmp_path / "base").mkdir()
    file = tmp_path / "train.yaml"
    file.write_text("model: base\nmethod: lora\nepochs: 2\n")
    read = load_train_config(file)
    assert read.model == str(tmp_path / "base"), "a folder is named from where the file lies"
    given = load_train_config(file, ["epochs=5"], model="other", method=None)
    assert (given.model, given.method, given.epochs) == ("other", "lora", 5)


def test_the_filled_configuration_reads_back_the_same():
    config = load_train_config(model="m", overrides=["lora.targets=[q_proj]", "report_to=[wandb]"])
    again = TrainConfig.model_validate(yaml.safe_load(config.to_yaml()))
    assert again == config
