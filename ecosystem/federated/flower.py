"""Averaging by Flower: its FedAvg strategy in place of our own line of numpy, for who wants to see both agree.

Tenants' updates, which have their noise already, become the replies that a Flower server would get, and its strategy
aggregates them. Nothing goes over a network here. Needs `pip install patchpact[flower]`.
"""

from __future__ import annotations

import logging

import numpy as np
from flwr.app import ArrayRecord, Message, Metadata, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAvg

from patchpact.ecosystem.federated.persons import Floats

logging.getLogger("flwr").setLevel(logging.WARNING)  # a line for every round

WEIGHT = "num-examples"


def flower_average(weights: Floats, local: Floats, share: Floats) -> Floats:
    """As ``fedavg.weighted_average``, equal to it up to rounding."""
    replies = [_reply(n, local[n], float(share[n])) for n in np.flatnonzero(share > 0.0).tolist()]
    arrays, _ = FedAvg(weighted_by_key=WEIGHT).aggregate_train(1, replies)
    assert arrays is not None  # someone takes part
    averaged: Floats = arrays.to_numpy_ndarrays()[0]
    return averaged


def _reply(tenant: int, model: Floats, share: float) -> Message:
    said = Metadata(
        run_id=0,
        message_id=str(tenant),
        src_node_id=tenant,
        dst_node_id=0,
        reply_to_message_id="",
        group_id="",
        created_at=0.0,
        ttl=1.0,
        message_type="train",
    )
    return Message(
        content=RecordDict({"arrays": ArrayRecord([model]), "told": MetricRecord({WEIGHT: share})}), metadata=said
    )
