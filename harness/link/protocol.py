"""The protocols between host and firmware, and the ways to transfer inputs to the device."""

from typing import Literal

Protocol = Literal["link", "mlperf-tiny"]
"""The harness's own link, or MLPerf Tiny's text protocol."""

InputVia = Literal["serial", "debug"]
"""Inputs are sent over the serial line, or written to RAM through the debug port."""

InputChoice = Literal["auto", "serial", "debug"]
"""What a user asks for: one of these, or the one that is faster."""

CarrierName = Literal["serial", "rtt"]
"""What carries the link: the serial line, or RTT through the device's memory."""
