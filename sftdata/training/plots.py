"""Loss and learning rate of a run as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw_curves"]

_SETTINGS: Any = {"svg.hashsalt": "sftdata", "font.size": 10, "axes.spines.top": False}
_SETTINGS |= {"axes.spines.right": False}


def draw_curves(
    metrics: Sequence[Mapping[str, Any]], folder: Path, *, best_step: int | None = None
) -> list[Path]:
    """Write `loss` and `learning_rate` as PNG and SVG; equal metrics give equal pictures.

    The base model's validation loss is drawn as the line to beat.

    Args:
        metrics: rows of metrics.jsonl.
        folder: where to write; made if absent.
        best_step: the step whose weights were kept.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    steps = [r for r in metrics if "loss" in r]
    held_out = [r for r in metrics if "validation_loss" in r]
    paths = []
    with mpl.rc_context(_SETTINGS):
        for name in ("loss", "learning_rate"):
            figure = Figure(figsize=(7, 4), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.add_subplot()
            axes.set_xlabel("step")
            axes.set_ylabel(name.replace("_", " "))
            axes.grid(visible=True, alpha=0.25)
            axes.plot([r["step"] for r in steps], [r.get(name, 0.0) for r in steps], label="train")
            if name == "loss":
                _draw_validation(axes, held_out, best_step)
                axes.legend(frameon=False)
            for suffix in ("png", "svg"):
                path = folder / f"{name}.{suffix}"
                stamp = {"Date": None} if suffix == "svg" else {"Software": None}
                figure.savefig(path, dpi=150, metadata=stamp)
                paths.append(path)
    return paths


def _draw_validation(
    axes: Any, held_out: Sequence[Mapping[str, Any]], best_step: int | None
) -> None:
    base = next((r["validation_loss"] for r in held_out if not r["step"]), None)
    if base is not None:
        axes.axhline(base, linestyle="--", color="0.5", label="base model, validation")
    after = [r for r in held_out if r["step"]]
    if after:
        points = [r["step"] for r in after], [r["validation_loss"] for r in after]
        axes.plot(*points, marker="o", markersize=4, label="validation")
    best = next((r for r in after if r["step"] == best_step), None)
    if best is not None:
        axes.plot(best["step"], best["validation_loss"], marker="*", markersize=12, color="black")
