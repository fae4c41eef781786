"""`parakeet doctor`: what is broken in the ML stack, why, and its repair."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parakeet_cli import console
from parakeet_cli.cli import options
from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.doctor.diagnose import DiagnosisRequest

Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH", help="The ML interpreter to examine."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="2.4|3.0",
        help="The stack to judge by, where no NeMo says which; with --fix, the one to move to.",
    ),
]

REPAIR = "Repair"

doctor_app = typer.Typer(invoke_without_command=True)


@doctor_app.callback()
def doctor(
    context: typer.Context,
    python: Python = None,
    stack: StackOption = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Import each stage, use the GPU, transcribe a sample."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|FILE",
            help="What transcribes the sample: a known name or a .nemo file.",
            show_default="v3, if it is here",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample",
            metavar="WAV",
            help="The sample; its words are in a .txt beside it.",
            show_default="an English one",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID", help="Only this check; repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="ID", help="Not this check; repeatable.")
    ] = None,
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks.")] = False,
    json: Json = False,
    yes: Yes = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All evidence, what is well, pip's words.")
    ] = False,
    config: options.Config = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Examine every node of a Ray cluster.")
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            metavar="ADDRESS",
            help="Where the cluster is: auto, HOST:PORT, ray://HOST:PORT.",
            show_default="this machine",
        ),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Repair in order, prove it, or put all back.", rich_help_panel=REPAIR
        ),
    ] = False,
    reinstall: Annotated[
        bool,
        typer.Option("--reinstall", help="Install the whole stack anew.", rich_help_panel=REPAIR),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the plan, change nothing.", rich_help_panel=REPAIR),
    ] = False,
    torch_index: Annotated[
        str | None,
        typer.Option(
            "--torch-index",
            metavar="NAME|URL",
            help="cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
            show_default="by the GPU",
            rich_help_panel=REPAIR,
        ),
    ] = None,
    wheelhouse: Annotated[
        str | None,
        typer.Option(
            "--wheelhouse",
            metavar="DIR",
            help="Install from this folder alone: no network.",
            rich_help_panel=REPAIR,
        ),
    ] = None,
    download: Annotated[
        bool,
        typer.Option(
            "--download", help="With --dry-run: fill the wheelhouse.", rich_help_panel=REPAIR
        ),
    ] = False,
) -> None:
    """Find what is broken in the ML stack, without importing it; --fix repairs it."""
    given: dict[str, Any] = {"python": python, "stack": stack, "json": json, "config": config}
    given |= {"yes": yes, "deep": deep, "only": _ids(only), "skip": _ids(skip)}
    context.obj = given | {"model": model, "sample": sample}
    if context.invoked_subcommand is not None:
        return
    from parakeet_cli.cli.doctor import output

    if list_checks:
        output.show_checks(as_json=json)
        return
    if ray or ray_address:
        if fix or reinstall or dry_run or download:
            raise UsageError(
                "A repair is each node's own matter: leave out --ray, and run it there."
            )
        raise typer.Exit(_on_nodes(ray_address, context.obj))
    if fix or reinstall or dry_run or download:
        from parakeet_cli.cli.doctor.repair_output import show_repair
        from parakeet_cli.doctor.repair.repair import Options

        how = Options(
            dry_run=dry_run,
            yes=yes,
            reinstall=reinstall,
            download=download,
            torch_index=torch_index,
            wheelhouse=wheelhouse,
        )
        code = show_repair(
            _request({**context.obj, "deep": True}), how, as_json=json, verbose=verbose
        )
        raise typer.Exit(code)
    if torch_index or wheelhouse:
        raise UsageError(
            "--torch-index and --wheelhouse are a repair's.", hint="Add --fix or --dry-run."
        )
    if (model or sample) and not deep:
        raise UsageError("Without --deep nothing is transcribed.", hint="Add --deep.")
    raise typer.Exit(output.show_diagnosis(_request(context.obj), as_json=json, verbose=verbose))


@doctor_app.command("why")
def why(
    context: typer.Context,
    package: Annotated[str, typer.Argument(help="A distribution, as pip names it.")],
    python: Python = None,
    stack: StackOption = None,
    json: Json = False,
    yes: Yes = False,
    config: options.Config = None,
) -> None:
    """Show who requires a package, what the stack says of it, and whether all can be met."""
    from parakeet_cli.cli.doctor import output

    given = _merged(context, python=python, stack=stack, json=json, config=config)
    raise typer.Exit(output.show_why(package, _request(given), as_json=given["json"]))


@doctor_app.command("match")
def match(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="[FILE|-|TEXT]", help="A traceback: a file, - or the text.")
    ] = "-",
    python: Python = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Name the cause of a pasted traceback, and the remedy. Exit 0 matched, 1 not."""
    from parakeet_cli.cli.doctor import output

    given = _merged(context, python=python, json=json)
    raise typer.Exit(output.show_matches(text, as_json=given["json"]))


@doctor_app.command("report")
def report(
    context: typer.Context,
    python: Python = None,
    stack: StackOption = None,
    json: Json = False,
    yes: Yes = False,
    config: options.Config = None,
) -> None:
    """Print Markdown for a bug report, without your home folder and your name."""
    from parakeet_cli.cli.doctor import output

    given = _merged(context, python=python, stack=stack, json=json, config=config)
    output.show_report(_request(given), as_json=given["json"])


@doctor_app.command("rollback")
def rollback(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Argument(metavar="[STATE]", help="The newest, if none is named.")
    ] = None,
    list_states: Annotated[bool, typer.Option("--list", help="List what is kept.")] = False,
    python: Python = None,
    json: Json = False,
    yes: Yes = False,
    config: options.Config = None,
) -> None:
    """Make the environment what it was before the last repair. Needs no network."""
    from parakeet_cli.cli.doctor import repair_output

    given = _merged(context, python=python, json=json, config=config)
    request = _request(given)
    if list_states:
        repair_output.show_states(request, as_json=given["json"])
        return
    raise typer.Exit(repair_output.show_rollback(request, state, as_json=given["json"]))


def _on_nodes(address: str | None, given: dict[str, Any]) -> int:
    """The same doctor with the same options on every node."""
    from parakeet_cli.cli.doctor.ray_nodes import show_nodes

    named = ("python", "stack", "model", "sample")
    asked = [f"--{name}={given[name]}" for name in named if given[name]]
    asked += [f"--{name}={id_}" for name in ("only", "skip") for id_ in given[name]]
    asked += ["--deep"] if given["deep"] else []
    return show_nodes(address, tuple(asked), as_json=given["json"])


def _ids(named: list[str] | None) -> tuple[str, ...]:
    """`--only a --only b` and `--only a,b` mean the same."""
    return tuple(id_.strip() for item in named or () for id_ in item.split(",") if id_.strip())


def _merged(context: typer.Context, **given: Any) -> dict[str, Any]:
    """The options on both sides of the verb; the one after it is the nearer."""
    return {**(context.obj or {}), **{key: value for key, value in given.items() if value}}


def _request(given: dict[str, Any]) -> DiagnosisRequest:
    """Options and settings as what the doctor is asked."""
    from parakeet_cli.config import load_settings
    from parakeet_cli.doctor.diagnose import DiagnosisRequest
    from parakeet_cli.doctor.facts import Sample, Unavailable

    settings = load_settings({"model": given.get("model")}, config=given.get("config"))
    for warning in settings.warnings:
        console.note(f"Warning: {warning}")
    again = ["--python", given["python"]] if given["python"] else []
    again += ["--stack", given["stack"]] if given.get("stack") else []
    mock = settings.origins.get("engine", "the configuration")
    sample: Sample | Unavailable = Unavailable("it was not asked for")
    if deep := given.get("deep", False):
        from parakeet_cli.cli.doctor.sample import find_sample

        sample = find_sample(settings, given.get("sample"))
    return DiagnosisRequest(
        python=given["python"] or settings.ml_python or sys.executable,
        stack=given.get("stack"),
        only=given.get("only", ()),
        skip=given.get("skip", ()),
        deep=deep,
        sample=sample,
        mock=f"the mock engine is selected ({mock})" if settings.engine == "mock" else None,
        options=tuple(again),
    )
