"""The general probes, put to a served model."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sftdata.evaluation.judge_client import Endpoint, Judge, JudgeError
from sftdata.evaluation.probe import probes
from sftdata.predictions import Prediction

__all__ = ["ask_probes"]


def ask_probes(endpoint: Endpoint) -> list[Prediction]:
    """Return the served model's answers, greedily; a request that fails is an answer with an error.

    Raises:
        ConfigError: the host is not allowed.
        MissingExtraError: httpx or tenacity is not installed.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        client = Judge(endpoint, Path(folder))
        try:
            for probe in probes():
                name, model = probe.probe_id, endpoint.model
                try:
                    reply = client.ask([{"role": "user", "content": probe.question}], subject=name)
                except JudgeError as error:
                    found.append(
                        Prediction(sample_id=name, model=model, output="", error=str(error))
                    )
                    continue
                found.append(
                    Prediction(
                        sample_id=name,
                        model=model,
                        output=reply.text,
                        prompt_tokens=reply.prompt_tokens,
                        completion_tokens=reply.completion_tokens,
                    )
                )
        finally:
            client.close()
    return found
