"""Every way to secure and to find Kafka and Redis, once for real: comments go in, a worker decides them and files what needs a person."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from moderation.embedded import EmbeddedServer, free_port
from moderation.review.connect import connect
from tests.certificates import Authority
from tests.servers import ApacheKafka, Program, debian_redis
from tests.service import Service, Worker, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

PASSWORD = "opensesame"
KEY_PASSWORD = "mellon"
MODULES = "org.apache.kafka.common.security"


class SecureKafka:
    """One broker that listens in the clear, with TLS, with TLS for those who show a certificate, and with TLS and SASL."""

    def __init__(self, folder: Path) -> None:
        self._authority = Authority(folder)
        (folder / "stranger").mkdir()
        self._stranger = Authority(folder / "stranger")
        self._ports = {name: free_port() for name in ("TLS", "MTLS", "SASL")}
        certificate, key = self._authority.issue("127.0.0.1")
        self._client = self._authority.issue("worker", KEY_PASSWORD)
        store = folder / "server.pem"
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        properties = [
            "inter.broker.listener.name=PLAINTEXT",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MTLS:SSL,SASL:SASL_SSL",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={store}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self._authority.ca_file}",
            "listener.name.mtls.ssl.client.auth=required",
            "listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
            f'listener.name.sasl.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required user_reader="{PASSWORD}";',
            f"listener.name.sasl.scram-sha-512.sasl.jaas.config={MODULES}.scram.ScramLoginModule required;",
        ]
        scram = f"--add-scram=SCRAM-SHA-512=[name=reader,password={PASSWORD}]"
        self.kafka = ApacheKafka(folder, properties=properties, formatting=[scram], listeners=self._ports)

    def settings(self, way: str) -> dict[str, str]:
        """The MODERATION_* settings of a way in, or of a mistake."""
        certificate, key = self._client
        tls = {"KAFKA_SECURITY": "ssl", "KAFKA_CA_FILE": str(self._authority.ca_file)}
        sasl = {**tls, "KAFKA_SECURITY": "sasl_ssl", "KAFKA_USERNAME": "reader", "KAFKA_PASSWORD": PASSWORD}
        mutual = {"KAFKA_CERT_FILE": str(certificate), "KAFKA_KEY_FILE": str(key), "KAFKA_KEY_PASSWORD": KEY_PASSWORD}
        listener, found = {
            "ssl": ("TLS", tls),
            "mutual ssl": ("MTLS", tls | mutual),
            "plain": ("SASL", sasl | {"KAFKA_SASL": "PLAIN"}),
            "scram": ("SASL", sasl | {"KAFKA_SASL": "SCRAM-SHA-512"}),
            "another authority": ("TLS", tls | {"KAFKA_CA_FILE": str(self._stranger.ca_file)}),
            "no certificate": ("MTLS", tls),
            "wrong plain password": ("SASL", sasl | {"KAFKA_SASL": "PLAIN", "KAFKA_PASSWORD": "guess"}),
            "wrong scram password": ("SASL", sasl | {"KAFKA_SASL": "SCRAM-SHA-512", "KAFKA_PASSWORD": "guess"}),
            "another mechanism": ("SASL", sasl | {"KAFKA_SASL": "SCRAM-SHA-256"}),
        }[way]
        return {f"MODERATION_{name}": value for name, value in found.items()} | {"MODERATION_KAFKA_URL": f"kafka://127.0.0.1:{self._ports[listener]}"}


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    found = SecureKafka(tmp_path_factory.mktemp("secure"))
    with found.kafka:
        yield found


@pytest.mark.parametrize("way", ["ssl", "mutual ssl", "plain", "scram"])
async def test_kafka_is_reached_securely(secure_kafka: SecureKafka, redis_url: str, tmp_path: Path, way: str) -> None:
    service = Service(secure_kafka.kafka.address, redis_url, tmp_path, **secure_kafka.settings(way))
    await service.topics()
    await decides_and_files(service)


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("another authority", "SSLCertVerificationError: .*certificate verify failed"),
        ("no certificate", "SSLError: .*alert (bad certificate|certificate required)"),  # the broker's Java chooses; newer ones follow TLS 1.3 here
        ("wrong plain password", "SaslAuthenticationFailed: .*Invalid username or password"),
        ("wrong scram password", "SaslAuthenticationFailed: .*invalid credentials"),
        ("another mechanism", "UnsupportedSaslMechanismError: SCRAM-SHA-256"),
    ],
)
async def test_a_refused_worker_waits_and_says_why(secure_kafka: SecureKafka, redis_url: str, tmp_path: Path, way: str, cause: str) -> None:
    service = Service(secure_kafka.kafka.address, redis_url, tmp_path, **secure_kafka.settings(way))
    worker = service.start()
    try:
        assert "kafka" in await worker.answers("/readyz", 503)
        await logged(worker, cause)
        assert "guess" not in worker.tail()
        assert await worker.terminate() == 0
    finally:
        service.stop()


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Redis that wants a certificate of its clients and knows one user; the settings of that user."""
    authority = Authority(tmp_path)
    (server, server_key), (client, client_key) = authority.issue("127.0.0.1"), authority.issue("worker")
    port = free_port()
    tls = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", server, "--tls-key-file", server_key, "--tls-ca-cert-file", authority.ca_file]
    users = ["--user", "default", "off", "--user", "queue", "on", f">{PASSWORD}", "~*", "+@all"]
    with debian_redis(tmp_path, port, *map(str, tls), "--tls-auth-clients", "yes", *users):
        yield {
            "redis_url": f"rediss://queue:{PASSWORD}@127.0.0.1:{port}/0",
            "redis_ca_file": str(authority.ca_file),
            "redis_cert_file": str(client),
            "redis_key_file": str(client_key),
        }


async def test_redis_is_reached_with_tls_a_certificate_and_a_user(apache_kafka: ApacheKafka, tmp_path: Path, ways: dict[str, str]) -> None:
    service = Service(apache_kafka.address, ways.pop("redis_url"), tmp_path, **ways)
    await service.topics()
    await decides_and_files(service)


async def test_a_wrong_redis_password_is_waited_for_and_reported(apache_kafka: ApacheKafka, tmp_path: Path, ways: dict[str, str]) -> None:
    service = Service(apache_kafka.address, ways.pop("redis_url").replace(PASSWORD, "guess"), tmp_path, **ways)
    worker = service.start()
    try:
        assert "redis" in await worker.answers("/readyz", 503)
        await logged(worker, "AuthenticationError")
        assert "guess" not in worker.tail()
    finally:
        service.stop()


class Watched:
    """A master, a replica that follows it, and a sentinel that replaces the master when it dies; all with passwords."""

    def __init__(self, folder: Path) -> None:
        words = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        self.master = debian_redis(folder, 0, *words)
        self.replica = debian_redis(folder, 0, *words, "--replicaof", "127.0.0.1", str(self.master.port))
        port = free_port()
        file = folder / "sentinel.conf"
        lines = [f"port {port}", "bind 127.0.0.1", f"requirepass {KEY_PASSWORD}", f"dir {folder}", f"sentinel monitor comments 127.0.0.1 {self.master.port} 1"]
        lines += [f"sentinel auth-pass comments {PASSWORD}", "sentinel down-after-milliseconds comments 1000", "sentinel failover-timeout comments 5000"]
        file.write_text("\n".join(lines) + "\n")
        command = ["redis-server", str(file), "--sentinel"]
        self.sentinel = Program(port, lambda: EmbeddedServer("sentinel", command, port, folder / "sentinel.out"))

    async def ready(self) -> bool | None:
        """The sentinel knows the replica, which has all that the master has."""
        async with (
            untyped(self.sentinel, KEY_PASSWORD) as sentinel,
            untyped(self.master, PASSWORD, single_connection_client=True) as master,
        ):
            known = await sentinel.sentinel_slaves("comments")
            await master.set("marker", 1)
            followed = await master.wait(1, 100)
            return (len(known) == 1 and followed == 1) or None


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    found = Watched(tmp_path)
    with found.master, found.replica, found.sentinel:
        await until(found.ready, "the sentinel to know the replica")
        yield found


async def test_when_the_master_dies_the_service_goes_on_with_its_replica(apache_kafka: ApacheKafka, tmp_path: Path, watched: Watched) -> None:
    url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{watched.sentinel.port}/comments/0"
    service = Service(apache_kafka.address, url, tmp_path, redis_sentinel_password=KEY_PASSWORD)
    await service.topics()
    worker = service.start()
    try:
        await service.send(comments("before"))
        await service.decided_ids(ids("before"))
        await until(watched.ready, "the replica to have it all")  # replication is asynchronous: what it has not yet seen would go with the master
        watched.master.kill()
        await service.send(comments("after"))
        await service.decided_ids(ids("before") | ids("after"))
        assert sorted(w.item.comment.comment_id for w in await service.waiting()) == ["after-0", "after-10", "before-0", "before-10"]
        await worker.answers("/readyz", 200)
    finally:
        service.stop()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[list[Program]]:
    """Three masters, each with a third of the slots."""
    nodes, buses = [], [free_port() for _ in range(3)]
    with ExitStack() as stack:
        for bus in buses:
            more = ["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000", "--cluster-announce-ip", "127.0.0.1"]
            nodes.append(stack.enter_context(debian_redis(tmp_path, 0, *more)))
        clients = [untyped(node) for node in nodes]
        for i, client in enumerate(clients):
            await client.execute_command("CLUSTER", "ADDSLOTSRANGE", 5461 * i, 16383 if i == 2 else 5461 * (i + 1) - 1)
            await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            await clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)

        async def whole() -> bool | None:
            infos = [await client.execute_command("CLUSTER", "INFO") for client in clients]
            return all("cluster_state:ok" in str(i) and "cluster_known_nodes:3" in str(i) for i in infos) or None

        await until(whole, "the cluster")
        for client in clients:
            await client.aclose()
        yield nodes


def untyped(server: Program, password: str | None = None, **options: Any) -> Any:
    return Redis(port=server.port, password=password, **options)


async def test_scripts_with_one_key_run_in_a_cluster_alone_and_in_a_pipeline(cluster: list[Program]) -> None:
    client: Any = connect(f"redis+cluster://127.0.0.1:{cluster[0].port},127.0.0.1:{cluster[1].port}")
    script = "redis.call('INCR', KEYS[1] .. ':one'); return redis.call('INCR', KEYS[1] .. ':two')"
    try:
        for prefix in ("{a}", "{b}", "{c}", "{moderation}"):
            digest = await client.script_load(script)  # to every node
            async with client.pipeline(transaction=False) as pipe:
                for _ in range(10):
                    pipe.execute_command("EVALSHA", digest, 1, prefix)
                assert await pipe.execute() == list(range(1, 11))
            assert await client.evalsha(digest, 1, prefix) == 11
            assert await client.ping()
        await client.script_flush()
        with pytest.raises(NoScriptError):
            await client.evalsha(digest, 1, "{a}")
        pipe = client.pipeline(transaction=False).execute_command("EVALSHA", digest, 1, "{a}")
        with pytest.raises(NoScriptError):
            await pipe.execute()
    finally:
        await client.aclose()


async def test_the_service_files_in_a_cluster(apache_kafka: ApacheKafka, tmp_path: Path, cluster: list[Program]) -> None:
    service = Service(apache_kafka.address, f"redis+cluster://127.0.0.1:{cluster[0].port}", tmp_path)
    await service.topics()
    await decides_and_files(service)


def comments(name: str) -> list[dict[str, Any]]:
    """Twenty comments; the first and the eleventh need a person."""
    return [{"comment_id": f"{name}-{i}", "text": "hello" if i % 10 else "fake:incitement=0.9"} for i in range(20)]


def ids(name: str) -> set[str]:
    return {comment["comment_id"] for comment in comments(name)}


async def decides_and_files(service: Service) -> None:
    """A worker takes the comments, decides them all and files the two."""
    await service.send(comments("c"))
    worker = service.start()
    try:
        assert set(await service.decided_ids(ids("c"))) == ids("c")
        assert sorted(w.item.comment.comment_id for w in await service.waiting()) == ["c-0", "c-10"]
        await worker.answers("/readyz", 200)
        assert await worker.terminate() == 0
    finally:
        service.stop()


async def logged(worker: Worker, pattern: str) -> None:
    """The worker says that it waits, and why."""

    async def said() -> bool | None:
        waiting = [line for line in worker.log.read_text().splitlines() if '"event": "waiting"' in line]
        return any(re.search(pattern, line) for line in waiting) or None

    await until(said, f"{pattern}\n{worker.tail()}")
