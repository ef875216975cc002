"""All blocks, by the name that a page gives in its marker."""

from collections.abc import Mapping
from functools import partial

from docs.numbers import image_blocks, model_blocks, operator_blocks, run_blocks
from docs.numbers.block import Block
from docs.numbers.run_blocks import COMPILERS, CORES, PROFILED, VIRTUAL

MODELS = ("anomaly", "digits", "faces", "gesture", "vowels")

_COUNTED = ("harness/elf.py", "harness/measure/*.py")
_ESTIMATED = ("harness/measure/cycles/*.*", "harness/runs/cycle_estimate.py")
_TABLE = ("harness/report/terminal_table.py", "harness/report/terminal_lines.py")
_PRINTED = ("harness/report/plain_text.py", *_TABLE)
_QUALITY = ("harness/measure/quality.py", "harness/model/metric.py", "harness/engines/macs.py")
_RUN = (
    *_COUNTED,
    *_ESTIMATED,
    *_PRINTED,
    "harness/report/runs_table.py",
    "harness/report/runs_legend.py",
)

BLOCKS: Mapping[str, Block] = {
    "runs": Block(
        run_blocks.runs, images=tuple((VIRTUAL, model) for model in MODELS), sources=_RUN
    ),
    "digits": Block(run_blocks.digits, images=((VIRTUAL, "digits"),), sources=_RUN),
    "layers": Block(
        run_blocks.layers,
        images=((VIRTUAL, PROFILED),),
        sources=(
            *_COUNTED,
            *_TABLE,
            "harness/runs/layer_profile.py",
            "harness/report/profile_table.py",
        ),
    ),
    "growth": Block(
        image_blocks.growth,
        images=((VIRTUAL, "digits"),),
        sources=(
            *_TABLE,
            "harness/elf.py",
            "harness/image/memory_use.py",
            "harness/report/memory_table.py",
        ),
    ),
    "small-ram": Block(
        run_blocks.small_ram, images=((CORES["M0"], "digits"),), sources=("harness/elf.py",)
    ),
    "cores": Block(
        run_blocks.cores,
        images=tuple((target, "digits") for target in CORES.values()),
        toolchains=COMPILERS,
        sources=_COUNTED,
        cheap=False,
    ),
    "sweep": Block(
        run_blocks.sweep,
        images=((VIRTUAL, "digits"),),
        toolchains=COMPILERS,
        sources=(*_COUNTED, *_ESTIMATED, *_PRINTED, "harness/report/sweep_table.py"),
        cheap=False,
    ),
    "operators": Block(
        operator_blocks.operators,
        sources=(
            "docs/numbers/operator_blocks.py",
            "harness/golden/proven_operators.py",
            "harness/golden/tflm_arithmetic.py",
            "tests/support/covered_types.py",
            "tests/support/graphs.py",
            "tests/support/operator*.py",
        ),
    ),
    "missing-kernels": Block(
        operator_blocks.missing_kernels,
        sources=(
            "harness/engines/cmsis_nn/not_supported.py",
            "harness/engines/cmsis_nn/tflm_limits.py",
        ),
    ),
    "models": Block(model_blocks.bundled_models, models=MODELS, sources=_QUALITY),
    **{
        f"model-{model}": Block(
            partial(model_blocks.one_model, name=model), models=(model,), sources=_QUALITY
        )
        for model in MODELS
    },
}
