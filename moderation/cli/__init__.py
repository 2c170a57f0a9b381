"""The menu. Exit codes: 0 success, 1 failure, 2 usage or configuration."""

import sys

import typer

from moderation.cli import bench, capacity, demo, dlq, model, policy, queue, score, stress, token, user, web, worker
from moderation.errors import ConfigurationError, ModerationError

app = typer.Typer(
    name="moderation",
    help="Reader comments from Kafka, scored for toxicity and violent incitement, filed for moderators in Redis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("worker")(worker.worker)
app.command("web")(web.web)
app.command("score")(score.score)
app.command("stress")(stress.stress)
app.command("bench")(bench.bench)
app.command("capacity")(capacity.capacity)
app.add_typer(user.app, name="user")
app.add_typer(token.app, name="token")
app.add_typer(policy.app, name="policy")
app.add_typer(queue.app, name="queue")
app.add_typer(dlq.app, name="dlq")
app.add_typer(model.app, name="model")


def main() -> None:
    """Run the command line; an error of ours is one line on stderr."""
    try:
        app()
    except ModerationError as error:
        typer.echo(f"moderation: {error}", err=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
