"""Ask a running service with the clients of others: `ask.py ADDRESS < rows.json` prints what each of them got.

rows.json is a body of /get_prediction: `{"data": {"tempo": [94.0, ...], ...}}`. The output is one JSON object: for each
client and way of asking, the labels and whatever else it says. It runs in an environment of its own, made by
`python3 .ci/environment.py .venv-clients app/tests/clients/requirements.txt`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit

# mlflow reports its use to its makers unless this is said before it is loaded. Nothing here phones home.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"

import kserve
import numpy as np
import pandas as pd
import requests
import tritonclient.http as triton
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from tritonclient.utils import InferenceServerException

Columns = dict[str, list[Any]]
DTYPES = {"FP64": np.float64, "INT64": np.int64, "BYTES": np.object_}
PATIENCE_SECONDS = 60


def main() -> None:
    """Ask by every client, and print what they got."""
    address = sys.argv[1].rstrip("/")
    columns: Columns = json.load(sys.stdin)["data"]
    model = read(f"{address}/health/ready")["contract"]
    inputs = read(f"{address}/v2/models/{model}")["inputs"]
    got = {
        "tritonclient": ask_triton(address, model, columns),
        "kserve": asyncio.run(ask_kserve(address, model, inputs, columns)),
        "mlflow": ask_mlflow(address, columns),
    }
    json.dump(got, sys.stdout, indent=1)


def read(url: str) -> dict[str, Any]:
    """What stands at an address, as JSON."""
    said: dict[str, Any] = requests.get(url, timeout=PATIENCE_SECONDS).json()
    return said


def arrays(inputs: list[dict[str, Any]], columns: Columns) -> dict[str, tuple[str, np.ndarray]]:
    """Columns as arrays of the datatypes that the model's metadata announces for them."""
    announced = {tensor["name"]: tensor["datatype"] for tensor in inputs}
    return {
        name: (announced[name], np.array(values, DTYPES[announced[name]]).reshape(-1, 1))
        for name, values in columns.items()
    }


def matrix(inputs: list[dict[str, Any]], columns: Columns) -> np.ndarray | None:
    """All columns as one array in the order of the model's inputs; None where one of them is text."""
    names = [tensor["name"] for tensor in inputs if not tensor["parameters"]["optional"]]
    if any(isinstance(value, str) for name in names for value in columns[name]):
        return None
    return np.array([columns[name] for name in names], np.float64).T


def plain(array: np.ndarray) -> list[Any]:
    """An array as JSON can say it."""
    return [value.decode() if isinstance(value, bytes) else value for value in array.tolist()]


# ------------------------------------------------------------------------------------- tritonclient


def ask_triton(address: str, model: str, columns: Columns) -> dict[str, Any]:
    """NVIDIA's client: named tensors as JSON and as bytes, one tensor for all columns, and a refusal."""
    client = triton.InferenceServerClient(urlsplit(address).netloc, network_timeout=PATIENCE_SECONDS)
    metadata = client.get_model_metadata(model)
    version = metadata["versions"][0]
    named = arrays(metadata["inputs"], columns)
    got = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "version_ready": client.is_model_ready(model, version),
        "other_ready": client.is_model_ready("another"),
        "server": client.get_server_metadata()["name"],
        "json": triton_answer(client, model, named, as_bytes=False),
        "bytes": triton_answer(client, model, named, as_bytes=True),
        "bytes of that version": triton_answer(client, model, named, as_bytes=True, version=version),
        "refusal": triton_refusal(client, model, named),
    }
    whole = matrix(metadata["inputs"], columns)
    if whole is not None:
        for as_bytes in (False, True):
            one = {"all-columns": ("FP64", whole)}
            got[f"one tensor, {'bytes' if as_bytes else 'json'}"] = triton_answer(client, model, one, as_bytes=as_bytes)
    client.close()
    return got


def triton_inputs(named: dict[str, tuple[str, np.ndarray]], *, as_bytes: bool) -> list[triton.InferInput]:
    """Arrays as the client's inputs."""
    inputs = []
    for name, (datatype, array) in named.items():
        one = triton.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array, binary_data=as_bytes)
        inputs.append(one)
    return inputs


def triton_answer(
    client: triton.InferenceServerClient,
    model: str,
    named: dict[str, tuple[str, np.ndarray]],
    *,
    as_bytes: bool,
    version: str = "",
) -> dict[str, Any]:
    """What the client makes of an answer; as bytes it asks for no outputs, and so gets all as bytes."""
    outputs = None
    if not as_bytes:
        outputs = [triton.InferRequestedOutput(name, binary_data=False) for name in ("prediction", "score")]
    inputs = triton_inputs(named, as_bytes=as_bytes)
    result = client.infer(model, inputs, model_version=version, outputs=outputs, request_id="triton-1")
    said = result.get_response()
    probabilities = result.as_numpy("probabilities")
    return {
        "labels": plain(result.as_numpy("prediction")),
        "scores": plain(result.as_numpy("score")),
        "probabilities": None if probabilities is None else probabilities.tolist(),
        "id": said["id"],
        "version": said["model_version"],
        "prediction_id": said["parameters"]["prediction_id"],
    }


def triton_refusal(client: triton.InferenceServerClient, model: str, named: dict[str, Any]) -> dict[str, Any]:
    """What the client's exception says when a column is missing."""
    first, *others = named
    try:
        client.infer(model, triton_inputs({name: named[name] for name in others}, as_bytes=True))
    except InferenceServerException as error:
        return {"missing": first, "status": error.status(), "message": error.message()}
    return {"missing": first, "status": "200", "message": "nobody objected"}


# ------------------------------------------------------------------------------------------- kserve


async def ask_kserve(address: str, model: str, inputs: list[dict[str, Any]], columns: Columns) -> dict[str, Any]:
    """KServe's client: a plain dictionary, and its own request as JSON and as bytes."""
    config = kserve.RESTConfig(protocol="v2", timeout=PATIENCE_SECONDS)
    async with kserve.InferenceRESTClient(config) as client:
        named = arrays(inputs, columns)
        return {
            "live": await client.is_server_live(address),
            "ready": await client.is_server_ready(address),
            "model_ready": await client.is_model_ready(address, model),
            "other_ready": await client.is_model_ready(address, "another"),
            "dictionary": kserve_answer(await client.infer(address, by_hand(inputs, columns), model_name=model)),
            "json": kserve_answer(await client.infer(address, kserve_request(model, named), model_name=model)),
            "bytes": kserve_answer(
                await client.infer(address, kserve_request(model, named, as_bytes=True), model_name=model)
            ),
        }


def by_hand(inputs: list[dict[str, Any]], columns: Columns) -> dict[str, Any]:
    """A request as a person writes it: flat lists of JSON values."""
    announced = {tensor["name"]: tensor["datatype"] for tensor in inputs}
    tensors = [
        {"name": name, "shape": [len(values)], "datatype": announced[name], "data": values}
        for name, values in columns.items()
    ]
    return {"inputs": tensors}


def kserve_request(
    model: str, named: dict[str, tuple[str, np.ndarray]], *, as_bytes: bool = False
) -> kserve.InferRequest:
    """Arrays as the client's request."""
    inputs = []
    for name, (datatype, array) in named.items():
        one = kserve.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array, binary_data=as_bytes)
        inputs.append(one)
    parameters = {"binary_data_output": True} if as_bytes else None
    return kserve.InferRequest(model, inputs, request_id="kserve-1", parameters=parameters)


def kserve_answer(response: kserve.InferResponse) -> dict[str, Any]:
    """What the client makes of an answer."""
    by_name = {output.name: plain(output.as_numpy()) for output in response.outputs}
    return {
        "labels": by_name["prediction"],
        "scores": by_name["score"],
        "probabilities": by_name.get("probabilities"),
        "id": response.id,
        "prediction_id": response.parameters["prediction_id"],
    }


# ------------------------------------------------------------------------------------------- mlflow


def ask_mlflow(address: str, columns: Columns) -> dict[str, Any]:
    """MLflow's scoring client, which writes each of its forms; CSV by hand, since it writes none."""
    place = urlsplit(address)
    client = ScoringServerClient(place.hostname, place.port)
    client.wait_server_ready(timeout=PATIENCE_SECONDS)
    frame = pd.DataFrame(columns)
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    got: dict[str, Any] = {
        "version": client.get_version(),
        "data frame": mlflow_answer(client.invoke(frame)),
        "records as inputs": mlflow_answer(client.invoke(records)),
    }
    for form, data in {
        "dataframe_split": json.loads(frame.to_json(orient="split", double_precision=15)),
        "dataframe_records": records,
        "instances": records,
        "inputs": columns,
    }.items():
        got[form] = mlflow_answer(client.invoke(json.dumps({form: data})))
    got["csv"] = mlflow_csv(address, frame)
    return got


def mlflow_answer(response: Any) -> dict[str, Any]:
    """What the client makes of an answer."""
    return {"labels": response.get_predictions("ndarray").tolist()}


def mlflow_csv(address: str, frame: pd.DataFrame) -> dict[str, Any]:
    """A data frame as pandas writes it."""
    answer = requests.post(
        f"{address}/invocations",
        data=frame.to_csv(index=False).encode(),
        headers={"Content-Type": "text/csv"},
        timeout=PATIENCE_SECONDS,
    )
    answer.raise_for_status()
    return {"labels": answer.json()["predictions"]}


if __name__ == "__main__":
    main()
