"""What is wrong before any process is started."""

import pytest

from trunkline.platform.settings import InvalidSettings
from trunkline.supervisor import Supervisor


def test_every_charging_process_has_a_port_for_its_metrics() -> None:
    environment = {
        "TRUNKLINE_DATABASES_CHARGING": "postgresql://db1/charging",
        "TRUNKLINE_CHARGING_PROCESSES": "8",
        "TRUNKLINE_CHARGING_METRICS_PORT": "65530",
    }
    with pytest.raises(InvalidSettings) as refused, Supervisor(environment) as supervisor:
        supervisor.start(("charging",))
    assert refused.value.path == "charging.metrics_port"
    assert "65537" in refused.value.reason
