"""The command `parakeet doctor` and its verbs: parse the options, call, exit with a code."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from parakeet_cli.cli import options
from parakeet_cli.cli.doctor.request import DoctorRequest, with_report_name

Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH", help="The ML interpreter to examine."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before changing anything.")]
StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="2.4|3.0",
        help="The stack to judge by if NeMo isn't installed; with --fix, the one to move to.",
    ),
]

REPAIR = "Repair"
GPU = "GPU"


class DoctorGroup(TyperGroup):
    """The doctor's command, of which one option may go without its value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_report_name(args, self.commands))


doctor_app = typer.Typer(cls=DoctorGroup, invoke_without_command=True)


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
            help="The model that transcribes the sample: a name or a .nemo file.",
            show_default="v3, if it is cached",
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
        list[str] | None, typer.Option("--skip", metavar="ID", help="Skip this check; repeatable.")
    ] = None,
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks.")] = False,
    all_kept: Annotated[
        bool, typer.Option("--all", help="Examine every environment that setup keeps.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show all evidence and pip's output."),
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
    gpu_report: Annotated[
        str | None,
        typer.Option(
            "--gpu-report",
            metavar="[FILE]",
            help="Write Markdown about the GPU, torch and NeMo, and how fast it transcribes, to "
            "gpu-report.md or FILE; - is stdout.",
            rich_help_panel=GPU,
        ),
    ] = None,
    hours: Annotated[
        float,
        typer.Option(
            metavar="N",
            min=0.01,
            help="With --gpu-report: hours of audio, to see whether memory grows.",
            rich_help_panel=GPU,
        ),
    ] = 1.0,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Repair and prove it, or put everything back.",
            rich_help_panel=REPAIR,
        ),
    ] = False,
    reinstall: Annotated[
        bool,
        typer.Option("--reinstall", help="Reinstall the whole stack.", rich_help_panel=REPAIR),
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
            help="cu126, cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
            show_default="by the GPU",
            rich_help_panel=REPAIR,
        ),
    ] = None,
    wheelhouse: Annotated[
        str | None,
        typer.Option(
            "--wheelhouse",
            metavar="DIR",
            help="Install only from this folder, without a network.",
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
    request = context.obj = DoctorRequest(
        python=python,
        stack=stack,
        deep=deep,
        model=model,
        sample=sample,
        only=_ids(only),
        skip=_ids(skip),
        json=json,
        yes=yes,
        config=config,
        fix=fix,
        reinstall=reinstall,
        dry_run=dry_run,
        download=download,
        torch_index=torch_index,
        wheelhouse=wheelhouse,
        gpu_report=gpu_report,
    )
    if context.invoked_subcommand is not None:
        request.check_verb(context.invoked_subcommand)
        return
    from parakeet_cli.cli.doctor import output

    if list_checks:
        output.show_checks(as_json=json)
        return
    on_nodes = ray or bool(ray_address)
    request.check_options(on_nodes=on_nodes, on_all=all_kept)
    if all_kept:
        from parakeet_cli.cli.doctor.kept import show_all

        code: int = show_all(request, as_json=json, verbose=verbose)
    elif on_nodes:
        from parakeet_cli.cli.doctor.ray_nodes import show_nodes

        code = show_nodes(ray_address, request.as_arguments(), as_json=json)
    elif gpu_report:
        from parakeet_cli.cli.doctor.gpu_output import show_gpu_report

        code = show_gpu_report(request, hours)
    elif request.is_repair:
        from parakeet_cli.cli.doctor.repair_output import show_repair

        code = show_repair(request.repair(), as_json=json, verbose=verbose)
    else:
        code = output.show_diagnosis(request.diagnosis(), as_json=json, verbose=verbose)
    raise typer.Exit(code)


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

    request = _merged(
        context, DoctorRequest(python=python, stack=stack, json=json, yes=yes, config=config)
    )
    raise typer.Exit(output.show_why(package, request.diagnosis(), as_json=request.json))


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
    """Name the cause of a pasted traceback, and the remedy. Exit 0 matched, 1 not.

    With --python, each guess is compared with that environment.
    """
    from parakeet_cli.cli.doctor import output

    request = _merged(context, DoctorRequest(python=python, json=json, yes=yes))
    environment = request.named_environment()
    raise typer.Exit(output.show_matches(text, environment, as_json=request.json))


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

    request = _merged(
        context, DoctorRequest(python=python, stack=stack, json=json, yes=yes, config=config)
    )
    output.show_report(request.diagnosis(), as_json=request.json)


@doctor_app.command("rollback")
def rollback(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Argument(metavar="[STATE]", help="The id of a repair; the newest if none is named."),
    ] = None,
    list_states: Annotated[
        bool, typer.Option("--list", help="List the repairs that can be rolled back.")
    ] = False,
    python: Python = None,
    json: Json = False,
    yes: Yes = False,
    config: options.Config = None,
) -> None:
    """Make the environment what it was before the last repair. Needs no network."""
    from parakeet_cli.cli.doctor.repair_output import show_restore_points, show_rollback

    request = _merged(context, DoctorRequest(python=python, json=json, yes=yes, config=config))
    if list_states:
        show_restore_points(request.diagnosis(), as_json=request.json)
        return
    raise typer.Exit(show_rollback(request.diagnosis(), state, as_json=request.json))


def _ids(named: list[str] | None) -> tuple[str, ...]:
    """`--only a --only b` and `--only a,b` mean the same."""
    return tuple(id_.strip() for item in named or () for id_ in item.split(",") if id_.strip())


def _merged(context: typer.Context, after_verb: DoctorRequest) -> DoctorRequest:
    """The options on both sides of a verb; they mean the same on either."""
    before: DoctorRequest = context.obj or DoctorRequest()
    return before.merged(after_verb)
