"""Fitted trees as flat arrays, and a list of them as one `TreeEnsemble` operator (ai.onnx.ml 5, all in double).

ONNX Runtime adds the trees' leaves up in the order of the list, in double (tried with 1.32, one thread: bit for
bit). So a constant that scikit-learn starts its sum with is the list's first tree: one leaf.
Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from model.compiled.graph import TREES_DOMAIN, Columns, Floats, Graph, Positions
from model.errors import CannotCompile

NO_CHILD = -1
MOST_NODES = 10_000_000  # some 34 bytes each: far from the 2 GiB that a protocol buffer may have
SUM, UNCHANGED, LESS_OR_EQUAL = 1, 0, 0
# The attributes that are tensors; the others are lists of integers.
TENSORS = ("nodes_splits", "nodes_modes", "leaf_weights")


@dataclass(frozen=True, slots=True)
class Tree:
    """One binary tree whose leaves add to one `target`; every array is [nodes], the root is node 0.

    A row goes left where `row[feature] <= threshold`; where that feature is NaN, as `missing_left` says. A leaf has
    no children (`NO_CHILD`) and adds its `value`. `rows` are how many training rows came to each node.
    """

    feature: Positions
    threshold: Floats
    left: Positions
    right: Positions
    missing_left: NDArray[np.bool_]
    value: Floats
    target: int = 0
    rows: Floats | None = None

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Which nodes are leaves."""
        leaves: NDArray[np.bool_] = self.left == NO_CHILD
        return leaves


def grown(tree: Any, value: Floats, target: int = 0) -> Tree:  # noqa: ANN401 - sklearn.tree._tree.Tree
    """A scikit-learn `Tree` with the leaf values [nodes] given."""
    return Tree(
        feature=np.asarray(tree.feature, dtype=np.int64),
        threshold=np.asarray(tree.threshold, dtype=np.float64),
        left=np.asarray(tree.children_left, dtype=np.int64),
        right=np.asarray(tree.children_right, dtype=np.int64),
        missing_left=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        value=np.asarray(value, dtype=np.float64),
        target=target,
        rows=np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def constant(value: float, target: int = 0) -> Tree:
    """A tree that always adds `value`. Two nodes, because the operator wants a root that is no leaf."""
    nothing = np.zeros(2, dtype=np.int64)
    child = np.array([1, NO_CHILD])
    return Tree(nothing, np.zeros(2), child, child, np.zeros(2, dtype=np.bool_), np.array([0.0, value]), target)


def ensemble(
    graph: Graph, columns: str, width: int, trees: Sequence[Tree], *, targets: int, dtype: type = np.float64
) -> str:
    """The sum over `trees` of the leaves that a row falls into: [n, targets] from [n, width], both of `dtype`.

    In float32 that is exact when the columns are float32 and the leaves small whole numbers: thresholds are rounded
    down, and a float32 is at most a number exactly when it is at most the float32 next below that number.

    ONNX Runtime keeps a node's second child next to it in memory. The busier child stands there, for which a node may
    have to ask the negated column: that is a third quicker.

    Raises:
        CannotCompile: there are more than `MOST_NODES` nodes.
    """
    nodes = sum(len(tree.left) for tree in trees)
    if nodes > MOST_NODES:
        raise CannotCompile(
            f"the trees have {nodes:,} nodes, at most {MOST_NODES:,} compile: raise min_samples_leaf or grow fewer"
        )
    planted = [_planted(tree, width, dtype) for tree in trees]
    inner = np.cumsum([0, *(np.count_nonzero(~tree.is_leaf) for tree in planted)])[:-1]
    leaves = np.cumsum([0, *(np.count_nonzero(tree.is_leaf) for tree in planted)])[:-1]
    parts = [_attributes(*part) for part in zip(planted, inner, leaves, strict=True)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if max(joined["nodes_featureids"]) >= width:
        columns = graph.add("Concat", columns, graph.add("Neg", columns), axis=1)
    joined["nodes_splits"] = joined["nodes_splits"].astype(dtype)
    joined["leaf_weights"] = joined["leaf_weights"].astype(dtype)
    tensors = {name: numpy_helper.from_array(joined.pop(name)) for name in TENSORS}
    return graph.add(
        "TreeEnsemble",
        columns,
        domain=TREES_DOMAIN,
        n_targets=targets,
        aggregate_function=SUM,
        post_transform=UNCHANGED,
        tree_roots=inner.tolist(),
        **{name: values.tolist() for name, values in joined.items()},
        **tensors,
    )


def _planted(tree: Tree, width: int, dtype: type) -> Tree:
    """The tree as the operator wants it: a root that is no leaf, thresholds of `dtype`, the busier child second."""
    if tree.is_leaf[0]:
        return constant(float(tree.value[0]), tree.target)
    threshold = _rounded_down(tree.threshold, dtype)
    if tree.rows is None:
        return replace(tree, threshold=threshold)
    left, right = tree.rows[tree.left], tree.rows[tree.right]
    turned = ~tree.is_leaf & np.isfinite(threshold) & ((left > right) | ((left == right) & tree.missing_left))
    # x > t, which leads right, is -x <= the number next below -t.
    return replace(
        tree,
        feature=np.where(turned, tree.feature + width, tree.feature),
        threshold=np.where(turned, np.nextafter(-threshold, dtype(-np.inf)), threshold),
        left=np.where(turned, tree.right, tree.left),
        right=np.where(turned, tree.left, tree.right),
        missing_left=tree.missing_left ^ turned,
    )


def _rounded_down(thresholds: Floats, dtype: type) -> NDArray[Any]:
    rounded: NDArray[Any] = thresholds.astype(dtype)
    return np.where(rounded > thresholds, np.nextafter(rounded, dtype(-np.inf)), rounded)


def boosted(graph: Graph, columns: str, width: int, start: Floats, trees: Sequence[Tree]) -> str:
    """Raw scores [n, targets] of boosting: the start [targets] first, then the trees in turn."""
    first = [constant(float(value), target) for target, value in enumerate(start)]
    return ensemble(graph, columns, width, [*first, *trees], targets=len(start))


def watch(graph: Graph, columns: Columns, trees: Sequence[Tree], *, ignored: Sequence[NDArray[np.bool_]] = ()) -> None:
    """Note the thresholds of the trees' splits, but for the `ignored` nodes, by the columns that they compare."""
    chosen = [~tree.is_leaf & np.isfinite(tree.threshold) for tree in trees]
    if ignored:
        chosen = [kept & ~nodes for kept, nodes in zip(chosen, ignored, strict=True)]
    pairs = list(zip(trees, chosen, strict=True))
    features = np.concatenate([tree.feature[kept] for tree, kept in pairs])
    thresholds = np.concatenate([tree.threshold[kept] for tree, kept in pairs])
    for feature in np.unique(features):
        graph.watch(columns.origins[feature], np.unique(thresholds[features == feature]).tolist())


def _attributes(tree: Tree, first_inner: int, first_leaf: int) -> dict[str, NDArray[Any]]:
    """One tree's share of the operator's arrays; inner nodes and leaves are numbered apart, over all trees."""
    leaf = tree.is_leaf
    number = np.where(leaf, first_leaf + np.cumsum(leaf) - 1, first_inner + np.cumsum(~leaf) - 1)
    left, right = tree.left[~leaf], tree.right[~leaf]
    return {
        "nodes_featureids": tree.feature[~leaf],
        "nodes_splits": tree.threshold[~leaf],
        "nodes_modes": np.full(len(left), LESS_OR_EQUAL, dtype=np.uint8),
        "nodes_missing_value_tracks_true": tree.missing_left[~leaf].astype(np.int64),
        "nodes_truenodeids": number[left],
        "nodes_falsenodeids": number[right],
        "nodes_trueleafs": leaf[left].astype(np.int64),
        "nodes_falseleafs": leaf[right].astype(np.int64),
        "leaf_targetids": np.full(np.count_nonzero(leaf), tree.target),
        "leaf_weights": tree.value[leaf],
    }
