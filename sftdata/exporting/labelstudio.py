"""Label Studio: tasks to import and the labelling configuration that shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from xml.sax.saxutils import quoteattr

from sftdata.exporting.exporter import Exporter, Job
from sftdata.exporting.review import ISSUES, VERDICTS_ASKED, evidence_text, prompt_text
from sftdata.exporting.rows import Row, Rule

__all__ = ["LabelStudioExporter"]

_COLUMNS = ("sample_id", "split", "kind", "family", "domain", "locale")


class LabelStudioExporter(Exporter):
    """`tasks.json` and `config.xml`; `data.sample_id` comes back in every annotation."""

    name: ClassVar[str] = "label-studio"
    title: ClassVar[str] = "Label Studio: tasks and labelling configuration for human review"
    uses_model: ClassVar[bool] = False

    def rules(self, job: Job) -> Sequence[Rule]:
        """Return no rule: a reviewer should see every row."""
        del job
        return ()

    def write(self, job: Job) -> None:
        """Write the configuration and the tasks of all splits."""
        job.folder.text("config.xml", _config())
        job.folder.array("tasks.json", _tasks(job), ids="data.sample_id")
        job.next.append(
            "Label Studio: create a project, paste config.xml under Labeling Interface > Code, "
            "then import tasks.json"
        )


def _tasks(job: Job) -> Iterator[dict[str, Any]]:
    for split in job.splits:
        for row in job.rows(split):
            yield {"data": _data(row)}


def _data(row: Row) -> dict[str, Any]:
    shown = {
        "prompt": prompt_text(row),
        "answer": row.messages[-1]["content"],
        "evidence": evidence_text(row),
    }
    return {**{name: getattr(row, name) for name in _COLUMNS}, **shown}


def _config() -> str:
    return f"""<View>
  <Header value="Prompt / 提示"/>
  <Text name="prompt" value="$prompt"/>
  <Header value="Answer / 答案"/>
  <Text name="answer" value="$answer"/>
  <Header value="Evidence / 证据"/>
  <Text name="evidence" value="$evidence"/>
  <Header value="Is the answer right? / 答案是否正确？"/>
  <Choices name="verdict" toName="answer" choice="single" required="true" showInline="true">
{_choices(VERDICTS_ASKED)}
  </Choices>
  <Header value="What is wrong? / 问题在哪里？"/>
  <Choices name="issues" toName="answer" choice="multiple">
{_choices(ISSUES)}
  </Choices>
  <Header value="The right answer / 正确答案"/>
  <TextArea name="correction" toName="answer" rows="4" maxSubmissions="1"/>
  <Header value="Comment / 备注"/>
  <TextArea name="comment" toName="answer" rows="2" maxSubmissions="1"/>
</View>
"""


def _choices(words: Mapping[str, str]) -> str:
    return "\n".join(
        f"    <Choice alias={quoteattr(value)} value={quoteattr(text)}/>"
        for value, text in words.items()
    )
