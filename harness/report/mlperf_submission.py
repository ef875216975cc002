"""A folder in the format of an MLPerf Tiny submission (1.3 and later), with the real transcripts.

The layout is the one that tools/submission/submission_checker.py of mlcommons/tiny reads:
closed/ORGANIZATION/systems/SYSTEM.json, and closed/ORGANIZATION/results/SYSTEM/BENCHMARK/MODE with
log.txt, results.txt and results.json. The rules accept only results of the official runners.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.runs.mlperf.measured_window import Window
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.suite import Outcome
from harness.runs.mlperf.window_plan import WindowPlan
from harness.support.version import VERSION
from harness.support.whole_files import create_folder

_RULE = "the rules require 5 windows of at least 10 s and 10 iterations each"
_MICRO = 1e6  # µJ in a J
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_UNKNOWN_KEYS = (
    "Board Memory type",
    "SoC Name",
    "Processor memory type and capacity",
    "Processor storage type and capacity",
    "Accelerator",
    "Hardware Notes",
    "Operating System",
    "Software Notes",
    "Quantization Method",
)


def check_name(name: str, option: str) -> None:
    """Raise `InputError` if `name` cannot be the name of a submission's folder."""
    if not name or name.startswith(".") or not set(name) <= set(_NAME_CHARACTERS):
        raise InputError(
            f"{name!r} cannot be a folder of a submission",
            where=option,
            remedy="use letters, digits, '_', '-', and '.' but not at the start",
        )


def write_submission(outcomes: Sequence[Outcome], folder: Path, organization: str) -> list[str]:
    """Write the new folder `folder`; return what it lacks, and why.

    Raises `InputError` if the folder exists, if it cannot be written, or if there is nothing.
    """
    runs = [(each.benchmark, each.run) for each in outcomes if each.run is not None]
    missing = [f"{each.benchmark.id}: {each.reason}" for each in outcomes if each.run is None]
    files: dict[str, bytes] = {}
    root = f"closed/{organization}"
    for benchmark, run in runs:
        system = run.target.name
        modes, why = _modes(run)
        missing += [f"{benchmark.id}: {text}" for text in why]
        if modes:
            files[f"{root}/systems/{system}.json"] = _system(run, organization)
        for mode, (results, data) in modes.items():
            path = f"{root}/results/{system}/{benchmark.folder}/{mode}"
            files[f"{path}/log.txt"] = _log(run, mode).encode()
            files[f"{path}/results.txt"] = "".join(f"{line}\n" for line in results).encode()
            files[f"{path}/results.json"] = json.dumps(data).encode()
    if not files:
        reasons = "".join(f"\n  {text}" for text in missing)
        raise InputError(f"there is nothing to submit:{reasons}", where=str(folder))
    create_folder(folder, files)
    return missing


def _modes(run: MlperfRun) -> tuple[dict[str, tuple[list[str], list[Any]]], list[str]]:
    """Return results.txt and results.json of each mode, and why modes are missing."""
    if run.model.metric == "detection_errors":
        return {}, ["the rules stream its sound over I2S, and this run did not"]
    modes = {"accuracy": (_accuracy(run), _answers(run))}
    why = []
    if run.throughput is None:
        why.append(f"no performance: {run.untimed}")
    elif not _is_official(run.windows):
        why.append(f"no performance: {_RULE}")
    else:
        modes["performance"] = (_performance(run), _windows(run, "p"))
    if run.metered is None:
        why.append("no energy: no meter was used")
    elif not _is_official(run.windows):
        why.append(f"no energy: {_RULE}")
    elif run.metered.identity.virtual:
        why.append("no energy: a virtual meter measures nothing")
    else:
        modes["energy"] = (_energy(run), _windows(run, "e"))
    return modes, why


def _is_official(windows: Sequence[Window]) -> bool:
    return len(windows) == WindowPlan.windows and all(
        one.seconds >= WindowPlan.seconds and one.iterations >= WindowPlan.iterations
        for one in windows
    )


def _accuracy(run: MlperfRun) -> list[str]:
    if run.model.metric == "auc":
        return [f"harness: AUC = {run.quality:.4f}"]
    return [f"harness: Top 1% = {100 * run.quality:.4f}"]


def _performance(run: MlperfRun) -> list[str]:
    return [
        line
        for index, window in enumerate(run.windows, 1)
        for line in (
            f"Performance results for window {index}",
            f"    # Inferences : {window.iterations}",
            f"    Runtime: {window.seconds} sec.",
            f"    Throughput: {window.throughput} inf./sec.",
            "    Runtime requirements have been met.",
        )
    ] + [f"harness: Median throughput is {run.throughput:10.3f} inf./sec."]


def _energy(run: MlperfRun) -> list[str]:
    if run.metered is None:
        return []
    energy = run.metered.energy
    lines = ["Power Edition Output"]
    for index, window in enumerate(run.windows):
        joules, seconds = energy.joules[index], energy.seconds[index]
        lines += [
            f"Energy data for trial {index}",
            f"  Elapsed time  : {seconds * window.iterations}",
            f"  Inferences    : {window.iterations}",
            f"  Power         : {1e3 * joules / seconds:5.4f} mW.",
            f"  Energy/Inf    : {joules * _MICRO:.3f} uJ/inf",
        ]
    return [*lines, f"Median energy cost is {_MICRO * np.nanmedian(energy.joules):.4f} uJ/inf."]


def _answers(run: MlperfRun) -> list[dict[str, Any]]:
    return [
        _entry(run, vector, "a", 1, 0, microseconds)
        for vector, microseconds in enumerate(run.microseconds)
    ]


def _windows(run: MlperfRun, mode: str) -> list[dict[str, Any]]:
    return [
        _entry(run, one.vector, mode, one.iterations, one.warmups, one.microseconds)
        for one in run.windows
    ]


def _entry(
    run: MlperfRun,
    vector: int,
    mode: str,
    iterations: int,
    warmups: int,
    microseconds: int | None,
) -> dict[str, Any]:
    """Return an element of results.json; its `file` is a vector here."""
    infer = {
        "results": [float(value) for value in run.printed[vector]],
        "elapsed_time": microseconds,
        "iterations": iterations,
        "warmups": warmups,
    }
    return {
        "file": f"vector {vector}",
        "class": str(run.vectors.class_labels[vector]),
        "infer": infer,
        "mode": mode,
    }


def _log(run: MlperfRun, mode: str) -> str:
    """Return the transcript of a mode; times are in seconds since the first line."""
    transcript = run.transcripts["accuracy" if mode == "accuracy" else "windows"]
    begin = transcript[0].time
    head = f"tinyml-harness {VERSION}; -> to the device, <- from it; without the bytes of inputs"
    lines = (f"{one.time - begin:010.4f} {one.direction} {one.text}" for one in transcript)
    return "\n".join([head, *lines, ""])


def _system(run: MlperfRun, organization: str) -> bytes:
    """Return the description of the system; values that the harness does not know are empty."""
    target, image = run.target, run.image
    hz = f"{target.clock.hz / 1e6:g} MHz" if target.clock else ""
    known = {
        "Submitter": organization,
        "Division": "Closed",
        "Status": "RDI",
        "Board Name": target.name,
        "Processor(s) Name": f"{target.mcu.name} ({target.mcu.core})",
        "Processor(s) Frequencies": hz,
        "Inference Framework": image.engine_version,
        "Software Libraries": image.engine_version,
        "General Compiler(s)": f"{image.toolchain.version}, {image.toolchain.opt}",
    }
    return json.dumps({**known, **dict.fromkeys(_UNKNOWN_KEYS, "")}, indent=1).encode()
