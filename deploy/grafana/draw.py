"""Draws the dashboards from what Prometheus has, without Grafana:  python -m deploy.grafana.draw URL MINUTES FOLDER

The queries, titles and units are those of dashboards/*.json; how it looks is matplotlib's.
"""

import itertools
import json
import math
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent / "dashboards"
POINTS = 240  # over the time drawn
ACROSS = 3
Series = dict[str, list[tuple[float, float]]]  # legend → (seconds from the end, value)


def draw(url: str, seconds: float, folder: Path, rate_interval: str = "1m") -> list[Path]:
    """One picture a dashboard, of the last `seconds`. `rate_interval` stands for Grafana's variable of that name. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        lines = _lines(board["panels"])
        heights = [1.0 if all(panel["type"] == "stat" for panel in line) else 2.6 for line in lines]
        figure = Figure(figsize=(5.2 * ACROSS, sum(heights) + 0.4), layout="constrained")
        figure.suptitle(board["title"], fontsize=14)
        for axes, line in zip(figure.subplots(len(lines), ACROSS, squeeze=False, gridspec_kw={"height_ratios": heights}), lines, strict=True):
            for place, panel in itertools.zip_longest(axes, line):
                if panel is None:
                    place.set_axis_off()
                else:
                    _draw_panel(place, panel, panel_series(url, panel, seconds, rate_interval))
        written.append(folder / f"{path.stem}.png")
        figure.savefig(written[-1], dpi=90)
    return written


def _lines(panels: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Panels, ACROSS beside each other; a heading begins a new line."""
    lines: list[list[dict[str, Any]]] = []
    for panel in panels:
        if panel["type"] == "row" or not lines or len(lines[-1]) == ACROSS:
            lines.append([])
        if panel["type"] != "row":
            lines[-1].append(panel)
    return [line for line in lines if line]


def panel_series(url: str, panel: Mapping[str, Any], seconds: float, rate_interval: str) -> Series:
    """What a panel's queries give over the last `seconds`. Raises HTTPError for a query that Prometheus refuses."""
    end = time.time()
    found: Series = {}
    for target in panel["targets"]:
        asked = {"query": target["expr"].replace("$__rate_interval", rate_interval), "start": end - seconds, "end": end, "step": max(0.25, seconds / POINTS)}
        with urlopen(f"{url}/api/v1/query_range?{urlencode(asked)}", timeout=30) as answer:  # noqa: S310  # the address the operator gave
            rows = json.load(answer)["data"]["result"]
        for row in rows:
            legend = re.sub(r"\{\{(\w+)\}\}", lambda m, row=row: row["metric"].get(m[1], ""), target["legendFormat"])  # type: ignore[misc]  # mypy knows no default of a lambda
            points = [(float(at) - end, float(value)) for at, value in row["values"] if math.isfinite(float(value))]
            if points:
                found[legend] = points
    return found


def _draw_panel(axes: Axes, panel: Mapping[str, Any], series: Series) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.set_title(panel["title"], fontsize=10, loc="left")
    axes.tick_params(labelsize=7)
    if panel["type"] == "stat":
        named = panel["options"]["textMode"] == "name"
        text = "\n".join(name if named else f"{name}  {shown(points[-1][1], unit)}" for name, points in series.items())
        axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=12 if named or len(series) > 1 else 16, transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
    elif panel["type"] == "heatmap":
        _draw_heatmap(axes, series)
    else:
        _draw_lines(axes, panel, series, unit)


def _draw_lines(axes: Axes, panel: Mapping[str, Any], series: Series, unit: str) -> None:
    for name, points in series.items():
        axes.plot([x for x, _ in points], [y for _, y in points], linewidth=1.2, label=name)
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]:
        axes.axhline(step["value"], color="red", linewidth=0.8, linestyle="--")
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    if unit == "bool_on_off":
        axes.set_yticks([0, 1])
    axes.yaxis.set_major_formatter(lambda value, _: shown(value, unit))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6, ncols=2 if len(series) > 5 else 1)


def _draw_heatmap(axes: Axes, series: Series) -> None:
    """Each bucket's own count, its edge on the left: Prometheus's buckets contain all smaller ones."""
    edges = sorted(series, key=float)
    times = sorted({x for points in series.values() for x, _ in points})
    rows: list[list[float]] = []
    below = dict.fromkeys(times, 0.0)
    for edge in edges:
        here = dict(series[edge])
        rows.append([max(0.0, here.get(x, 0.0) - below[x]) for x in times])
        below = {x: here.get(x, below[x]) for x in times}
    axes.pcolormesh([*times, 0.0], range(len(edges) + 1), rows, cmap="YlOrRd")
    axes.set_yticks([i + 0.5 for i in range(len(edges))], [f"≤ {edge}" for edge in edges], fontsize=6)


def shown(value: float, unit: str) -> str:
    """A value with its unit, for people."""
    if unit == "percentunit":
        return f"{value:.1%}"
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    if unit == "bool_on_off":
        return "on" if value else "off"
    if unit == "s":
        return f"{value:.3g} s" if value < 120 else f"{value / 60:.0f} min"
    return f"{value:.3g}/s" if unit == "cps" else f"{value:.4g}"


if __name__ == "__main__":
    for picture in draw(sys.argv[1], float(sys.argv[2]) * 60, Path(sys.argv[3])):
        print(picture)  # noqa: T201  # a program's answer
