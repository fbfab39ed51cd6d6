"""Write the pipeline as an MLflow model: `python mlflow_model.py FOLDER` in MLflow's own environment."""

import os
import sys

import joblib
import mlflow.sklearn

if __name__ == "__main__":
    pipeline = joblib.load(os.environ["BENCH_PIPELINE"])
    mlflow.sklearn.save_model(
        pipeline, sys.argv[1], serialization_format="cloudpickle", pip_requirements=["mlflow", "scikit-learn"]
    )
