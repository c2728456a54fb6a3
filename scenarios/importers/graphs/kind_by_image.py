"""What a container image tells of a service: its kind, and whether it is telemetry.

The image is what runs, so it goes before the name; a name decides only where the image is the team's own.
The lists are common knowledge of the field, no measurement.

Telemetry (collectors, tracing and metrics backends, log shippers, dashboards) is part of the graph: it runs, it
has vulnerabilities, and it is reached from every service. But no request waits for it, so calls from and to it are
soft (`hard: false`).
"""

from __future__ import annotations

import re

from patchpact.scenarios.importers.graphs.kind_by_name import kind_by_name

_BY_IMAGE: dict[str, tuple[str, ...]] = {
    "store": (
        "aerospike", "arangodb", "azure-sql-edge", "azurite", "bitnami-mysql", "cassandra", "chromadb", "clickhouse",
        "clickhouse-server", "cockroach", "couchbase", "couchdb", "dgraph", "dragonfly", "dynamodb-local",
        "elasticsearch", "etcd", "firebird", "foundationdb", "hazelcast", "ignite", "influxdb", "keydb", "mariadb",
        "meilisearch", "memcached", "milvus", "minio", "mongo", "mongodb", "mongodb-community-server", "mssql",
        "mysql", "mysql-server", "neo4j", "opensearch", "oracle", "oracle-free", "oracle-xe", "orientdb", "percona",
        "percona-server", "pgvector", "postgis", "postgres", "postgresql", "postgresql-repmgr", "qdrant", "questdb",
        "ravendb", "redis", "redis-cluster", "redis-stack", "redis-stack-server", "rethinkdb", "rqlite", "scylla",
        "seaweedfs", "solr", "surrealdb", "tidb", "timescaledb", "timescaledb-ha", "typesense", "valkey", "victoria",
        "weaviate", "yugabyte",
    ),
    "queue": (
        "activemq", "activemq-artemis", "activemq-classic", "artemis", "beanstalkd", "cp-kafka", "cp-server",
        "eclipse-mosquitto", "elasticmq", "emqx", "gearmand", "hivemq4", "kafka", "kafka-native", "mosquitto", "nats",
        "nats-server", "nats-streaming", "nsq", "pubsub-emulator", "pulsar", "rabbitmq", "redpanda", "rocketmq",
        "solace-pubsub-standard", "vernemq",
    ),
    "gateway": (
        "apisix", "caddy", "cloudflared", "emissary", "envoy", "haproxy", "kong", "kong-gateway", "krakend",
        "nginx", "nginx-ingress", "nginx-proxy", "nginx-unprivileged", "oauth2-proxy", "openresty", "proxyv2",
        "pomerium", "router", "skipper", "swag", "traefik", "tyk-gateway", "varnish",
    ),
    "frontend": (
        "adminer", "akhq", "flower", "grafana", "kafdrop", "kafka-ui", "kibana", "mongo-express",
        "opensearch-dashboards", "pgadmin4", "phpmyadmin", "portainer-ce", "redis-commander", "redisinsight",
        "redpanda-console",
    ),
    "external": ("artillery", "jmeter", "k6", "locust", "vegeta"),
    "service": (
        "config-server", "consul", "eureka", "keycloak", "mailhog", "maildev", "mailpit", "schema-registry",
        "cp-schema-registry", "cp-kafka-connect", "cp-zookeeper", "vault", "zookeeper",
    ),
}  # fmt: skip
_KIND = {image: kind for kind, images in _BY_IMAGE.items() for image in images}
_CACHES = re.compile(r"(redis|valkey|memcached?|keydb|dragonfly)")
_TELEMETRY = re.compile(
    r"(^|[^a-z0-9])(otel|otelcol|opentelemetry|otel-?collector|jaeger(tracing)?|zipkin|prometheus|alertmanager"
    r"|pushgateway|grafana|loki|tempo|mimir|promtail|alloy|fluentd|fluent-bit|fluentbit|logstash|filebeat|metricbeat"
    r"|kibana|apm-server|skywalking|signoz|statsd|telegraf|cadvisor|node-exporter|datadog|dd-agent|newrelic|kiali"
    r"|[a-z]+[-_]exporter)([^a-z0-9]|$)"
)
_FRONT = {"ui", "web", "webui", "webapp", "www", "frontend", "front", "storefront", "dashboard", "website", "spa"}
_GATE = {"proxy", "gateway", "apigateway", "router", "edge", "loadbalancer", "lb", "bff", "ingress", "balancer"}
_GENERAL = {"cache", "database", "db", "mq", "queue"}
"""First words that say what a service deals with (`queue-master`); as last words they say what it is."""


def image_parts(image: str) -> list[str]:
    """The path of an image reference in lower case, without registry port, tag and digest."""
    path = image.strip().lower().split("@")[0]
    head, _, last = path.rpartition("/")
    return [*(head.split("/") if head else []), last.split(":")[0]]


def kind_of(name: str, image: str) -> str:
    """The kind of a service by its image, else by its name, else `service`."""
    parts = image_parts(image)
    for part in (parts[-1], parts[-2] if len(parts) > 1 and parts[-1] in ("server", "all-in-one") else ""):
        if part in _KIND:
            return _KIND[part]
    if is_telemetry(name, image):
        return "service"
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    last = words[-1] if words else ""
    if last in _GATE:
        return "gateway"
    if known := _kind_by_words(name):
        return known
    if "/" in image and (known := _kind_by_words(parts[-1])) in ("store", "queue", "external"):
        return known
    together = "".join(words)
    return "frontend" if last in _FRONT or words[:1] == ["frontend"] or together in _FRONT else "service"


def _kind_by_words(name: str) -> str | None:
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    return kind_by_name(words[-1] if words and words[0] in _GENERAL else name)


def is_cache(name: str, image: str) -> bool:
    """Whether a store keeps copies only (Redis, Memcached and their like)."""
    parts = image_parts(image)
    return bool(_CACHES.search(parts[-1]) or (parts[-1] not in _KIND and _CACHES.search(name.lower())))


def is_telemetry(name: str, image: str) -> bool:
    """Whether a service only watches the others: no request waits for it."""
    last = image_parts(image)[-1]
    if _KIND.get(last) in ("store", "queue", "gateway"):
        return False
    return bool(_TELEMETRY.search(name.lower()) or _TELEMETRY.search("/".join(image_parts(image)[-2:])))
