"""A panel as a record, and as Grafana's JSON by its foundation SDK. The dashboards beside this file are lists of such records."""

import itertools
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, ReduceDataOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, BigValueTextMode, GraphThresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="moderation-prometheus")  # provisioning/datasources/prometheus.yml
WIDTH = 8  # of the 24 that a row has
HEIGHT = {"number": 4, "names": 4}  # the others have 8


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one panel shows."""

    title: str
    description: str  # what it says, and when to worry
    unit: str  # one of Grafana's: s, percentunit, short, cps (counts a second), bytes, none, bool_on_off
    queries: Mapping[str, str]  # legend → PromQL; {{label}} in a legend is the label's value
    kind: Literal["lines", "number", "names", "heatmap"] = "lines"  # names: which series there are
    limit: float | None = None  # from here on it is bad: red


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard: rows of panels under headings."""

    uid: str
    title: str
    description: str
    rows: Mapping[str, Sequence[Panel]]


def rendered(board: Board) -> str:
    """The dashboard's JSON."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["moderation"])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
    )
    numbers = itertools.count(1)
    for heading, panels in board.rows.items():
        made = made.with_row(dashboard.Row(heading).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(_built(panel).id(next(numbers)))
    return json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(made.build())), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _built(panel: Panel) -> timeseries.Panel | stat.Panel | heatmap.Panel:
    made = _drawn(panel).title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE).span(WIDTH).height(HEIGHT.get(panel.kind, 8))
    for name, (legend, expression) in zip(string.ascii_uppercase, panel.queries.items(), strict=False):
        query = prometheus.Dataquery().ref_id(name).expr(expression).legend_format(legend).datasource(SOURCE)
        if panel.kind == "heatmap":
            query = query.format(PromQueryFormat.HEATMAP)
        made = made.with_target(query.instant() if panel.kind == "names" else query)
    return made


def _drawn(panel: Panel) -> timeseries.Panel | stat.Panel | heatmap.Panel:
    """The empty panel, as its kind is drawn."""
    if panel.kind == "heatmap":
        return heatmap.Panel().calculate(False)
    steps = [Threshold(value=None, color="green"), *([Threshold(value=panel.limit, color="red")] if panel.limit is not None else [])]
    thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    if panel.kind == "lines":
        lines = timeseries.Panel().min(0).fill_opacity(8).thresholds(thresholds)
        style = GraphThresholdsStyleMode.LINE if panel.limit is not None else GraphThresholdsStyleMode.OFF
        return lines.thresholds_style(GraphThresholdsStyleConfig().mode(style))
    number = stat.Panel().thresholds(thresholds).reduce_options(ReduceDataOptions().calcs(["lastNotNull"])).color_mode(BigValueColorMode.VALUE)
    if panel.kind == "names":
        return number.text_mode(BigValueTextMode.NAME).graph_mode(BigValueGraphMode.NONE)
    return number.graph_mode(BigValueGraphMode.AREA)


def quantiles(metric: str, *parts: float, by: str = "", where: str = "") -> dict[str, str]:
    """Queries for quantiles of a histogram; `by` is one more label to keep, `where` a selector of series, in braces."""
    kept, legend = (f"le, {by}", f" {{{{{by}}}}}") if by else ("le", "")
    return {f"p{part * 100:g}{legend}": f"histogram_quantile({part}, sum by ({kept}) (rate({metric}_bucket{where}[$__rate_interval])))" for part in parts}
