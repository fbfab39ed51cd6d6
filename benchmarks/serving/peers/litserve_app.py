"""LitServe with batching: its worker stacks what waits, predicts once, and hands the labels back."""

import json
import os
from pathlib import Path

import joblib
import litserve
import numpy as np


class Reggaeton(litserve.LitAPI):
    """The README's request in, the README's answer out."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe names the device
        """Load the pipeline that takes arrays."""
        self.features = json.loads(Path(os.environ["BENCH_WORKLOAD"]).read_bytes())["features"]
        self.pipeline = joblib.load(os.environ["BENCH_PIPELINE"])

    def decode_request(self, request: dict) -> np.ndarray:
        """One request -> [n, features]."""
        return np.column_stack([request["data"][name] for name in self.features])

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """As they came: requests may have several rows."""
        return inputs

    def predict(self, inputs: list[np.ndarray]) -> list[list[int]]:
        """All requests' rows at once."""
        labels = self.pipeline.predict(np.vstack(inputs))
        return [part.tolist() for part in np.split(labels, np.cumsum([len(rows) for rows in inputs])[:-1])]

    def unbatch(self, output: list[list[int]]) -> list[list[int]]:
        """The labels of each request."""
        return output

    def encode_response(self, output: list[int]) -> dict:
        """The labels of one request."""
        return {"prediction": output[0] if len(output) == 1 else output}


if __name__ == "__main__":
    api = Reggaeton(
        max_batch_size=int(os.environ["BENCH_BATCH_SIZE"]), batch_timeout=float(os.environ["BENCH_BATCH_MS"]) / 1000
    )
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
