"""The scorer takes doubles of the right width, gives doubles, and refuses the rest in words."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.contracts import find
from model.errors import BundleDamaged, BundleError
from model.scoring import Scorer
from model.testing.bundles import quick_bundle
from model.testing.programs import needed_program


def model_of(
    kind: int = TensorProto.DOUBLE,
    width: int | str = 2,
    weights: onnx.TensorProto | None = None,
    inputs: tuple[str, ...] = ("rows",),
) -> bytes:
    """A graph that adds `weights` to its rows."""
    weights = weights or numpy_helper.from_array(np.array([1.0, 10.0], helper.tensor_dtype_to_np_dtype(kind)), "c")
    result = helper.make_tensor_value_info("sums", kind, ["n", 2])
    offered = [helper.make_tensor_value_info(name, kind, ["n", width]) for name in inputs]
    graph = helper.make_graph([helper.make_node("Add", ["rows", "c"], ["sums"])], "g", offered, [result], [weights])
    versions = [helper.make_opsetid("", 21)]
    return bytes(helper.make_model(graph, opset_imports=versions, ir_version=10).SerializeToString())


def test_it_scores_one_row_many_rows_and_none() -> None:
    scorer = Scorer(model_of())
    assert scorer.width == 2
    for count in (0, 1, 1_000):
        np.testing.assert_array_equal(scorer.score(np.ones((count, 2))), np.tile([2.0, 11.0], (count, 1)))


def test_where_there_are_no_files_in_memory_it_loads_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.memfd_create")
    np.testing.assert_array_equal(Scorer(model_of()).score(np.ones((1, 2))), [[2.0, 11.0]])


def test_a_word_that_names_other_files_is_found_wherever_it_stands() -> None:
    for at in (0, (1 << 20) - 4, 1 << 20, (2 << 20) + 1):
        with pytest.raises(BundleDamaged, match="other files"):
            Scorer(bytes(at) + b"location" + bytes(100))


def test_it_takes_views_that_are_not_contiguous() -> None:
    wide = np.arange(40.0).reshape(5, 8)
    np.testing.assert_array_equal(Scorer(model_of()).score(wide[::2, 1:5:3]), wide[::2, 1:5:3] + [1.0, 10.0])


def test_many_threads_share_one_scorer() -> None:
    scorer = Scorer(model_of())
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda value: scorer.score(np.full((3, 2), float(value))), range(200)))
    assert all((result == [value + 1.0, value + 10.0]).all() for value, result in enumerate(results))


@pytest.mark.parametrize(
    "rows", [np.zeros((4, 3)), np.zeros(2), np.zeros((1, 2, 2)), np.zeros((4, 2), np.float32), np.zeros((4, 2), int)]
)
def test_it_refuses_rows_of_another_shape_or_type(rows: np.ndarray) -> None:
    with pytest.raises(BundleError, match=r"the model takes float64 rows \[n, 2\], not"):
        Scorer(model_of()).score(rows)


@pytest.mark.parametrize("damaged", [b"", b"no model", model_of()[:-40], bytes(1_000)])
def test_it_refuses_bytes_that_are_no_model(damaged: bytes) -> None:
    with pytest.raises(BundleDamaged):
        Scorer(damaged)


@pytest.mark.parametrize(
    "model",
    [model_of(TensorProto.FLOAT), model_of(width="k"), model_of(inputs=("rows", "more"))],
    ids=["single precision", "width unknown", "two inputs"],
)
def test_it_refuses_models_of_another_shape(model: bytes) -> None:
    with pytest.raises(BundleDamaged, match="the model"):
        Scorer(model)


def test_it_refuses_models_that_read_other_files() -> None:
    weights = TensorProto(name="c", data_type=TensorProto.DOUBLE, dims=[2], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="weights.bin")
    with pytest.raises(BundleDamaged, match="other files"):
        Scorer(model_of(weights=weights))


def test_it_loads_no_training_library() -> None:
    heavy = "{'pandas', 'sklearn', 'scipy', 'onnx', 'pyarrow'}"
    program = (
        f"import sys, model.scoring; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.services
def test_a_scorer_opens_no_socket_to_anywhere(tmp_path: Path) -> None:
    strace = needed_program("strace")
    version = quick_bundle(find("wine").contract, tmp_path)
    script = "import sys, time; from model.scoring import Scorer; Scorer(open(sys.argv[1], 'rb').read()); time.sleep(2)"
    log = tmp_path / "log"
    command = [strace, "-f", "-qq", "-e", "trace=socket", "-o", log, sys.executable, "-c", script]
    subprocess.run([*command, tmp_path / "wine" / version / "model.onnx"], check=True)
    assert "AF_INET" not in log.read_text()
