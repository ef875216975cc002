"""The entry point by which pyOCD finds virtual boards.

pyOCD loads every probe plugin while `import pyocd` is still running, so nothing of
it but the plugin's base class may be imported here.
"""

from pyocd.core.plugin import Plugin


class VirtualProbePlugin(Plugin):  # type: ignore[misc]
    """Names the probe class, which is imported when it is asked for."""

    def load(self) -> type:
        """Return the probe class."""
        from harness.simulator.pyocd_probe import VirtualProbe  # noqa: PLC0415 - see above

        return VirtualProbe

    @property
    def name(self) -> str:
        """The prefix of a probe id that names this kind of probe."""
        return "virtual"

    @property
    def description(self) -> str:
        """What the plugin is."""
        return "Virtual boards of tinyml-harness"
