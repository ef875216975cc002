"""Custom operators that TFLM has, in the engine's C on this machine, against TFLM.

`make fuzz` runs as many graphs of each kind as the variable FUZZ says.
"""

import pytest

from tests.support import campaign, operators_custom
from tests.support.engine_host import Host


@pytest.mark.timeout(campaign.TIMEOUT)
@pytest.mark.parametrize("kind", operators_custom.MAKERS)
def test_any_graph_of_a_custom_operator_equals_tflm(host: Host, kind: str) -> None:
    campaign.check(host, kind, operators_custom.build)
