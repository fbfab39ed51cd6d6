"""Trees alone, forests and bagged trees: the mean of what the trees say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from model.compiled.graph import Columns, Floats, Graph, Positions, Step
from model.compiled.links import result
from model.compiled.trees import Tree, ensemble, grown, watch

# Far above the rounding of a sum over thousands of trees (1e-13), far below what happens often.
NEARLY_A_TIE = 1e-9
SINGLE_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)


@dataclass(frozen=True, slots=True)
class Member:
    """One fitted tree of a forest: what it says in each node [nodes, targets], the columns it was shown (None: all)."""

    tree: Any
    value: Floats
    shown: Positions | None = None

    def saying(self, target: int, place: int) -> Tree:
        """The tree with its values for one target, which add to `place`."""
        tree = grown(self.tree, self.value[:, target], place)
        if self.shown is None:
            return tree
        return replace(tree, feature=self.shown[np.where(tree.is_leaf, 0, tree.feature)])

    @property
    def is_pure(self) -> bool:
        """Each of its leaves says one class and nothing else."""
        return bool(np.isin(self.value[self.tree.children_left == self.tree.children_right], (0.0, 1.0)).all())


def single_tree(graph: Graph, columns: Columns, step: Step) -> Columns:
    """DecisionTree, ExtraTree: what the leaf says."""
    fitted = step.estimator
    if fitted.n_outputs_ != 1:
        raise step.refusal("it predicts several targets, one is supported")
    member = Member(fitted.tree_, fitted.tree_.value[:, 0, :])
    seen = as_single(graph, columns, step, [member.saying(0, 0)])
    targets = range(member.value.shape[1])
    trees = [member.saying(target, target) for target in targets]
    name = ensemble(graph, graph.double(seen), columns.width, trees, targets=len(targets))
    return result(name, len(targets), rounded=False)


def forest(graph: Graph, columns: Columns, step: Step) -> Columns:
    """Random forests and extra trees: the sum of the trees' answers, then one division, as scikit-learn does it."""
    fitted = step.estimator
    if fitted.n_outputs_ != 1:
        raise step.refusal("it predicts several targets, one is supported")
    return averaged(
        graph, columns, step, [Member(tree.tree_, tree.tree_.value[:, 0, :]) for tree in fitted.estimators_]
    )


def bagged_trees(graph: Graph, columns: Columns, step: Step) -> Columns:
    """Bagging over single trees: a forest whose trees each know some columns and, it may be, some of the classes."""
    fitted = step.estimator
    classes = len(getattr(fitted, "classes_", [0]))
    pairs = zip(fitted.estimators_, fitted.estimators_features_, strict=True)
    return averaged(graph, columns, step, [_bagged(tree, shown, classes) for tree, shown in pairs])


def _bagged(fitted: Any, shown: Any, classes: int) -> Member:  # noqa: ANN401 - scikit-learn has no types
    said = fitted.tree_.value[:, 0, :]
    value = np.zeros((len(said), classes))
    value[:, np.asarray(getattr(fitted, "classes_", [0]), dtype=np.int64)] = said
    return Member(fitted.tree_, value, np.asarray(shown, dtype=np.int64))


def averaged(graph: Graph, columns: Columns, step: Step, members: Sequence[Member]) -> Columns:
    """The mean of the members' values: [n, targets]; two classes cost as much as one."""
    seen = replace(columns, name=as_single(graph, columns, step, [member.saying(0, 0) for member in members]))
    targets = members[0].value.shape[1]
    two = targets == 2  # noqa: PLR2004 - "two classes" says it best
    name = _two_shares(graph, seen, members) if two else _mean(graph, seen, members, range(targets))
    # With several threads scikit-learn adds the trees up in any order.
    return result(name, targets, rounded=step.estimator.n_jobs not in {None, 1})


def _mean(graph: Graph, seen: Columns, members: Sequence[Member], targets: Sequence[int]) -> str:
    """The mean over the trees of each target's leaf values: [n, targets]. A tree is copied for each target.

    Pure leaves are counted in float32, which is quicker and just as exact.
    """
    trees = [member.saying(target, place) for member in members for place, target in enumerate(targets)]
    if all(member.is_pure for member in members):
        total = graph.double(ensemble(graph, seen.name, seen.width, trees, targets=len(targets), dtype=np.float32))
    else:
        total = ensemble(graph, graph.double(seen.name), seen.width, trees, targets=len(targets))
    return graph.add("Div", total, graph.constant(float(len(members))))


def _two_shares(graph: Graph, seen: Columns, members: Sequence[Member]) -> str:
    """[n, 2] of two classes: the first is what the second leaves, but near a tie it is summed up on its own.

    An ONNX leaf adds to one target, so that both shares cost twice the time. scikit-learn sums both, and where they
    are all but equal the rounding of both sums decides on the label.
    """
    second = _mean(graph, seen, members, [1])
    first = graph.add("Sub", graph.constant(1.0), second)
    # Sums over pure leaves are exact: then the complement ties where the sums do.
    if not all(member.is_pure for member in members):
        distance = graph.add("Abs", graph.add("Sub", second, graph.constant(0.5)))
        close = graph.add("Less", distance, graph.constant(NEARLY_A_TIE))
        summed = graph.only_if_any(close, lambda: _mean(graph, seen, members, [0]), first)
        first = graph.add("Where", close, summed, first)
    return graph.add("Concat", first, second, axis=1)


def as_single(graph: Graph, columns: Columns, step: Step, trees: Sequence[Tree]) -> str:
    """The numbers as scikit-learn's trees see them: rounded to float32, to be compared with double thresholds.

    Beyond float32's range they become infinite, where scikit-learn raises.
    """
    step.needs_exact(columns)
    watch(graph, columns, trees)
    return graph.add("Cast", columns.name, to=TensorProto.FLOAT)
