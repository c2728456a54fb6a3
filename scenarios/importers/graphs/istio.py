"""Istio manifests, with the Kubernetes documents they stand among.

Both are read together: a route leads to Services, and only their documents say which workloads those are. What the
Istio documents add is described in `mesh`, what cannot be seen in `kubernetes`. Without the Kubernetes documents,
routes end at the hosts they name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from patchpact.scenarios.importers.graphs import kubernetes
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import ImportedGraph

_ISTIO = re.compile(r"""(?m)["']?apiVersion["']?\s*:\s*["']?(networking|security)\.istio\.io/""")


def detect(text: str, name: str) -> bool:
    """Whether the beginning of a file has a document of Istio's."""
    return bool(_ISTIO.search(text)) and kubernetes.detect(text, name)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files together, Istio's documents and Kubernetes' own. Errors as of `kubernetes.read`."""
    return kubernetes.read(files, root)
