"""Show what the training example gave: a table and a picture, base model against tuned one.

    python examples/train/results.py out/evaluation.json --out out
    python examples/train/results.py out/evaluation.json --out docs/images --readme README.md

The figures are those of `sftdata evaluate`: nothing is computed here.
"""

import argparse
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from sftdata.evaluation.report import EvaluationReport, Score

METRICS = {
    "json_strict": "strict JSON",
    "schema_valid": "valid by the schema",
    "field_f1": "field F1",
    "document_exact": "whole answer exact",
    "hallucinated_rate": "hallucinated fields (less is better)",
}
RUNS = {"base": "base, with worked examples", "model": "tuned, without"}
COLOURS = {"base": "#9aa5b1", "model": "#1f7a5c"}
BEGIN, END = "<!-- demo-train: generated -->", "<!-- demo-train: end -->"


def share(score: Score) -> str:
    """Return `0.91 (0.86 – 0.95)`; the interval is of 95 %, over companies and patients."""
    if score.low is None or score.high is None:
        return f"{score.score:.2f}"
    return f"{score.score:.2f} ({score.low:.2f} – {score.high:.2f})"


def table(report: EvaluationReport) -> str:
    """Return the Markdown table, metrics down, runs across."""
    lines = [f"| | {' | '.join(RUNS.values())} |", "|---|---|---|"]
    for metric, words in METRICS.items():
        cells = [share(report.scored(metric, run=run)) for run in RUNS]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    asked = f"{report.samples} questions about {report.groups} companies and patients"
    cut = {r.name: r.truncated for r in report.runs}
    return "\n".join(lines) + (
        f"\n\n{asked}, none of them seen in training, in wordings not seen in training; intervals of "
        f"95 % by bootstrap over companies and patients. Answers cut at the token limit: base "
        f"{cut['base']}, tuned {cut['model']}. Base model: SmolLM2-135M-Instruct; documents and "
        "notes are invented.\n"
    )


def picture(report: EvaluationReport, path: Path) -> None:
    """Draw the same figures as bars with their intervals."""
    figure, axes = plt.subplots(figsize=(7.2, 2.9), layout="constrained")
    height = 0.36
    for place, (run, words) in enumerate(RUNS.items()):
        scores = [report.scored(metric, run=run) for metric in METRICS]
        rows = [row + place * height for row in range(len(scores))]
        low = [s.score - (s.score if s.low is None else s.low) for s in scores]
        high = [(s.score if s.high is None else s.high) - s.score for s in scores]
        axes.barh(
            rows,
            [s.score for s in scores],
            height,
            label=words,
            color=COLOURS[run],
            xerr=(low, high),
            error_kw={"ecolor": "#33404d", "capsize": 3},
        )
    axes.set_yticks([row + height / 2 for row in range(len(METRICS))], list(METRICS.values()))
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share, with 95 % interval over companies and patients")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Write the table and the picture, print the table, and put both into a page on request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--readme", type=Path)
    given = parser.parse_args()
    report = EvaluationReport.from_json(given.evaluation.read_bytes())
    image = given.out / "demo-train.png"
    picture(report, image)
    text = table(report)
    print(text)
    if given.readme is None:
        (given.out / "demo-train.md").write_text(text, encoding="utf-8")
        return
    page = given.readme.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    link = image.resolve().relative_to(given.readme.resolve().parent).as_posix()
    body = f"{BEGIN}\n{text}\n![Base and tuned model]({link})\n{END}"
    given.readme.write_text(before + body + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
