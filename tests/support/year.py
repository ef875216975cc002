"""Made-up Records of a nightly job, in realistic number and size."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from harness.measure.number import Kind, Number
from harness.results.record import SCHEMA, Host, ImageInfo, ModelInfo, Record, TargetInfo
from harness.support.git_commit import Commit

MODELS = {  # instructions, flash, RAM
    "anomaly": (136_855, 34_892, 12_192),
    "digits": (4_379_312, 41_688, 22_008),
    "faces": (249_811, 18_208, 14_744),
    "gesture": (637_578, 25_752, 14_664),
    "vowels": (436_491, 24_480, 14_808),
}
TARGETS = ("virtual-stm32", "qemu-stm32", "nucleo-f429zi")
SILICON = "nucleo-f429zi"
VECTORS = 200
FIRST = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
STEP = 0.6  # share of the nights after which digits takes 3 % more


def year(nights: int = 365, seed: int = 0) -> Iterator[Record]:
    """Yield a record for each night, target and model; equal for equal `seed`."""
    generator = random.Random(seed)
    for night in range(nights):
        for number, target in enumerate(TARGETS):
            for model in MODELS:
                started = FIRST + timedelta(days=night, minutes=number)
                worse = 1.03 if model == "digits" and night >= STEP * nights else 1.0
                yield made_up(generator, started, target, model, worse)


def write_year(folder: Path, nights: int = 365) -> int:
    """Write the records of a year to `folder`; return how many there are."""
    folder.mkdir(parents=True)
    count = 0
    for record in year(nights):
        # Unknown keys, as large as real layers and symbols.
        whole = msgspec.to_builtins(record) | {
            "later_layers": [
                {"operator": "CONV_2D", "name": f"model/layer_{layer}/Conv2D", "ticks": layer * 999}
                for layer in range(20)
            ],
            "later_symbols": {f"arm_convolve_s8_{symbol}": symbol * 4 for symbol in range(60)},
        }
        data = msgspec.json.format(msgspec.json.encode(whole), indent=1)
        (folder / f"{record.id}.json").write_bytes(data)
        count += 1
    return count


def made_up(
    generator: random.Random, started: datetime, target: str, model: str, worse: float = 1.0
) -> Record:
    """Return a record like that of a real run; silicon has noise."""
    count, flash, ram = MODELS[model]
    silicon = target == SILICON
    noise = [generator.gauss(1.4, 0.001) if silicon else 1.0 for _ in range(VECTORS)]
    ticks = sorted(int(count * worse * factor) + generator.randrange(50) for factor in noise)
    night = hashlib.sha256(str(started.date()).encode()).hexdigest()
    return Record(
        schema=SCHEMA,
        id=f"{started:%Y%m%dT%H%M%S}-{target}-{model}-cmsis-nn-{generator.randrange(1 << 24):06x}",
        started=started.isoformat(timespec="seconds"),
        verdict="passed",
        reasons=[],
        target=TargetInfo(target, "STM32F429ZI", "cortex-m4f", "virtual", "virtual board 1"),
        model=ModelInfo(model, _sha256(model), _sha256(f"{model}'s vectors"), "tflite-micro"),
        image=ImageInfo(
            build_id=_sha256(f"{night}{model}")[:32],
            engine="cmsis-nn",
            engine_version="cmsis-nn 7.0.0",
            compiler="arm-none-eabi-gcc 12.2.1",
            optimize="-O2",
        ),
        commit=Commit(night[:40], dirty=False, branch="main", time=started.isoformat()),
        host=Host("Linux", "x86_64", "3.11.2", "0.1.0"),
        numbers=_numbers("cycles" if silicon else "instructions", ticks, flash, ram, generator),
        counter="dwt" if silicon else "tim2",
        ticks=ticks,
        retries=0,
        log=[],
    )


def _numbers(
    unit: str, ticks: list[int], flash: int, ram: int, generator: random.Random
) -> dict[str, Number]:
    kind: Kind = "measured" if unit == "cycles" else "exact"
    positions = {"min": 0, "median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1}
    middle = ticks[len(ticks) // 2]
    return {
        "accuracy": Number(0.985, "1", "exact"),
        "accuracy_golden": Number(0.985, "1", "exact"),
        "accuracy_target": Number(0.97, "1", "exact"),
        "vectors": Number(len(ticks), "1", "exact"),
        "bytes_differing": Number(0, "byte", "exact"),
        **{
            f"{unit}_{name}": Number(ticks[int(part * (len(ticks) - 1))], "1", kind)
            for name, part in positions.items()
        },
        "counter_overhead": Number(4, "1", kind),
        "flash": Number(flash, "byte", "exact"),
        "ram": Number(ram, "byte", "exact"),
        "arena": Number(ram // 2, "byte", "exact"),
        "stack": Number(700, "byte", kind),
        "stack_reserved": Number(4096, "byte", "exact"),
        "energy": Number(middle * 1e-9, "J", "estimated", model="made up", error=0.2),
        "wall": Number(round(generator.uniform(0.3, 6), 3), "s", "measured"),
        "wall_inference": Number(round(generator.uniform(0.2, 5), 3), "s", "measured"),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
