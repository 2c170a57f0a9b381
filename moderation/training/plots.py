"""Pictures of the model card: how far each head's scores are probabilities."""

from pathlib import Path

from moderation.training.report import HeadFigures, Report


def reliability_diagrams(result: Report, folder: Path) -> None:
    """One SVG a head, `reliability-HEAD.svg`: the share of positives over the mean score of each bin, a line for each set."""
    folder.mkdir(parents=True, exist_ok=True)
    for category in dict.fromkeys(h.category for h in result.heads):
        _diagram([h for h in result.heads if h.category == category and h.reliability], folder / f"reliability-{category}.svg")


def _diagram(heads: list[HeadFigures], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure  # no pyplot: nothing global, no screen

    mpl.rcParams["svg.hashsalt"] = path.name  # the same figures give the same file
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="dashed")
    for head in heads:
        bins = [b for b in head.reliability if b.rows >= 5]  # fewer tell nothing
        label = f"{head.on}: {head.rows} rows, ECE {head.calibration_error:.3f}"
        axes.plot([b.mean_score for b in bins], [b.positive for b in bins], marker="o", markersize=4, label=label)
    axes.set(xlabel="score", ylabel="share of comments with the label", title=heads[0].category, xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize="small", loc="upper left")
    figure.savefig(path, metadata={"Date": None})
