"""Trees as the operator: random ones walked by hand, in double and in single precision, with every awkward number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from model.compiled.graph import Graph
from model.compiled.trees import NO_CHILD, Tree, ensemble
from model.scoring import Scorer
from model.testing.pipelines import Floats

WIDTH, DEPTH = 3, 6


def random_tree(random: np.random.Generator, dtype: type[np.generic]) -> Tree:
    """A full tree of random thresholds, 0 and infinity among them, random busyness and random ways for gaps."""
    nodes, inner = 2 ** (DEPTH + 1) - 1, 2**DEPTH - 1
    numbers = np.arange(nodes)
    awkward = random.choice([0.0, -0.0, np.inf, 5e-324, 1.0, 1 / 3, -1 / 3], size=nodes)
    threshold = np.where(random.random(nodes) < 0.5, awkward, random.normal(size=nodes)).astype(np.float64)
    return Tree(
        feature=random.integers(0, WIDTH, nodes),
        threshold=threshold if dtype is np.float64 else threshold + random.normal(scale=1e-12, size=nodes),
        left=np.where(numbers < inner, 2 * numbers + 1, NO_CHILD),
        right=np.where(numbers < inner, 2 * numbers + 2, NO_CHILD),
        missing_left=random.random(nodes) < 0.5,
        value=random.integers(0, 9, nodes).astype(np.float64),
        rows=random.integers(0, 4, nodes).astype(np.float64),
    )


def walked(tree: Tree, rows: NDArray[np.floating]) -> Floats:
    """The leaves that the rows fall into, by the definition."""
    said = []
    for row in rows:
        node = 0
        while not tree.is_leaf[node]:
            number = float(row[tree.feature[node]])
            goes_left = tree.missing_left[node] if np.isnan(number) else number <= tree.threshold[node]
            node = int(tree.left[node] if goes_left else tree.right[node])
        said.append(tree.value[node])
    return np.array(said)


def awkward_rows(random: np.random.Generator, trees: list[Tree], dtype: type[np.generic]) -> NDArray[np.floating]:
    """Numbers on and next to the thresholds, both noughts, the smallest and largest ones, and gaps."""
    thresholds = np.concatenate([tree.threshold for tree in trees]).astype(dtype)
    ends = [np.nextafter(thresholds, dtype(end)) for end in (-np.inf, np.inf)]  # type: ignore[call-arg]  # a float type
    largest = np.finfo(dtype).max  # type: ignore[arg-type]  # a float type
    numbers = np.concatenate([thresholds, *ends, np.array([0.0, -0.0, largest, -largest], dtype=dtype)])
    finite = np.append(numbers[np.isfinite(numbers)], dtype(np.nan))  # type: ignore[call-arg]  # a float type
    return random.choice(finite, size=(1_500, WIDTH))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_turning_children_and_rounding_thresholds_changes_no_answer(dtype: type[np.generic]) -> None:
    random = np.random.default_rng(0)
    trees = [random_tree(random, dtype) for _ in range(5)]
    graph, single = Graph(WIDTH), dtype is np.float32
    seen = graph.add("Cast", "rows", to=TensorProto.FLOAT) if single else "rows"
    total = ensemble(graph, seen, WIDTH, trees, targets=1, dtype=dtype)
    scorer = Scorer(graph.serialized(graph.double(total) if single else total, "sums", ["n", 1]))
    rows = awkward_rows(random, trees, dtype)
    expected = sum(walked(tree, rows) for tree in trees)
    np.testing.assert_array_equal(scorer.score(rows.astype(np.float64))[:, 0], expected)


def test_the_busier_child_stands_second_and_gaps_follow_it_without_being_told() -> None:
    """As scikit-learn grows trees on data without gaps: then no node has to look for gaps at all."""
    random = np.random.default_rng(1)
    tree = random_tree(random, np.float64)
    inner = ~tree.is_leaf
    tree.threshold[:] = 0.5
    tree.missing_left[inner] = tree.rows[tree.left[inner]] > tree.rows[tree.right[inner]]  # type: ignore[index]  # set
    graph = Graph(WIDTH)
    ensemble(graph, "rows", WIDTH, [tree], targets=1)
    attributes = {attribute.name: attribute for attribute in graph._nodes[-1].attribute}
    assert set(attributes["nodes_missing_value_tracks_true"].ints) == {0}
    assert max(attributes["nodes_featureids"].ints) >= WIDTH
