"""Deployment files, tracing exports and scanner reports become a service graph, findings and a scenario.

    from patchpact.scenarios.importers.graph_file import graph_json, import_graph

    graph = import_graph([Path("compose.yaml")])      # nodes and edges with evidence, and warnings
    json.dumps(graph_json(graph, "shop"))             # a file for `patchpact.scenarios.load_scenario`

Formats are told by their content (`detect`) in the order of `registry`; each is one module in `graphs` or `reports`.
Importers only read: what is not stated stays open for the loader, which completes it and lists what it assumed.
"""
