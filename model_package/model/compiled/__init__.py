"""A fitted scikit-learn pipeline as one ONNX graph in double precision that answers as the pipeline does.

    graph, trees, links, search     what a graph is built with: operators, trees, inverse links, places among edges
    transformers, composition       the table of steps that prepare; Pipeline, ColumnTransformer
    estimators, parts               the table of what may stand last; what estimators made of estimators are given
    pipeline                        compile_pipeline: the walk over all of them
    proof                           prove_equal, adversarial_rows

The other modules are the rules, by kind: encoding, scaling, bins, splines, polynomials; forests, boosting, histogram,
linear, networks, bayes; calibration, combined.

Only the training side imports this package (scikit-learn and onnx); the service runs the bytes: `model.scoring`.
"""

from model.compiled.pipeline import compile_pipeline
from model.compiled.proof import adversarial_rows, prove_equal
from model.errors import CannotCompile

__all__ = ["CannotCompile", "adversarial_rows", "compile_pipeline", "prove_equal"]
