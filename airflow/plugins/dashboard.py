"""The dashboard inside Airflow's UI: a link in its navigation, behind it the service's own page in a frame.

The service says which origins may frame it (SERVICE_DASHBOARD_FRAMES) and who may read (SERVICE_DASHBOARD): this plugin
shows what the person's own browser may fetch, and opens nothing. Sign in under the host name that Airflow has in the
browser: cookies of another site are not sent into a frame.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin

# The dashboard as browsers reach it; empty: no link.
VARIABLE = "DASHBOARD_URL"
USUAL = "http://localhost:8090/dashboard"


def views(address: str) -> list[dict[str, Any]]:
    """What the navigation shows: one link, whose name is short because the navigation cuts longer ones."""
    if not address.startswith(("http://", "https://")):
        return []
    return [
        {
            "name": "Model",
            "href": address,
            "url_route": "model",
            "destination": "nav",
            "icon": address.rpartition("/dashboard")[0] + "/static/icon.svg",
        }
    ]


class Dashboard(AirflowPlugin):
    """Found by Airflow in the folder of plugins."""

    name = "dashboard"
    external_views = views(os.environ.get(VARIABLE, USUAL))
