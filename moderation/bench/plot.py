"""A picture of a run: throughput over length, and time over batch size."""

from pathlib import Path

from moderation.bench.report import Report


def draw(report: Report, path: Path) -> None:
    """Write an SVG or PNG."""
    from matplotlib.figure import Figure  # no pyplot: nothing global, no screen

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([r.words for r in report.by_length], [r.comments_per_second for r in report.by_length], marker="o")
    left.set(xlabel="words", ylabel="comments a second", title="int8, by length", xscale="log", yscale="log")
    for scorer in report.scorers:
        if scorer.latencies:
            right.plot([x.batch for x in scorer.latencies], [x.p50 for x in scorer.latencies], marker="o", label=f"{scorer.name}, p50")
            right.plot([x.batch for x in scorer.latencies], [x.p99 for x in scorer.latencies], marker=".", linestyle="dotted", label=f"{scorer.name}, p99")
    right.set(xlabel="comments in a batch", ylabel="milliseconds", title="time of a batch", xscale="log", yscale="log")
    right.legend(fontsize="small")
    figure.savefig(path)
