"""What a compiled pipeline is built with: operators, constants, and columns that remember their origin.

Everything is double precision. Operators and constants are numbered in the order they are added, so that the
same pipeline always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy import typing as npt
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

from model.errors import CannotCompile, bounded

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

ROWS = "rows"
UNKNOWN = "it has no exact form here; docs/contract.md lists what compiles"
TREES_DOMAIN = "ai.onnx.ml"
# The first pair in which trees take and give doubles (ai.onnx.ml 5) and what ONNX Runtime 1.32 implements in full.
OPSET, TREES_OPSET, IR_VERSION = 21, 5, 10


@dataclass(frozen=True, slots=True)
class Step:
    """One fitted step under the name a reader of the pipeline knows it by, `outer.inner` when nested."""

    name: str
    estimator: Any

    def inner(self, name: str, estimator: object) -> Step:
        """A step inside this one."""
        return Step(f"{self.name}.{name}" if self.name else name, estimator)

    def refusal(self, reason: str) -> CannotCompile:
        """The error that says which step has no exact compiled form, and why."""
        return CannotCompile(
            f"step {bounded(self.name)!r}, a {type(self.estimator).__name__}, cannot be compiled: {reason}"
        )

    def needs_exact(self, columns: Columns) -> None:
        """Refuse columns that are right up to rounding only: a step that compares would make other answers of it."""
        if columns.rounded:
            raise self.refusal(
                "a step before it is compiled exactly up to rounding only, and trees, bins and codes turn another last "
                "bit into another answer"
            )


@dataclass(frozen=True, slots=True)
class Origin:
    """A column is `factor * feature + offset` of the raw feature at `position` (up to rounding)."""

    position: int
    factor: float = 1.0
    offset: float = 0.0

    def mapped(self, factor: float, offset: float) -> Origin:
        """The origin of `factor * column + offset`."""
        return Origin(self.position, self.factor * factor, self.offset * factor + offset)


@dataclass(frozen=True, slots=True)
class Columns:
    """A double tensor [n, width] by its name, with each column's origin (None: not a number's image, e.g. a flag).

    rounded: some value may differ from scikit-learn's in its last bits; otherwise every bit is the same.
    """

    name: str
    origins: tuple[Origin | None, ...]
    rounded: bool = False

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.origins)


@dataclass
class Graph:
    """A growing ONNX graph with one input: `rows`, double [n, width].

    `codes` collects the raw features that some step reads as category codes: values between two codes mean nothing.
    `thresholds` collects, by a column's origin, the values at which some step's answer turns over.
    """

    width: int
    codes: set[int] = field(default_factory=set)
    thresholds: dict[Origin, set[float]] = field(default_factory=dict)
    _nodes: list[NodeProto] = field(default_factory=list)
    _constants: list[TensorProto] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def rows(self) -> Columns:
        """The raw features."""
        return Columns(ROWS, tuple(Origin(position) for position in range(self.width)))

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:  # noqa: ANN401 - ONNX attributes
        """Append one operator; returns the name of its one output."""
        name = f"t{next(self._numbers)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name, domain=domain, **attributes))
        return name

    def constant(self, values: npt.ArrayLike, dtype: type[np.generic] = np.float64) -> str:
        """Store an array (doubles unless said otherwise); returns its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(values, dtype=dtype, order="C"), name))
        return name

    def watch(self, origin: Origin | None, thresholds: Iterable[float]) -> None:
        """Note values at which the answer turns over: `adversarial_rows` goes there."""
        if origin and origin.factor:
            self.thresholds.setdefault(origin, set()).update(thresholds)

    def double(self, tensor: str) -> str:
        """`tensor` cast to double."""
        return self.add("Cast", tensor, to=TensorProto.DOUBLE)

    def take(self, columns: Columns, positions: Positions) -> Columns:
        """The columns at `positions`, in that order; nothing is added when that is all of them."""
        if np.array_equal(positions, np.arange(columns.width)):
            return columns
        name = self.add("Gather", columns.name, self.constant(positions, np.int64), axis=1)
        return Columns(name, tuple(columns.origins[position] for position in positions), columns.rounded)

    def beside(self, blocks: list[Columns]) -> Columns:
        """The blocks side by side."""
        filled = [block for block in blocks if block.width]
        if len(filled) == 1:
            return filled[0]
        name = self.add("Concat", *(block.name for block in filled), axis=1)
        origins = tuple(origin for block in filled for origin in block.origins)
        return Columns(name, origins, any(block.rounded for block in filled))

    def only_if_any(self, flags: str, build: Callable[[], str], otherwise: str) -> str:
        """What `build` adds to the graph and returns, computed only when some of the boolean `flags` is true."""
        some = self.add("Greater", self.add("ReduceSum", self.double(flags), keepdims=0), self.constant(0.0))
        outside, self._nodes = self._nodes, []
        then, self._nodes = self._branch(build()), []
        otherwise_branch, self._nodes = self._branch(self.add("Identity", otherwise)), outside
        return self.add("If", some, then_branch=then, else_branch=otherwise_branch)

    def _branch(self, result: str) -> GraphProto:
        """The operators added last as a graph of their own; constants stay in the outer graph."""
        output = helper.make_tensor_value_info(result, TensorProto.DOUBLE, None)
        return helper.make_graph(self._nodes, f"to_{result}", [], [output])

    def serialized(self, result: str, output: str, shape: list[str | int]) -> bytes:
        """The checked model as bytes, with `result` named `output` (double, of `shape`)."""
        if self._nodes and self._nodes[-1].output[0] == result:
            self._nodes[-1].output[0] = output  # nothing reads what was added last
        else:
            self._nodes.append(helper.make_node("Identity", [result], [output], output))
        graph = helper.make_graph(
            self._nodes, "pipeline", [_doubles(ROWS, ["n", self.width])], [_doubles(output, shape)], self._constants
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES_DOMAIN, TREES_OPSET)]
        model: ModelProto = helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="model"
        )
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def _doubles(name: str, shape: list[str | int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)
