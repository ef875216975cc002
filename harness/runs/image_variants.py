"""Runs of the image's other variants, which explain a run: traced and profiled."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.board.board import Board
from harness.errors import HarnessError, InputError
from harness.image.build import Image, build_image
from harness.link.link_client import LinkClient
from harness.link.messages import Welcome
from harness.runs.bundle.bundled_firmware import BundledFirmware
from harness.runs.bundle.manifest import BundledVariant
from harness.runs.divergence import first_difference
from harness.runs.layer_profile import Profile, profile_of
from harness.runs.link_run import Run
from harness.runs.link_session import Session
from harness.runs.request import RunRequest

Array = npt.NDArray[Any]


class ImageVariants:
    """The variants of the measured `image` for `request`; `start` opens a session with one."""

    def __init__(
        self, request: RunRequest, image: Image, board: Board, start: Callable[[Image], Session]
    ) -> None:
        self._request = request
        self._target = request.target
        self._model = request.model
        self._graph = request.model.graph
        self._image = image
        self._board = board
        self._start = start

    def traced(self, run: Run, vector: int) -> Run:
        """Return `run` with the first wrong layer for `vector`, or why it is not known."""
        try:
            with (
                self._request.progress.step(f"tracing the layers of {self._model.name}"),
                self._variant("traced") as (link, _, _),
            ):
                number = run.number(vector)
                self._request.progress.say(f"looking for the first wrong layer of vector {number}")
                all_inputs = run.vectors.all_inputs
                divergence = first_difference(
                    link,
                    self._model,
                    self._graph,
                    number,
                    [values[self._begin(run, vector) : vector + 1] for values in all_inputs],
                    [values[vector] for values in run.all_outputs],
                )
        except HarnessError as error:
            return replace(run, divergence_unavailable=str(error).replace("\n  ->", ";"))
        return replace(run, divergence=divergence)

    def with_profile(self, run: Run) -> Run:
        """Return `run` with the ticks of each layer for vector 0, or why they are not known."""
        answer = [values[0] for values in run.all_outputs]
        try:
            return replace(run, profile=self.profile(answer, int(run.ticks[0])))
        except HarnessError as error:  # the measurements of the run are still valid
            return replace(run, profile_unavailable=str(error).replace("\n  ->", ";"))

    def profile(self, answer: Sequence[Array], measured: int) -> Profile:
        """Return the profile of vector 0; `answer` and `measured` are its outputs and ticks."""
        with (
            self._request.progress.step(f"profiling the layers of {self._model.name}"),
            self._variant("profiled") as (link, welcome, image),
        ):
            inputs = [values[0] for values in self._model.vectors.all_inputs]
            return profile_of(
                link, welcome, image, self._graph, self._target, inputs, answer, measured
            )

    def _begin(self, run: Run, vector: int) -> int:
        """Return the first vector that the state of `vector` depends on; without one, itself."""
        if not self._graph.variables:
            return vector
        return int(np.flatnonzero(run.vectors.starts[: vector + 1])[-1])

    def _built(self, variant: BundledVariant) -> Image:
        maker, toolchain = self._image.maker, self._image.toolchain
        if maker is None:
            raise InputError("this is prebuilt firmware: its layers are not known")
        if isinstance(maker, BundledFirmware):
            return maker.image(self._target, self._model, toolchain, variant)
        return build_image(
            self._target,
            self._model,
            maker,
            self._request.workspace.images,
            self._request.progress.say,
            toolchain,
            variant=variant,
            warn=self._request.progress.warn,
        )

    @contextmanager
    def _variant(self, variant: BundledVariant) -> Iterator[tuple[LinkClient, Welcome, Image]]:
        """Open a session with another variant of the image.

        It replaces the measured image on the board until that is needed again.
        """
        image = self._built(variant)
        try:
            session = self._start(image)
            yield session.link, session.welcome, image
        finally:
            self._board.stop()
