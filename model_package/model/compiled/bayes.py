"""Gaussian naive Bayes: joint log likelihoods, then their softmax."""

from __future__ import annotations

import numpy as np

from model.compiled.graph import Columns, Graph, Step
from model.compiled.links import result, row_sums, softmax


def gaussian_bayes(graph: Graph, columns: Columns, step: Step) -> Columns:
    """GaussianNB: for each class the logarithm of its share and of its normal densities, as scikit-learn adds them."""
    fitted = step.estimator
    half = graph.constant(0.5)
    likelihoods = []
    for share, center, variance in zip(fitted.class_prior_, fitted.theta_, fitted.var_, strict=True):
        distance = graph.add("Sub", columns.name, graph.constant(center))
        squares = graph.add("Div", graph.add("Mul", distance, distance), graph.constant(variance))
        total = graph.add("Mul", half, row_sums(graph, squares, columns.width))
        normal = graph.constant(-0.5 * np.sum(np.log(2.0 * np.pi * variance)))
        likelihoods.append(graph.add("Add", graph.constant(np.log(share)), graph.add("Sub", normal, total)))
    joint = graph.add("Concat", *likelihoods, axis=1)
    return result(softmax(graph, joint, len(likelihoods)), len(likelihoods))
