"""What several unit tests share."""

import pytest

from tests.engine_host import Host


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("cmsis_nn"))
