"""Model and policy health: what the model reads, how its scores lie, what the policy makes of them."""

from deploy.grafana.panels import Board, Panel, quantiles

MODEL = Board(
    uid="moderation-model",
    title="Moderation: model and policy",
    description="What the model reads and how fast, how its scores lie, and what the policy makes of them.",
    rows={
        "Now": [
            Panel(
                title="Model",
                description="Id and version of the model that scores. Two at once: a deployment is under way.",
                unit="none",
                kind="names",
                queries={"{{id}} {{version}}": "count by (id, version) (moderation_model_info)"},
            ),
            Panel(
                title="Policy",
                description="Id and version of the policy that decides. Two at once: a deployment is under way.",
                unit="none",
                kind="names",
                queries={"{{id}} {{version}}": "count by (id, version) (moderation_policy_info)"},
            ),
            Panel(
                title="Program and reference",
                description="Version of the service and of Python; and where the reference of the scores came from (`seeds` are the authored examples).",
                unit="none",
                kind="names",
                queries={
                    "{{version}}, Python {{python}}": "count by (version, python) (moderation_build_info)",
                    "reference of {{source}}": "count by (source) (moderation_score_reference_comments)",
                },
            ),
        ],
        "The model at work": [
            Panel(
                title="Model time a comment",
                description="Mean seconds over 5 minutes. It grows with long comments, too few cores, or too many threads.",
                unit="s",
                limit=0.25,
                queries={"a comment": "moderation:score_seconds:per_comment5m"},
            ),
            Panel(
                title="Model time a batch",
                description="Seconds the model took for a batch.",
                unit="s",
                queries=quantiles("moderation_score_seconds", 0.5, 0.95),
            ),
            Panel(
                title="Model in use",
                description="Share of the time that the model is at work, a worker. Near 100%: it is the limit, add workers.",
                unit="percentunit",
                queries={"{{instance}}": "rate(moderation_score_seconds_sum[$__rate_interval])"},
            ),
            Panel(
                title="Tokens a comment",
                description="Mean. What readers write gets longer, or the sender has begun to send something else along.",
                unit="short",
                queries={
                    "tokens": "sum(rate(moderation_tokens_scored_total[$__rate_interval])) / sum(rate(moderation_comments_scored_total[$__rate_interval]))"
                },
            ),
            Panel(
                title="Not read again",
                description="Share of comments that came again, or that the student settled (policy: cascade). A leap: one text is pasted everywhere.",
                unit="percentunit",
                queries={
                    "settled by the student": "sum(rate(moderation_comments_settled_total[$__rate_interval]))"
                    " / sum(rate(moderation_comments_scored_total[$__rate_interval]))",
                    "came again": "sum(rate(moderation_comments_cached_total[$__rate_interval]))"
                    " / sum(rate(moderation_comments_scored_total[$__rate_interval]))",
                },
            ),
            Panel(
                title="Filed unscored",
                description="Comments a second that no model has read, because it is broken and the policy says to file them. Should be none.",
                unit="cps",
                queries={"unscored": "sum(rate(moderation_comments_unscored_total[$__rate_interval]))"},
            ),
            Panel(
                title="Model answers",
                description="On while every worker's model scores; off when one refuses even a harmless text.",
                unit="bool_on_off",
                queries={"model": 'min(moderation_dependency_up{dependency="model"})'},
            ),
        ],
        "Scores": [
            Panel(
                title="Scores, by category",
                description="Mean score. A step without news is a step in the input.",
                unit="none",
                queries={
                    "{{category}}": "sum by (category) (rate(moderation_score_sum[$__rate_interval]))"
                    " / sum by (category) (rate(moderation_score_count[$__rate_interval]))"
                },
            ),
            Panel(
                title="Scores for incitement",
                description="How many comments score how high. Most lie at the bottom; a band that moves up is news, or a model that errs.",
                unit="short",
                kind="heatmap",
                queries={"{{le}}": 'sum by (le) (increase(moderation_score_bucket{category="incitement"}[$__rate_interval]))'},
            ),
            Panel(
                title="Drift",
                description="Population stability index of the latest scores against the reference: under 0.1 stable, over 0.25 moved.",
                unit="none",
                limit=0.25,
                queries={"{{category}}": "moderation:score_psi:avg"},
            ),
        ],
        "The policy": [
            Panel(
                title="Sent to a person",
                description="Share of comments that the policy files for review or holds.",
                unit="percentunit",
                queries={
                    "{{action}}": 'sum by (action) (rate(moderation_comments_decided_total{action!="publish"}[$__rate_interval]))'
                    " / scalar(sum(rate(moderation_comments_decided_total[$__rate_interval])))"
                },
            ),
            Panel(
                title="Why, by category",
                description="Comments filed or held a second, by the category that decided.",
                unit="cps",
                queries={"{{category}}": 'sum by (category) (rate(moderation_comments_decided_total{action!="publish"}[$__rate_interval]))'},
            ),
            Panel(
                title="Filed, edited, withdrawn",
                description="Writes to the queue a second, by what became of them. `repeated` and `stale` are events that came again or too late.",
                unit="cps",
                queries={"{{outcome}}": "sum by (outcome) (rate(moderation_comments_filed_total[$__rate_interval]))"},
            ),
        ],
    },
)
