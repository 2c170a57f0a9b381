"""Queue and moderators: what waits for a person, and what people do."""

from deploy.grafana.panels import Board, Panel, quantiles

ASKED = '{route!~"/(metrics|livez|readyz)"}'  # by people and machines; Prometheus and the probes ask all the time

MODERATORS = Board(
    uid="moderation-moderators",
    title="Moderation: queue and moderators",
    description="What waits for a person, for how long, and what people decide.",
    rows={
        "Now": [
            Panel(
                title="Items in the queue",
                description="Waiting (ready), claimed by a moderator (leased), put aside (held).",
                unit="short",
                kind="number",
                queries={"{{state}}": "max by (state) (moderation_queue_depth)"},
            ),
            Panel(
                title="Oldest incitement",
                description="How long the oldest comment filed for incitement has waited. Over 5 minutes somebody is called.",
                unit="s",
                kind="number",
                limit=300,
                queries={"waited": 'max(moderation_queue_oldest_by_category_seconds{category="incitement"}) or vector(0)'},
            ),
            Panel(
                title="Verdicts not in Kafka yet",
                description="They wait in the outbox. More than a few for more than a minute: the relay or Kafka is in trouble.",
                unit="short",
                kind="number",
                queries={"verdicts": "max(moderation_outbox_depth)"},
            ),
        ],
        "What waits": [
            Panel(
                title="Oldest, against its target",
                description="How long the oldest item of each severity has waited, as a share of how long it may. Over 100% is too long.",
                unit="percentunit",
                limit=1,
                queries={"{{item_severity}}": "moderation:queue_oldest_seconds:max / on(item_severity) moderation:queue_target_seconds"},
            ),
            Panel(
                title="Oldest, by category",
                description="How long the oldest item of each category has waited, in whatever language or section it was written.",
                unit="s",
                queries={"{{category}}": "max by (category) (moderation_queue_oldest_by_category_seconds)"},
            ),
            Panel(
                title="Waiting, by category",
                description="Items that no moderator has, by the category of their most urgent reason.",
                unit="short",
                queries={"{{category}}": "max by (category) (moderation_queue_ready)"},
            ),
        ],
        "What people do": [
            Panel(
                title="Steps in the queue",
                description="A second, by kind. `lapsed` is a claim that ran out: somebody took an item and did nothing.",
                unit="cps",
                queries={"{{step}}": "max by (step) (rate(moderation_queue_steps_total[$__rate_interval]))"},
            ),
            Panel(
                title="Claims that ran out",
                description="Of all claims. Over a tenth: leases are too short (MODERATION_LEASE_SECONDS), or moderators leave.",
                unit="percentunit",
                limit=0.1,
                queries={"ran out": 'max(moderation_queue_steps_total{step="lapsed"}) / max(moderation_queue_steps_total{step="claimed"})'},
            ),
            Panel(
                title="Verdicts",
                description="A minute, by kind, those taken back left out.",
                unit="short",
                queries={"{{verdict}}": '60 * sum by (verdict) (rate(moderation_verdicts_total{undone="false"}[$__rate_interval]))'},
            ),
            Panel(
                title="From filed to a verdict",
                description="Seconds an item waited and was looked at, over the verdicts of the last day.",
                unit="s",
                queries={
                    name: query.replace("$__rate_interval", "1d") for name, query in quantiles("moderation_verdict_seconds", 0.5, 0.9, by="category").items()
                },
            ),
            Panel(
                title="Overturned",
                description="Of what was filed for a category, the share that moderators approved in the last day. Over half: the threshold is too low.",
                unit="percentunit",
                limit=0.5,
                queries={"{{category}}": "moderation:overturned:ratio1d"},
            ),
            Panel(
                title="Memory of Redis",
                description="In use, of what it may use. Full, it refuses items, and comments wait in Kafka.",
                unit="percentunit",
                limit=0.85,
                queries={"in use": "moderation:redis_memory:ratio"},
            ),
        ],
        "The console": [
            Panel(
                title="Requests",
                description="Answers of the web apps a second, by status; probes are left out. 5xx: Redis or Kafka is away, or a bug: see the log.",
                unit="cps",
                queries={"{{status}}": f"sum by (status) (rate(moderation_web_requests_total{ASKED}[$__rate_interval]))"},
            ),
            Panel(
                title="Time to an answer",
                description="Seconds until the web apps began their answers. Moderators notice one second.",
                unit="s",
                limit=1,
                queries=quantiles("moderation_web_seconds", 0.5, 0.95, 0.99, where=ASKED),
            ),
            Panel(
                title="Slowest routes",
                description="The five routes with the longest 95th percentile. `/api/v1/score` waits for the model, the others for Redis.",
                unit="s",
                queries={name: f"topk(5, {query})" for name, query in quantiles("moderation_web_seconds", 0.95, by="route", where=ASKED).items()},
            ),
            Panel(
                title="Log-ins",
                description="By what became of them. Many refused or locked: somebody guesses passwords, or has forgotten one.",
                unit="short",
                queries={"{{outcome}}": "sum by (outcome) (increase(moderation_logins_total[$__rate_interval]))"},
            ),
            Panel(
                title="Consoles open",
                description="Browsers that listen for changes of the queue, on all web apps.",
                unit="short",
                queries={"listening": "sum(moderation_web_watchers)"},
            ),
            Panel(
                title="Memory of the web apps",
                description="Resident. The model is loaded with the first text that is scored over HTTP: then it is as large as a worker's.",
                unit="bytes",
                queries={"{{instance}}": 'process_resident_memory_bytes{job="moderation-web"}'},
            ),
        ],
    },
)
