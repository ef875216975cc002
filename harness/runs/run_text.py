"""A run in one line, whatever its protocol."""

from harness.model.metric import SHOWN, shown_quality
from harness.runs.device_under_test import AnyRun
from harness.support.printable import printable


def described(run: AnyRun) -> str:
    """Return what ran, whether it passed, and its quality, for `repr`."""
    image, model = run.image, run.model
    verdict = "failed" if run.failures() else "passed"
    quality = f"{SHOWN[model.metric]} {shown_quality(model.metric, run.quality, model.unit)}"
    return printable(
        f"{model.name} on {run.target.name} ({image.engine}, {image.toolchain.name} "
        f"{image.toolchain.opt}): {verdict}, {quality}"
    )
