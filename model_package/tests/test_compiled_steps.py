"""A transformer that says it is exact gives scikit-learn's very bits; one that does not comes within rounding."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    TargetEncoder,
)

from model.compiled.graph import Columns, Graph, Step
from model.compiled.search import interpolate, places
from model.compiled.transformers import TRANSFORMERS
from model.scoring import Scorer
from model.testing.pipelines import Floats, rows_like_training, target


def learnt_from() -> Floats:
    return rows_like_training(400, 1, missing=False)


def hard() -> Floats:
    """Rows inside and beyond what was learnt, on it and next to it; the codes are known ones."""
    known, others = learnt_from(), rows_like_training(1_500, 2, missing=False)
    stretched = known * [1.4, 1.4, 1.4, 1, 1] - [7, 7, 7, 0, 0]
    beside = [np.hstack([np.nextafter(known[:, :3], end), known[:, 3:]]) for end in (-np.inf, np.inf)]
    return np.concatenate([known, stretched, others, *beside])


def compiled(transformer: Any, rows: Floats) -> tuple[Floats, bool]:
    """What the compiled form of a fitted transformer makes of `rows`, and whether it claims scikit-learn's bits."""
    graph = Graph(rows.shape[1])
    made = TRANSFORMERS[type(transformer)](graph, graph.rows, Step("step", transformer))
    return Scorer(graph.serialized(made.name, "made", ["n", made.width])).score(rows), not made.rounded


def given(transformer: Any, rows: Floats) -> Floats:
    made = transformer.transform(rows)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made)


WAYS = [way for way in product(range(5), ("continue", "constant", "linear", "periodic")) if way != (0, "constant")]


@pytest.mark.parametrize(("degree", "extrapolation"), WAYS)
def test_splines_are_exact_to_the_bit_in_every_degree_and_extrapolation(degree: int, extrapolation: str) -> None:
    """Two columns and five: in scikit-learn 1.9 a low degree's linear ends depend on the column's place."""
    for knots, width in product(("uniform", "quantile"), (2, 5)):
        splines = SplineTransformer(6, degree, knots=knots, extrapolation=extrapolation, include_bias=width == 2)
        splines.fit(learnt_from()[:, :width])
        made, exact = compiled(splines, hard()[:, :width])
        assert exact
        np.testing.assert_array_equal(made, given(splines, hard()[:, :width]))


EXACT: dict[str, Callable[[], Any]] = {
    "products": lambda: PolynomialFeatures(3),
    "products of other columns": lambda: PolynomialFeatures((2, 4), interaction_only=True, include_bias=False),
    "robust": RobustScaler,
    "robust, not centered": lambda: RobustScaler(with_centering=False),
    "robust, not scaled": lambda: RobustScaler(with_scaling=False),
    "largest": MaxAbsScaler,
    "largest, clipped": lambda: MaxAbsScaler(clip=True),
    "rows of size one": lambda: Normalizer("max"),
    "few quantiles": lambda: QuantileTransformer(n_quantiles=20),
    "all quantiles": lambda: QuantileTransformer(n_quantiles=400),
    "bins, one column each": lambda: KBinsDiscretizer(3, strategy="uniform"),
    "bins by number": lambda: KBinsDiscretizer(5, strategy="kmeans", encode="ordinal", random_state=0),
}


@pytest.mark.filterwarnings("ignore:Bins whose width are too small")
@pytest.mark.parametrize("name", EXACT)
def test_what_says_it_is_exact_is_so_to_the_bit(name: str) -> None:
    transformer = EXACT[name]().fit(learnt_from()[:, :4])
    made, exact = compiled(transformer, hard()[:, :4])
    assert exact
    np.testing.assert_array_equal(made, given(transformer, hard()[:, :4]))


@pytest.mark.parametrize("kind", ["two", "three", "value"])
def test_means_of_the_target_are_exact_for_known_unknown_and_missing_codes(kind: str) -> None:
    codes = learnt_from()[:, 3:]
    codes[::7, 0] = np.nan
    encoder = TargetEncoder().fit(codes, target(learnt_from(), kind))
    rows = np.concatenate([codes, [[99.0, np.nan], [np.nan, 0.5], [3.0, -1.0]]])
    made, exact = compiled(encoder, rows)
    assert exact
    np.testing.assert_array_equal(made, encoder.transform(rows))


@pytest.mark.parametrize("name", ["l1", "l2", "power", "power as it is", "no power"])
def test_what_is_right_up_to_rounding_says_so(name: str) -> None:
    transformer = {
        "power": PowerTransformer(),
        "power as it is": PowerTransformer(standardize=False),
        "no power": PowerTransformer(standardize=False),
    }.get(name) or Normalizer(name)
    transformer.fit(learnt_from()[:, :2])
    if name == "no power":
        transformer.lambdas_ = np.array([0.0, 2.0])
    rows = np.concatenate([hard()[:, :2], [[0.0, 0.0], [1e-18, -1e-18], [1e-9, -1e-9]]])
    made, exact = compiled(transformer, rows)
    assert not exact
    np.testing.assert_allclose(made, transformer.transform(rows), rtol=2e-13, atol=1e-14)


def test_splines_leave_nothing_of_a_missing_number() -> None:
    learnt = rows_like_training(300, 1, missing=True)
    for extrapolation in ("continue", "constant", "linear", "periodic"):
        splines = SplineTransformer(handle_missing="zeros", extrapolation=extrapolation).fit(learnt)
        made, _ = compiled(splines, learnt)
        np.testing.assert_array_equal(made, given(splines, learnt))


def test_a_place_is_how_many_edges_are_at_most_the_number() -> None:
    edges = [np.array([-1.0, 0.0, 0.0, 2.5]), np.array([]), np.array([7.0])]
    graph = Graph(3)
    found = Columns(graph.double(places(graph, graph.rows, edges)), (None,) * 3)
    numbers = np.array([-2.0, -1.0, np.nextafter(0, -1), 0.0, 2.0, 2.5, np.nextafter(2.5, 0), 7.0, 1e300])
    rows = np.column_stack([numbers] * 3)
    given_places = Scorer(graph.serialized(found.name, "places", ["n", 3])).score(rows)
    expected = np.column_stack([np.searchsorted(values, numbers, side="right") for values in edges])
    np.testing.assert_array_equal(given_places, expected)


def test_interpolating_gives_the_bits_of_numpy() -> None:
    random = np.random.default_rng(0)
    x, y = np.sort(random.normal(size=200)), random.normal(size=200)
    x[50:55] = x[50]
    graph = Graph(1)
    made = graph.serialized(interpolate(graph, graph.rows, [(x, y)]), "made", ["n", 1])
    numbers = np.concatenate([random.normal(scale=2, size=5_000), x, np.nextafter(x, 9), np.nextafter(x, -9), [np.nan]])
    np.testing.assert_array_equal(Scorer(made).score(numbers[:, np.newaxis])[:, 0], np.interp(numbers, x, y))
