"""Writes dashboards/*.json:  make dashboards"""

from pathlib import Path

from deploy.grafana.model import MODEL
from deploy.grafana.moderators import MODERATORS
from deploy.grafana.panels import rendered
from deploy.grafana.pipeline import PIPELINE

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = {"pipeline.json": PIPELINE, "moderators.json": MODERATORS, "model.json": MODEL}

if __name__ == "__main__":
    for name, board in BOARDS.items():
        (FOLDER / name).write_text(rendered(board), encoding="utf-8")
