"""The library's own server, with the model in it, gives the answers that the weights give here."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sftdata.prediction.predict import predict

pytest.importorskip("torch")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

NEW = 16


@pytest.fixture
def served(model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    command = [program, "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", "cpu", "--dtype", "float32"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.5)
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_server_and_weights_answer_alike(made, model, served, tmp_path):
    settings = {"max_new_tokens": NEW, "limit": 12}
    ours = predict(made.path, out=tmp_path / "here.jsonl", model=str(model), **settings)
    theirs = predict(
        made.path,
        out=tmp_path / "there.jsonl",
        model=str(model),
        backend="openai",
        base_url=served,
        batch_size=1,
        **settings,
    )
    assert theirs.summary["failed"] == 0
    for here, there in zip(ours.predictions, theirs.predictions, strict=True):
        assert (here.sample_id, here.output) == (there.sample_id, there.output)
        assert here.prompt_tokens == there.prompt_tokens
    assert any(p.output.strip() for p in ours.predictions)
