"""The figures on a terminal."""

from rich.console import Console
from rich.table import Table

from moderation.training.report import Report


def show(result: Report) -> None:
    """Print everything that was measured, the way the model card orders it."""
    console = Console()
    table = Table("category", "on", "rows", "positive", "AUC", "AP", "recall at 1%", "recall at 5%", "ECE", "by chance", title=f"model {result.model}")
    for h in result.heads:
        numbers = (h.auc, h.average_precision, h.recall_at_1, h.recall_at_5, h.calibration_error, h.calibration_by_chance)
        table.add_row(h.category, h.on, str(h.rows), str(h.positives), *(f"{v:.3f}" for v in numbers))
    console.print(table)
    for name, share in result.pairs.items():
        console.print(f"minimal pairs told apart, {name}: {share:.3f}")
    for p in result.operating_points:
        console.print(f"{p.category} {p.action} = {p.threshold:.3f}: at most {p.false_alarms:.1%} of other news comments; recall {p.recall:.3f}")
    by_kind = (
        ("toxicity at 0.5 on functional examples", result.functional),
        ("toxicity at 0.5 on unseen functional examples", result.functional_unseen),
        ("harmless comments filed for incitement", result.harmless),
        ("unseen harmless comments filed for incitement", result.harmless_unseen),
    )
    for title, kinds in by_kind:
        table = Table("kind", "rows", "flagged", title=title)
        for kind in kinds:
            table.add_row(kind.kind, str(kind.rows), f"{kind.flagged:.1%}")
        console.print(table)
    for name, value in {**result.facets, **result.context}.items():
        console.print(f"{name}: {value:.3f}")
    for disguise, change in result.disguises.items():
        console.print(f"moved by {disguise}: incitement {change['incitement']:.3f}, toxicity {change['toxicity']:.3f}")
    if result.groups:
        shares = result.groups.share
        mean, worst = sum(shares.values()) / len(shares), max(shares, key=lambda group: shares[group])
        console.print(f"false alarms on plain statements that name a group: {mean:.1%} on average, most for {worst} ({shares[worst]:.1%})")
    if result.quantised:
        console.print(f"int8 against float32: {dict(result.quantised.mean)}; AUC lost: {dict(result.quantised.auc_loss)}")
