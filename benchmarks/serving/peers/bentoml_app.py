"""BentoML with its adaptive batching: arrays in, arrays out."""

import os

import bentoml
import joblib
import numpy as np

SIZE = int(os.environ["BENCH_BATCH_SIZE"])
MILLISECONDS = int(os.environ["BENCH_BATCH_MS"])


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Reggaeton:
    """One model in one process."""

    def __init__(self) -> None:
        """Load the pipeline that takes arrays."""
        self.pipeline = joblib.load(os.environ["BENCH_PIPELINE"])

    @bentoml.api(batchable=True, max_batch_size=SIZE, max_latency_ms=MILLISECONDS)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """[n, features] -> [n]."""
        return self.pipeline.predict(rows)
