"""A fitted scikit-learn pipeline as one ONNX graph in double precision that answers as the pipeline does.

    graph         what a graph is built with: nodes, constants, columns that remember where they come from
    transformers  imputing, scaling, encoding                          composition  Pipeline, ColumnTransformer
    trees         fitted trees -> the TreeEnsemble operator            links        raw scores -> probabilities
    estimators    everything that may stand last                       histogram    HistGradientBoosting
    pipeline      compile_pipeline: the walk over all of them          proof        prove_equal, adversarial_rows

Only the training side imports this package (scikit-learn and onnx); the service runs the bytes: `model.scoring`.
"""

from model.compiled.pipeline import compile_pipeline
from model.compiled.proof import adversarial_rows, prove_equal
from model.errors import CannotCompile

__all__ = ["CannotCompile", "adversarial_rows", "compile_pipeline", "prove_equal"]
