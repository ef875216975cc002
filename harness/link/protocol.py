"""What host and firmware speak, and how inputs reach the device."""

from typing import Literal

Protocol = Literal["link", "mlperf-tiny"]
"""The harness's own link, or MLPerf Tiny's text protocol."""

InputVia = Literal["serial", "debug"]
"""Inputs are sent over the serial line, or written into RAM through the debug port."""
