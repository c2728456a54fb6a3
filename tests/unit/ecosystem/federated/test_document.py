"""The page's results are those of the table."""

import importlib.util
from pathlib import Path

from patchpact.scenarios.tables import bundled, read_table


def test_the_page_s_results_are_the_table_s(repository: Path) -> None:
    spec = importlib.util.spec_from_file_location("write_federated", repository / "tools" / "write_federated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (repository / "docs" / "federated.md").read_text(encoding="utf-8")
    assert text.count("<!-- results:begin -->") == text.count("<!-- results:end -->") == 1
    assert module.results(read_table(bundled("federated"))) in text
    assert module.written(text, read_table(bundled("federated"))) == text
