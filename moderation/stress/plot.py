"""A picture of a run: how long each comment took, and how many were outstanding."""

from pathlib import Path

from moderation.errors import ConfigurationError
from moderation.stress.ledger import Ledger

FORMATS = (".svg", ".png")


def check(path: Path) -> None:
    """Raises ConfigurationError when a picture cannot be made, before an hour was spent on the run."""
    if path.suffix not in FORMATS:
        raise ConfigurationError(f"--plot {path}: expected a name that ends in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--plot {path}: no such folder")
    try:
        import matplotlib  # noqa: F401  # an extra
    except ImportError:
        raise ConfigurationError("--plot needs: pip install 'moderation[bench]'") from None


def draw(ledger: Ledger, path: Path) -> None:
    """Write the picture."""
    from matplotlib.figure import Figure  # no pyplot: nothing global, no screen

    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.scatter(*_columns(ledger.latencies), s=2, rasterized=True)
    above.set(ylabel="seconds from produced to filed", title=f"run {ledger.run}: {ledger.produced} events")
    above.set_ylim(bottom=0)
    below.plot(*_columns(ledger.backlog))
    below.set(xlabel="seconds since the start", ylabel="events outstanding")
    below.set_ylim(bottom=0)
    figure.savefig(path)


def _columns(pairs: list[tuple[float, float]] | list[tuple[float, int]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]
