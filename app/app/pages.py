"""The two pages for people. Every value that is shown is escaped; every file they name is the service's own."""

from __future__ import annotations

import json
import shlex
from html import escape
from typing import TYPE_CHECKING, Any, Final

from model.derived.docs import allowed
from model.derived.request import example_request
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.serving import Serving
    from app.state import RefusedChampion
    from model.contract import Column, Contract, Label

SHOWN_LABELS: Final = 20

_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="static/icon.svg" type="image/svg+xml">
"""

DOCUMENTATION: Final = f"""{_HEAD}<title>Prediction service: API</title>
<link rel="stylesheet" href="static/swagger-ui/swagger-ui.css">
<link rel="stylesheet" href="static/documentation.css">
</head>
<body>
<div id="documentation"></div>
<noscript><p>This page needs JavaScript; what it shows is <a href="openapi.json">openapi.json</a>.</p></noscript>
<script src="static/swagger-ui/swagger-ui-bundle.js"></script>
<script src="static/documentation.js"></script>
</body>
</html>
"""


def overview(serving: Serving | None, refused: RefusedChampion | None, address: str) -> str:
    """What is being served, and how to ask it: the page at `/`. `address`: the service's, with its final slash."""
    name = serving.bundle.contract.name if serving else "no model yet"
    body = _served(serving, address) if serving else _NOTHING_SERVED
    return f"""{_HEAD}<title>Prediction service: {escape(name)}</title>
<link rel="stylesheet" href="static/overview.css">
</head>
<body>
<main>
{_warning(refused)}{body}<nav><a href="docs">API documentation</a> <a href="openapi.json">openapi.json</a>
<a href="health/ready">readiness</a></nav>
</main>
</body>
</html>
"""


_NOTHING_SERVED: Final = """<h1>No model is served yet</h1>
<p>Start the DAG <code>1_training_pipeline</code>, or run <code>python -m model train</code>.
The model is taken up without a restart.</p>
"""


def _warning(refused: RefusedChampion | None) -> str:
    if refused is None:
        return ""
    return f"<p class='warning'>Version {escape(refused.version)} was refused: {escape(refused.message)}.</p>\n"


def _served(serving: Serving, address: str) -> str:
    contract = serving.bundle.contract
    return f"""<h1>{escape(contract.name)}</h1>
<p>{escape(contract.description)}</p>
<dl>
<div><dt>version</dt><dd>{escape(serving.version)}</dd></div>
<div><dt>predicts</dt><dd>{escape(_predicts(contract))}</dd></div>
</dl>
<h2>On rows it never saw</h2>
<dl>
{_measures(serving.bundle.metrics)}</dl>
<h2>Ask it</h2>
<pre>{escape(curl(contract, address))}</pre>
<h2>Columns</h2>
<table>
<thead><tr><th>column</th><th>values</th><th>unit</th><th>description</th></tr></thead>
<tbody>
{"".join(_row(column) for column in contract.columns)}</tbody>
</table>
"""


def _predicts(contract: Contract) -> str:
    labels = ", ".join(map(_named, contract.target.labels[:SHOWN_LABELS]))
    return bounded(f"{contract.target.name}: {labels or 'a number'}")


def _named(label: Label) -> str:
    return label.name if label.name == str(label.value) else f"{label.value} ({label.name})"


def _measures(metrics: Mapping[str, Any]) -> str:
    """The figures of the hold-out, with their 95 % intervals, where the bundle has them."""
    return "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{_figure(measured)}</dd></div>\n"
        for name, measured in metrics.get("holdout", {}).items()
    )


def _figure(measured: Mapping[str, float]) -> str:
    return "{value:.3f} <small>[{low:.3f}, {high:.3f}]</small>".format_map(measured)


def _row(column: Column) -> str:
    fed = "" if column.role == "feature" else " (not fed to the model)"
    cells = (column.name, allowed(column), column.unit, column.description + fed)
    return f"<tr>{''.join(f'<td>{escape(bounded(cell, 300))}</td>' for cell in cells)}</tr>\n"


def curl(contract: Contract, address: str) -> str:
    """A command to be pasted into a shell: the contract's own example, sent to this service."""
    body = json.dumps(example_request(contract), ensure_ascii=False)
    url = shlex.quote(f"{address}get_prediction")
    return f"curl -X POST {url} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"
