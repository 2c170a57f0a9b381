"""Pipeline: from Kafka to filed."""

from deploy.grafana.panels import Board, Panel, quantiles

PIPELINE = Board(
    uid="moderation-pipeline",
    title="Moderation: pipeline",
    description="From Kafka to filed: does it keep up, what waits, what goes wrong.",
    rows={
        "Now": [
            Panel(
                title="Workers",
                description="Workers that Prometheus reaches. More than partitions are idle; none is an emergency.",
                unit="none",
                kind="number",
                queries={"workers": 'sum(up{job="moderation-worker"})'},
            ),
            Panel(
                title="Waiting in Kafka",
                description="Events not acknowledged yet, over all partitions. A few batches are normal; what grows for minutes is not.",
                unit="short",
                kind="number",
                queries={"events": "moderation:consumer_lag:sum"},
            ),
            Panel(
                title="Late in the last hour",
                description="Comments decided over 10 seconds after they reached Kafka. The objective allows 1%.",
                unit="percentunit",
                kind="number",
                limit=0.01,
                queries={"late": "moderation:late:ratio1h"},
            ),
        ],
        "Traffic": [
            Panel(
                title="Comments taken and decided",
                description="A second. Taken above decided: bad events, or something waits. Both at nothing: nobody writes, or it stands still; see the lag.",
                unit="cps",
                queries={
                    "taken": "sum(rate(moderation_comments_consumed_total[$__rate_interval]))",
                    "scored": "sum(rate(moderation_comments_scored_total[$__rate_interval]))",
                    "decided": "sum(rate(moderation_comments_decided_total[$__rate_interval]))",
                },
            ),
            Panel(
                title="Lag by partition",
                description="Events not acknowledged yet, from the ends the brokers report. One partition alone: its worker is slow or stuck.",
                unit="short",
                queries={"partition {{partition}}": "max by (partition) (moderation_consumer_lag)"},
            ),
            Panel(
                title="Decided, by site",
                description="A second. The first 30 sites and those the policy names; the rest is `other`.",
                unit="cps",
                queries={"{{site}}": "sum by (site) (rate(moderation_comments_decided_total[$__rate_interval]))"},
            ),
        ],
        "Time": [
            Panel(
                title="From Kafka to filed",
                description="Seconds from the broker's timestamp until the comment is decided and filed. Over 10 seconds counts as late.",
                unit="s",
                limit=10,
                queries=quantiles("moderation_end_to_end_seconds", 0.5, 0.95, 0.99),
            ),
            Panel(
                title="Stages of a batch",
                description="Mean seconds of a batch in each stage. `score` is nearly all of it; `file` is Redis, `publish` is Kafka.",
                unit="s",
                queries={
                    "{{stage}}": "sum by (stage) (rate(moderation_stage_seconds_sum[$__rate_interval]))"
                    " / sum by (stage) (rate(moderation_stage_seconds_count[$__rate_interval]))"
                },
            ),
            Panel(
                title="Comments in a batch",
                description="Mean. Near MODERATION_BATCH_SIZE: workers are at their limit. Near 1: there is little to do.",
                unit="short",
                queries={"comments": "sum(rate(moderation_batch_size_sum[$__rate_interval])) / sum(rate(moderation_batch_size_count[$__rate_interval]))"},
            ),
        ],
        "Trouble": [
            Panel(
                title="Dead letters",
                description="Events that could not be processed, by reason. `moderation dlq list` shows them. Any is worth a look.",
                unit="short",
                queries={"{{reason}}": "sum by (reason) (increase(moderation_dead_letters_total[$__rate_interval]))"},
            ),
            Panel(
                title="Waits",
                description="Times a worker had to wait and try again, by step: score is the model, file is Redis, publish and relay are Kafka.",
                unit="short",
                queries={"{{step}}": "sum by (step) (increase(moderation_retries_total[$__rate_interval]))"},
            ),
            Panel(
                title="What workers lean on",
                description="On while every worker reaches it. Off: comments wait until it is back.",
                unit="bool_on_off",
                queries={"{{dependency}}": "min by (dependency) (moderation_dependency_up)"},
            ),
            Panel(
                title="Late, against the objective",
                description="Share of comments decided late, over four windows. 14.4% over an hour and 6% over six hours wake somebody.",
                unit="percentunit",
                limit=0.01,
                queries={
                    "5 minutes": "moderation:late:ratio5m",
                    "30 minutes": "moderation:late:ratio30m",
                    "1 hour": "moderation:late:ratio1h",
                    "6 hours": "moderation:late:ratio6h",
                },
            ),
            Panel(
                title="Memory of the workers",
                description="Resident. Over 1 GB with the model that ships is unusual; what grows for days is a leak.",
                unit="bytes",
                queries={"{{instance}}": 'process_resident_memory_bytes{job="moderation-worker"}'},
            ),
            Panel(
                title="Processors of the workers",
                description="Cores in use, by worker. The model takes all it is given.",
                unit="short",
                queries={"{{instance}}": 'rate(process_cpu_seconds_total{job="moderation-worker"}[$__rate_interval])'},
            ),
        ],
    },
)
