"""vetiver, as its guide deploys a model: a prototype of the features checks each record."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd  # noqa: TID253 - vetiver's prototype is a frame
from vetiver import VetiverAPI, VetiverModel

workload = json.loads(Path(os.environ["BENCH_WORKLOAD"]).read_bytes())
rows = pd.DataFrame(workload["rows"], columns=workload["columns"])[workload["features"]].astype(float)
model = VetiverModel(joblib.load(os.environ["BENCH_PIPELINE"]), "reggaeton", prototype_data=rows)
app = VetiverAPI(model, check_prototype=True).app
