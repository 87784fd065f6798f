"""What reaches the trainer: our ids and masks, and a loud word when a trainer changes them."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import AutoTokenizer
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from sftdata.errors import ConfigError, ContractError
from sftdata.judged import open_judged
from sftdata.training.config import BatchConfig
from sftdata.training.rows import make_rows, require_same_rows

collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)


@pytest.fixture(scope="module")
def parts(made):
    judged = open_judged(made)
    return judged, *judged.render.load()


@pytest.fixture(scope="module")
def rows(parts):
    judged, template, tokenizer = parts
    return make_rows(judged.table("train"), template, tokenizer, BatchConfig())


def test_labels_are_the_answer_and_its_stop_token_and_nothing_else(parts, rows, model):
    """Against the tokenizer's own rendering: the prompt ends where the labels begin."""
    own = AutoTokenizer.from_pretrained(model)
    table = parts[0].table("train").to_pylist()
    for sample, row in zip(table, rows.table.to_pylist(), strict=True):
        whole = [*sample["prompt"], *sample["completion"]]
        prompt = own.apply_chat_template(sample["prompt"], add_generation_prompt=True)["input_ids"]
        assert row["input_ids"] == own.apply_chat_template(whole)["input_ids"]
        trained = [i for i, label in enumerate(row["labels"]) if label != -100]
        assert trained[0] == len(prompt)
        assert trained == list(range(trained[0], trained[-1] + 1))
        assert row["labels"][trained[-1]] == own.eos_token_id
        assert (
            row["labels"][trained[0] : trained[-1] + 1]
            == row["input_ids"][trained[0] : trained[-1] + 1]
        )
    assert rows.labels == sum(x != -100 for r in rows.table["labels"].to_pylist() for x in r)


@pytest.mark.parametrize("length", [None, 2048])
def test_packed_or_not_the_trainer_holds_every_row(rows, length):
    dataset = rows.as_dataset(length)
    require_same_rows(rows, dataset, collate)
    if length:
        assert len(dataset) < rows.samples
        assert max(map(len, dataset["input_ids"])) <= length


def test_packing_counts_as_trl_packs(rows):
    dataset = rows.as_dataset(None)
    for length in (int(rows.lengths.max()), 1500, 3000, 4096):
        assert len(rows.as_dataset(length)) == len(pack_dataset(dataset, length, "bfd"))


@pytest.mark.parametrize("change", ["drop", "cut", "mask", "token"])
def test_a_trainer_that_changed_a_row_is_refused(rows, change):
    data = rows.table.select(["input_ids", "labels"]).to_pylist()
    if change == "drop":
        data = data[1:]
    elif change == "cut":
        data[0] = {key: value[:-3] for key, value in data[0].items()}
    elif change == "mask":
        data[0]["labels"] = data[0]["input_ids"]
    else:
        data[0]["input_ids"][5] += 1
    other = Dataset.from_list(
        data, features=Dataset(rows.table.select(["input_ids", "labels"])).features
    )
    with pytest.raises(ContractError, match=r"the trainer holds \d+ samples"):
        require_same_rows(rows, other, collate)


def test_a_collator_that_masks_more_is_refused(rows):
    def greedy(examples):
        found = collate(examples)
        found["labels"][:, ::2] = -100
        return found

    with pytest.raises(ContractError, match="collator keeps"):
        require_same_rows(rows, rows.as_dataset(None), greedy)


def test_a_sample_above_the_limit_is_told_or_left_out_never_cut(parts, rows):
    judged, template, tokenizer = parts
    limit = int(np.sort(rows.lengths)[-3])
    table = judged.table("train")
    with pytest.raises(ConfigError, match=rf"2 of {rows.samples} samples are longer than {limit}"):
        make_rows(table, template, tokenizer, BatchConfig(max_length=limit))
    kept = make_rows(table, template, tokenizer, BatchConfig(max_length=limit, over_length="drop"))
    assert (kept.samples, kept.dropped) == (rows.samples - 2, 2)
    ids = dict(
        zip(rows.table["sample_id"].to_pylist(), rows.table["input_ids"].to_pylist(), strict=True)
    )
    assert all(ids[r["sample_id"]] == r["input_ids"] for r in kept.table.to_pylist())


def test_a_draw_is_the_same_each_time_and_another_with_another_seed(parts):
    judged, template, tokenizer = parts

    def drawn(seed):
        rows = make_rows(
            judged.table("train"), template, tokenizer, BatchConfig(), most=4, seed=seed
        )
        return rows.table["sample_id"].to_pylist()

    assert drawn(1) == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(6)}) > 1
