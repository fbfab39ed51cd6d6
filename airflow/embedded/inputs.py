"""The files that the demo reads: the contract's example, or somebody's own; what a user has put there is never touched.

With a folder of one's own (`--raw DIR`) the demo works in a tree of its own below `airflow/home/own`: links to the
files, and separate tables, bundles and predictions, so that models of different data are never compared.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from machine import Unready

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model.contracts import Problem

FOLDERS = ("raw", "batch")


@dataclass(frozen=True, slots=True)
class Tree:
    """Where the data and the bundles of a demo lie."""

    data_dir: Path
    artifacts_dir: Path


def example_tree(root: Path, environment: Mapping[str, str]) -> Tree:
    """The project's own folders, or those that the environment names."""
    data = environment.get("MODEL_DATA_DIR") or root / "airflow" / "data"
    artifacts = environment.get("MODEL_ARTIFACTS_DIR") or root / "airflow" / "artifacts"
    return Tree(Path(data).resolve(), Path(artifacts).resolve())


def own_tree(root: Path, raw: Path) -> Tree:
    """A tree for the files in `raw`, the same one each time. Raises Unready when there are none."""
    if not files_in(raw):
        raise Unready(f"{raw} holds no files: give a folder with the contract's raw files")
    name = f"{raw.name}-{hashlib.sha256(str(raw).encode()).hexdigest()[:8]}"
    own = root / "airflow" / "home" / "own" / name
    return Tree(own / "data", own / "artifacts")


def link_own(problem: Problem, tree: Tree, raw: Path) -> str:
    """Let the tree's raw files be those in `raw`, and its batch those in `raw/batch` or else the contract's example."""
    tree.data_dir.mkdir(parents=True, exist_ok=True)
    batch = raw / "batch"
    if not files_in(batch):
        example = tree.data_dir.parent / "example"
        fill(problem, example, ("batch",))
        batch = example / "batch"
    _link(tree.data_dir / "raw", raw)
    _link(tree.data_dir / "batch", batch)
    return f"data: {len(files_in(raw))} files of {raw}, and the batch in {batch}"


def fill(problem: Problem, data_dir: Path, folders: Sequence[str] = FOLDERS) -> str:
    """Write the contract's example where there are no files yet; returns what was done, in words.

    Raises:
        Unready: files are missing and the contract has no example.
    """
    empty = [name for name in folders if not files_in(data_dir / name)]
    if not empty:
        return f"data: reused what lies in {data_dir}"
    if problem.write_example is None:
        sources = ", ".join(source.file for source in problem.contract.sources)
        wanted = f"raw: {sources}" if "raw" in empty else "batch: any *.csv with the contract's columns"
        raise Unready(
            f"contract {problem.contract.name!r} has no example, and files are missing in {data_dir}/{wanted}"
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".example-") as made:
        problem.write_example(Path(made))
        moved = [_move(file, data_dir / name) for name in empty for file in files_in(Path(made) / name)]
    return f"data: wrote the contract's example, {', '.join(moved)}, in {data_dir}"


def files_in(folder: Path) -> list[Path]:
    """The visible files of a folder; none when it does not exist."""
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve(), target_is_directory=True)


def _move(file: Path, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    file.rename(folder / file.name)
    return f"{folder.name}/{file.name}"
