"""The dashboard in Airflow's UI, as Airflow itself loads the plugin."""

from __future__ import annotations

import pytest
from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse

from airflow import plugins_manager


def test_airflow_loads_the_plugin_and_shows_one_link_to_the_dashboard() -> None:
    (plugin,) = (one for one in plugins_manager.get_plugin_info() if one["name"] == "dashboard")
    links = plugin["external_views"]
    assert [view["href"] for view in links] == ["http://localhost:8090/dashboard"]
    shown = ExternalViewResponse.model_validate(links[0])
    assert (shown.name, shown.destination) == ("Model", "nav")
    assert len(shown.name) <= 8  # what the navigation does not cut
    assert not plugins_manager.get_import_errors()


@pytest.mark.parametrize("address", ["", "off", "javascript:alert(1)", "//x"])
def test_an_address_that_is_none_gives_no_link(address: str) -> None:
    from dashboard import views

    assert views(address) == []


def test_the_icon_is_the_services_own() -> None:
    from dashboard import views

    (view,) = views("https://models.example/prefix/dashboard")
    assert view["icon"] == "https://models.example/prefix/static/icon.svg"
