"""Blocks of what is known of the bundled models without a compiler."""

from dataclasses import dataclass

from docs.generate.markdown import table
from docs.numbers.workbench import Workbench
from harness.engines.macs import macs_of
from harness.measure.quality import quality_of
from harness.model.folder import Model, list_models
from harness.model.metric import SHOWN


@dataclass(frozen=True)
class Facts:
    """What is known from a model's files; `quality` is that of golden on the vectors."""

    model: Model
    shape: str
    operators: str
    macs: int
    quality: float

    @property
    def reached(self) -> str:
        """The quality on the vectors, for people."""
        vectors = len(self.model.vectors)
        if self.model.metric != "accuracy":
            return f"{self.quality:.4f} on {vectors} vectors"
        return f"{self.quality:.4f}, {round(self.quality * vectors)} of {vectors}"


def facts_of(bench: Workbench, name: str) -> Facts:
    """Return the facts of the bundled model `name`."""
    model = bench.model(name)
    graph, golden = model.graph, model.vectors.all_golden
    if golden is None:
        raise ValueError(f"{name} has no golden outputs")
    bench.note(model.vectors.golden_source)
    return Facts(
        model,
        "\N{MULTIPLICATION SIGN}".join(str(size) for size in graph.input_tensors[0].shape[1:]),
        ", ".join(dict.fromkeys(operator.kind for operator in graph.operators)),
        sum(macs_of(graph, operator) for operator in graph.operators),
        quality_of(model.metric, model.vectors, golden, golden, graph),
    )


def bundled_models(bench: Workbench) -> str:
    """Return a table of all bundled models."""
    header = ["model", "input", "operators", "MACs", "`.tflite`, bytes", "on the vectors", "target"]
    rows = []
    for name in list_models(bench.workspace.models):
        facts = facts_of(bench, name)
        rows.append(
            [
                f"[{name}](../models/{name}/README.md)",
                facts.shape,
                facts.operators,
                f"{facts.macs:,}",
                f"{len(facts.model.tflite):,}",
                f"{SHOWN[facts.model.metric]} {facts.reached}",
                f"{facts.model.quality_target:g}",
            ]
        )
    return table(header, rows).rstrip()


def one_model(bench: Workbench, name: str) -> str:
    """Return the table of a model's own page."""
    facts = facts_of(bench, name)
    rows = [
        ["`model.tflite`", f"{len(facts.model.tflite):,} bytes"],
        ["multiply-accumulates per inference", f"{facts.macs:,}"],
        ["operators", facts.operators],
        [f"int8 {SHOWN[facts.model.metric]} on `vectors.npz`", facts.reached],
        ["quality target", f"{facts.model.quality_target:g}"],
    ]
    return table(["", ""], rows).rstrip()
