"""Random graphs around one layer of a network that computes with float32."""

from collections.abc import Mapping

from tests.support.operator_parts import Make

MAKERS: Mapping[str, Make] = {}
