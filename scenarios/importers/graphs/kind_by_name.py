"""What the name of a service tells of it, where the source says nothing more.

Tracing backends and drawn graphs know names only. A name whose first or last part is the name of a known
database or broker (`orders-db`, `redis`, `kafka:9092`) is a store or a queue. The lists are common knowledge of the
field, no measurement; what they say is marked in the evidence and can be corrected by an overlay.
"""

from __future__ import annotations

import re

_STORES = {
    "aerospike", "aurora", "cache", "cassandra", "clickhouse", "cockroach", "cockroachdb", "couchbase", "couchdb",
    "database", "db", "dynamodb", "elasticsearch", "etcd", "firestore", "influxdb", "mariadb", "memcache", "memcached",
    "minio", "mongo", "mongodb", "mssql", "mysql", "neo4j", "opensearch", "oracle", "postgres", "postgresql", "redis",
    "s3", "scylla", "solr", "sqlite", "sqlserver", "timescaledb", "valkey",
}  # fmt: skip
_CACHES = {"cache", "memcache", "memcached", "redis", "valkey"}
_QUEUES = {
    "activemq", "artemis", "eventhub", "kafka", "kinesis", "mosquitto", "mq", "mqtt", "nats", "pubsub", "pulsar",
    "queue", "rabbit", "rabbitmq", "redpanda", "servicebus", "sns", "sqs",
}  # fmt: skip
_GATEWAYS = {"gateway", "ingress", "ingressgateway"}
_FRONTENDS = {"frontend", "storefront", "webapp", "webui"}
_PARTS_OF_CLIENTS = {
    "backup", "client", "consumer", "controller", "dashboard", "exporter", "migration", "migrations", "operator",
    "producer", "service", "svc", "ui", "worker",
}  # fmt: skip
"""A last part that makes `kafka-consumer` no queue."""
_LOAD = re.compile(
    r"(?i)(^|[^a-z])(load-?_?(gen|generator|test|tester)|locust|jmeter|gatling|k6|vegeta|artillery)($|[^a-z])"
)


def kind_by_name(name: str) -> str | None:
    """`store`, `queue`, `gateway`, `frontend` or, for load generators, `external`; None where the name says nothing."""
    if _LOAD.search(name):
        return "external"
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part and not part.isdigit()]
    if not parts or parts[-1] in _PARTS_OF_CLIENTS:
        return None
    ends = {re.sub(r"\d+$", "", part) or part for part in (parts[0], parts[-1])} | {parts[0], parts[-1]}
    if ends & _STORES:
        return "store"
    if ends & _QUEUES:
        return "queue"
    if parts[-1] in _GATEWAYS:
        return "gateway"
    return "frontend" if ends & _FRONTENDS else None


def call_kind(target: str) -> str | None:
    """`cache`, `db` or `queue` where the callee's name tells it; None elsewhere."""
    kind = kind_by_name(target)
    if kind == "store":
        parts = set(re.split(r"[^a-z0-9]+", target.lower()))
        return "cache" if parts & _CACHES else "db"
    return "queue" if kind == "queue" else None
