"""What a run that was stopped goes on from, and the mean of its last weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class Mean:
    """The mean of the weights at `count` even steps of the last third: steadier than the last ones alone."""

    def __init__(self, steps: int, count: int) -> None:
        self._at = {round(steps - k * steps / 3 / count) for k in range(count)} if count else set()
        self.taken = 0
        self.sums: dict[str, torch.Tensor] = {}

    def after(self, step: int, model: Any) -> None:
        if step in self._at:
            self.taken += 1
            for name, value in model.state_dict().items():
                self.sums[name] = self.sums[name] + value.float() if name in self.sums else value.float().clone()

    def into(self, model: Any) -> None:
        if self.taken:
            model.load_state_dict({name: (total / self.taken).to(model.state_dict()[name].dtype) for name, total in self.sums.items()})


def save(out: Path, model: Any, optimiser: Any, schedule: Any, step: int, mean: Mean) -> None:
    """Write out/checkpoint.pt, whole or not at all."""
    fresh = out / "checkpoint.new"
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(), "step": step}
    torch.save({**state, "sums": mean.sums, "taken": mean.taken}, fresh)
    fresh.replace(out / "checkpoint.pt")


def resume(out: Path, model: Any, optimiser: Any, schedule: Any, mean: Mean) -> int:
    """Take up out/checkpoint.pt, if there is one. Returns how many steps are done."""
    out.mkdir(parents=True, exist_ok=True)
    saved = out / "checkpoint.pt"
    if not saved.exists():
        return 0
    state: Mapping[str, Any] = torch.load(saved, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    mean.sums, mean.taken = state["sums"], state["taken"]
    return int(state["step"])
