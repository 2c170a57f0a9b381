"""Why Kafka cannot be reached. aiokafka's clients say no more than that no broker could be; a connection of our own says why."""

from collections.abc import Iterable

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedSaslMechanismError

from moderation.broker.cluster import Cluster
from moderation.errors import BrokerUnavailable

PROBE_TIMEOUT_MS = 3000


async def unavailable(cluster: Cluster, error: BaseException) -> BrokerUnavailable:
    """What to raise for a failed call: the error's name, or what the brokers answer when none could be reached."""
    if type(error) is not KafkaConnectionError:
        return BrokerUnavailable(type(error).__name__)
    return BrokerUnavailable("; ".join(dict.fromkeys(await _answers(cluster))) or type(error).__name__)


async def _answers(cluster: Cluster) -> Iterable[str]:
    found = []
    for host, port, _ in collect_hosts(list(cluster.servers)):
        try:
            connection = await create_conn(host, port, request_timeout_ms=PROBE_TIMEOUT_MS, **cluster.security())
        except (KafkaError, OSError, TimeoutError) as error:
            found.append(f"{host}:{port} {_named(error, cluster)}")
        else:
            connection.close()
    return found


def _named(error: BaseException, cluster: Cluster) -> str:
    """The error's name, and what it says beyond that: a refused password or certificate has to be told from a broker that is down."""
    if isinstance(error, UnsupportedSaslMechanismError) and cluster.sasl:
        return f"{type(error).__name__}: {cluster.sasl.mechanism}"
    root = error.__cause__ or error  # what closed the connection says more than that it is closed
    said = str(root.args[-1]) if root.args else ""
    return f"{type(root).__name__}: {said}" if said else type(root).__name__
