"""`python -m model <verb>`: the pipeline, its bundles and its contract from the command line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from model.contracts import find, shipped
from model.errors import BundleError, ModelError
from model.settings import Drift, Promotion, Settings

EPILOG = """Exit status: 0 done, 2 the contract is wrong, 3 the data breaks it, 4 training failed, 5 a bundle cannot be
used, 6 an earlier step has not run, 7 the store did not answer. Every setting, more than have an option here, can be
given as MODEL_<NAME> in the environment: docs/operations.md lists them."""

app = typer.Typer(
    help=__doc__,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Batch = Annotated[bool, typer.Option("--batch", help="The files in data/batch instead of those in data/raw")]
Why = Annotated[str, typer.Option(help="Why, for the audit")]


@app.callback()
def _choose(
    context: typer.Context,
    contract: Annotated[str | None, typer.Option(help="A shipped contract's name, or a contract file (.py)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The folder of raw, batch and derived data")] = None,
    artifacts_dir: Annotated[Path | None, typer.Option(help="The folder of bundles")] = None,
) -> None:
    given = {"contract": contract, "data_dir": data_dir, "artifacts_dir": artifacts_dir}
    context.obj = {name: value for name, value in given.items() if value is not None}


def _settings(context: typer.Context, **more: Any) -> Settings:  # noqa: ANN401 - settings of any kind
    return Settings(**context.obj, **{name: value for name, value in more.items() if value is not None})


def _run(step: str, settings: Settings) -> None:
    from model import tasks  # noqa: PLC0415 - `--help` costs no pandas

    tasks.run(step, settings, _clocked())


def _clocked() -> Callable[[str], None]:
    """Writes lines, each with the seconds since now."""
    started = time.monotonic()

    def report(line: str) -> None:
        typer.echo(f"[{time.monotonic() - started:6.1f} s] {line}")

    return report


@app.command()
def validate(context: typer.Context, *, batch: Batch = False) -> None:
    """Check the raw files against the contract: text first, then types and ranges, then rows and leaks."""
    _run("validate_batch" if batch else "validate", _settings(context))


@app.command()
def collect(context: typer.Context, *, batch: Batch = False) -> None:
    """Make one table of the validated files, and say what was dropped and why."""
    _run("collect_batch" if batch else "collect", _settings(context))


@app.command()
def preprocess(context: typer.Context, seed: Annotated[int | None, typer.Option(help="Of the split")] = None) -> None:
    """Draw the hold-out, and make the pipeline that will be fitted on the rest."""
    _run("preprocess", _settings(context, seed=seed))


@app.command()
def train(
    context: typer.Context,
    promote: Annotated[Promotion | None, typer.Option(help="What becomes of the new bundle")] = None,
    seed: Annotated[int | None, typer.Option(help="Of folds and resamples")] = None,
    why: Why = "",
) -> None:
    """Train, judge once on the hold-out, write the bundle, and promote it when it is better."""
    _run("train", _settings(context, promote=promote, seed=seed, reason=why or None))


@app.command("create-batch-data")
def create_batch_data(context: typer.Context) -> None:
    """Encode the collected batch as the model takes it."""
    _run("create_batch_data", _settings(context))


@app.command()
def predict(
    context: typer.Context,
    version: Annotated[str | None, typer.Option(help="A bundle version; the champion when not said")] = None,
) -> None:
    """Predict the batch: Parquet, CSV and the store. A rerun adds nothing."""
    _run("predict", _settings(context, batch_version=version))


@app.command()
def measure(
    context: typer.Context,
    since: Annotated[datetime | None, typer.Option(help="One window from this moment on, in UTC")] = None,
    until: Annotated[datetime | None, typer.Option(help="... and before this one")] = None,
) -> None:
    """Measure drift and quality of the latest windows, or of the one that is named, by version."""
    _run("measure", _settings(context, monitor_since=since, monitor_until=until))


@app.command()
def decide(context: typer.Context) -> None:
    """Decide by the written policy whether to train again, and keep the decision with its reasons."""
    _run("decide", _settings(context))


@app.command()
def ship(
    context: typer.Context,
    spool_dir: Annotated[Path | None, typer.Option(help="The folder in which they wait")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until SIGTERM")] = False,
) -> None:
    """Write the predictions that wait in the spool into the store, each once, of every contract."""
    _run("ship", _settings(context, spool_dir=spool_dir, ship_follow=follow or None))


@app.command()
def truth(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="A CSV file or a folder of them; data/truth when not said")
    ] = None,
) -> None:
    """Store what proved true: CSV files with the key or prediction_id, the target, and perhaps truth_at."""
    _run("truth", _settings(context, truth_from=path))


@app.command()
def join(
    context: typer.Context,
    days: Annotated[int | None, typer.Option(help="Of the last so many days; 0: of all")] = None,
    version: Annotated[str | None, typer.Option(help="Only those of this bundle")] = None,
    origin: Annotated[str | None, typer.Option(help="Only those: online or batch")] = None,
) -> None:
    """Count the predictions, of how many the truth is known, and what of the truth fits none or contradicts itself."""
    _run("join", _settings(context, join_days=days, join_version=version, join_origin=origin))


@app.command()
def prune(
    context: typer.Context,
    older_than: Annotated[int | None, typer.Option(help="Days; 0 deletes nothing")] = None,
    origin: Annotated[str | None, typer.Option(help="Only those: online or batch")] = None,
) -> None:
    """Delete old predictions from the store."""
    _run("prune", _settings(context, keep_days=older_than, prune_origin=origin))


@app.command()
def replay(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Option(help="The bundle version that is asked; the champion when not said")
    ] = None,
    since: Annotated[str | None, typer.Option(help="A moment, e.g. 2026-11-01 or 2026-11-01T12:00:00Z")] = None,
    until: Annotated[str | None, typer.Option(help="A moment, not included")] = None,
    recorded: Annotated[str | None, typer.Option(help="Only what this version answered")] = None,
    origin: Annotated[str | None, typer.Option(help="Only those: online or batch")] = None,
) -> None:
    """Ask a version again what is stored, and report which answers differ: JSON and a picture."""
    said = {"version": version, "since": since, "until": until, "recorded": recorded, "origin": origin}
    _run("replay", _settings(context, **{f"replay_{name}": value for name, value in said.items()}))


@app.command()
def simulate(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="For the picture, the figures and the simulated deployment")],
    file: Annotated[Path | None, typer.Option(help="Labelled rows (CSV) instead of a stream of tracks")] = None,
    time_column: Annotated[str, typer.Option("--time", help="The file's column of moments")] = "created_at",
    days: Annotated[int, typer.Option(help="How many days")] = 60,
    rows: Annotated[int, typer.Option(help="Rows a day, of a stream")] = 500,
    drift: Annotated[Drift, typer.Option(help="Of a stream: none, inputs, prior, concept or meaning")] = "meaning",
    strength: Annotated[float, typer.Option(help="How much it drifts")] = 0.6,
    since: Annotated[int, typer.Option(help="The day on which it begins")] = 21,
    history: Annotated[int, typer.Option(help="Rows that the first model is trained on")] = 3_000,
    delay: Annotated[float, typer.Option(help="Days until the truth of a prediction comes")] = 2,
    oldest_days: Annotated[float | None, typer.Option(help="Learn from predictions of the last so many days")] = None,
    replaces_files_from: Annotated[int | None, typer.Option(help="... alone, when there are so many")] = None,
    seed: Annotated[int, typer.Option(help="Of the stream and the trainings")] = 0,
    *,
    short: Annotated[bool, typer.Option("--short", help="Few days, the drift in their middle")] = False,
) -> None:
    """Replay labelled rows as live traffic whose truth comes late, and draw quality with and without retraining."""
    from model.simulation import Scenario  # noqa: PLC0415 - `--help` costs no pandas
    from model.simulation import simulate as replay_days  # noqa: PLC0415

    scenario = Scenario(
        file=file,
        time=time_column,
        days=days,
        rows=rows,
        drift=drift,
        strength=strength,
        since=since,
        history=history,
        delay=delay,
        oldest_days=oldest_days,
        replaces_files_from=replaces_files_from,
        seed=seed,
    )
    settings = _settings(context, seed=seed, cv_repeats=1)
    replay_days(settings, scenario.short() if short else scenario, folder, _clocked())


@app.command()
def bundles(context: typer.Context) -> None:
    """List the bundles, the champion marked, each with its main figure on its own hold-out."""
    from model.bundle import read_manifest  # noqa: PLC0415
    from model.derived.docs import headline  # noqa: PLC0415

    registry = _registry(_settings(context))
    champion = registry.champion_or_none()
    for version in registry.versions():
        manifest = read_manifest(registry.root / version)
        mark = "*" if version == champion else " "
        figure = headline(json.loads((registry.root / version / "metrics.json").read_bytes()))
        typer.echo(f"{mark} {version}  {figure}  seed {manifest.facts.seed}, data {manifest.facts.data[:8]}")
        if manifest.facts.served_by == "pipeline":
            typer.echo(f"    served by its pipeline, no compiled form: {manifest.facts.not_compiled}")
    typer.echo(f"{len(registry.versions())} bundles in {registry.root}; * serves")


@app.command()
def history(context: typer.Context) -> None:
    """Show who promoted what, when and why."""
    for entry in _registry(_settings(context)).history():
        typer.echo(f"{entry['when']}  {entry['event']:<11}  {entry['version']}  by {entry['who']}: {entry['why']}")


@app.command()
def promote(context: typer.Context, version: str, why: Why = "") -> None:
    """Make a bundle the champion, once it has loaded and passed its self-test."""
    settings = _settings(context)
    _registry(settings).promote(version, who=settings.who, why=why or "by hand")
    typer.echo(f"{version} is the champion")


@app.command()
def rollback(context: typer.Context, why: Why = "") -> None:
    """Make the champion before this one the champion again."""
    settings = _settings(context)
    typer.echo(f"{_registry(settings).rollback(who=settings.who, why=why or 'by hand')} is the champion again")


@app.command()
def keygen(folder: Path) -> None:
    """Make a pair of keys: a private one that signs bundles, and the public one that the service checks them with."""
    from model.signature import make_pair  # noqa: PLC0415

    private, public = make_pair(folder)
    typer.echo(f"{private} signs, keep it secret: MODEL_SIGNING_KEY={private}")
    typer.echo(f"{public} checks, give it to the service: SERVICE_SIGNING_KEY={public}")


@app.command()
def sign(
    context: typer.Context,
    version: str,
    was: Annotated[Path | None, typer.Option(help="Public keys by which it must be signed already")] = None,
) -> None:
    """Sign a bundle that stands already with MODEL_SIGNING_KEY, once it has loaded and passed its self-test."""
    from model.bundle import sign_folder  # noqa: PLC0415
    from model.registry import Registry  # noqa: PLC0415
    from model.signature import read_public_keys, signer  # noqa: PLC0415

    settings = _settings(context)
    if not settings.signing_key:
        raise BundleError("there is no key to sign with: set MODEL_SIGNING_KEY (`python -m model keygen FOLDER`)")
    before = read_public_keys(was) if was else None
    registry = Registry(settings.artifacts_dir, find(settings.contract).contract.name, verify_key=before)
    registry.load(version).close()
    sign_folder(registry.root / version, signer(Path(settings.signing_key)))
    typer.echo(f"{version} is signed with {settings.signing_key}")


def _registry(settings: Settings) -> Any:  # noqa: ANN401 - imported below: it costs ONNX Runtime
    from model.tasks import Job  # noqa: PLC0415

    return Job(settings, typer.echo).registry


@app.command()
def example(
    context: typer.Context,
    seed: Annotated[int, typer.Option(help="Of the generated rows")] = 0,
    *,
    force: Annotated[bool, typer.Option("--force", help="Write even where there are files")] = False,
) -> None:
    """Write the contract's example data into the data folder, unless it holds some already."""
    settings = _settings(context)
    raw = settings.data_dir / "raw"
    if not force and any(path for path in raw.glob("*") if not path.name.startswith(".")):
        typer.echo(f"{raw} holds files already: nothing written")
        return
    write = find(settings.contract).write_example
    if write is None:
        typer.echo(f"contract {settings.contract} brings no example data: put your files into {raw}")
        return
    for path in write(settings.data_dir, seed=seed):
        typer.echo(f"wrote {path}")


@app.command()
def contract(context: typer.Context, *, curl: Annotated[bool, typer.Option("--curl")] = False) -> None:
    """Check the contract, and show its columns (or, with --curl, a request that works)."""
    from model.derived import docs  # noqa: PLC0415

    problem = find(_settings(context).contract)
    if curl:
        typer.echo(docs.curl(problem.contract))
        return
    typer.echo(f"{problem.contract.name}: {problem.contract.description}\nfingerprint {problem.contract.fingerprint}\n")
    typer.echo(docs.columns_table(problem.contract))
    typer.echo(f"\nshipped contracts: {', '.join(shipped())}")


def main() -> None:
    """Run a verb; a ModelError becomes its message and its exit status."""
    try:
        app(prog_name="python -m model")
    except ModelError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except ValidationError as error:
        from model.contract import explain  # noqa: PLC0415

        typer.echo(f"error: {explain(error, 'an option or a MODEL_* variable is wrong')}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
