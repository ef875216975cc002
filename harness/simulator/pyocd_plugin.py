"""The entry point through which pyOCD finds virtual boards.

pyOCD loads all probe plugins while `import pyocd` is still running. This module may therefore
import nothing of pyOCD but the base class of plugins.
"""

from pyocd.core.plugin import Plugin


class VirtualProbePlugin(Plugin):  # type: ignore[misc]
    """Provides the probe class, which is imported on demand."""

    def load(self) -> type:
        """Return the probe class."""
        from harness.simulator.pyocd_probe import VirtualProbe  # noqa: PLC0415 - see above

        return VirtualProbe

    @property
    def name(self) -> str:
        """The prefix of a probe ID that selects this kind of probe."""
        return "virtual"

    @property
    def description(self) -> str:
        """The description that pyOCD shows."""
        return "Virtual boards of tinyml-harness"
