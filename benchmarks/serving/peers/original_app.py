"""The original's design: FastAPI, a pandas frame for each request, the pipeline as joblib left it."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd  # noqa: TID253 - it is what the design loads
from fastapi import FastAPI, Request

workload = json.loads(Path(os.environ["BENCH_WORKLOAD"]).read_bytes())
pipeline = joblib.load(os.environ["BENCH_PIPELINE"])
app = FastAPI()


@app.post("/get_prediction")
async def get_prediction(request: Request) -> dict:
    """The README's request."""
    frame = pd.DataFrame((await request.json())["data"])
    labels = pipeline.predict(frame[workload["features"]]).tolist()
    return {"prediction": labels[0] if len(labels) == 1 else labels}
