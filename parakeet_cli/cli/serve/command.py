"""The command `parakeet serve`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from parakeet_cli.cli import options
from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.server.request import ServeRequest

LISTEN, LIMITS = "Where it listens, and for whom", "Limits"

# What the extra `serve` brings: the modules, and the packages that have them.
_NEEDED = {
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "python_multipart": "python-multipart",
    "websockets": "websockets",
    "prometheus_client": "prometheus-client",
    "wyoming": "wyoming",
}


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address.", rich_help_panel=LISTEN)
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="The port; 0 takes a free one.", rich_help_panel=LISTEN
        ),
    ] = 8178,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="FILE",
            help="A file with the key that clients must send, or several, one a line.",
            show_default=False,
            rich_help_panel=LISTEN,
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="A name that a proxy gives this server; repeatable.",
            show_default=False,
            rich_help_panel=LISTEN,
        ),
    ] = None,
    wyoming: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve Home Assistant's Wyoming there, too.",
            show_default=False,
            rich_help_panel=LISTEN,
        ),
    ] = None,
    allow_client: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-client",
            metavar="ADDRESS|NETWORK",
            help="Who may use Wyoming from another machine; repeatable.",
            show_default=False,
            rich_help_panel=LISTEN,
        ),
    ] = None,
    max_upload: Annotated[
        int,
        typer.Option(
            "--max-upload", metavar="MB", min=1, help="The largest upload.", rich_help_panel=LIMITS
        ),
    ] = 1000,
    max_waiting: Annotated[
        int,
        typer.Option(
            "--max-waiting",
            min=1,
            help="Requests in work or waiting; others get 503.",
            rich_help_panel=LIMITS,
        ),
    ] = 100,
    grace: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            help="How long requests in work may take to be finished at the end.",
            rich_help_panel=LIMITS,
        ),
    ] = 30.0,
    log_text: Annotated[
        bool,
        typer.Option(
            "--log-text",
            help="Write what was said to the log.",
            rich_help_panel=options.MESSAGES_PANEL,
        ),
    ] = False,
    install_service: Annotated[
        bool,
        typer.Option(
            "--install-service",
            help="Have systemd run this command for you, now and whenever you log in.",
            rich_help_panel=LISTEN,
        ),
    ] = False,
    engine: options.Engine = None,
    model: options.Model = None,
    device: options.Device = None,
    language: options.Language = None,
    beam_size: options.BeamSize = None,
    threads: options.Threads = None,
    offline: options.Offline = None,
    ml_python: options.MlPython = None,
    trust_model: options.TrustModel = False,
    compute_type: options.ComputeType = None,
    vocabulary: options.Vocabulary = None,
    hotwords: options.Hotwords = None,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Serve one loaded engine to many clients: OpenAI's API, live speech, Home Assistant."""
    from parakeet_cli import console

    console.set_verbosity(console.Verbosity(quiet=quiet, verbose=verbose, debug=debug))
    _need_packages()
    from parakeet_cli.server import request as values
    from parakeet_cli.server.run import run_server

    if allow_client and wyoming is None:
        raise UsageError(
            "--allow-client says who may use Wyoming, and there is no --wyoming.",
            hint="Over HTTP keys say who may use it: --api-key FILE.",
        )
    keys = values.ApiKeys() if api_key is None else values.read_keys(api_key)
    if api_key is not None and values.readable_by_others(api_key):
        console.note(f"Warning: other users of this machine can read {api_key}: chmod 600 it.")
    settings = options.settings_of(context)
    console.show_warnings(settings.warnings, show=console.info)
    request = values.ServeRequest(
        settings,
        values.Address(host, port),
        keys,
        tuple(allowed_host or ()),
        None if wyoming is None else values.parse_address("--wyoming", wyoming),
        values.parse_networks("--allow-client", allow_client or ()),
        max_upload * 1_000_000,
        max_waiting,
        grace,
        log_text,
        trust_model,
    )
    if install_service:
        raise typer.Exit(_install(request))
    run_server(request)


def _install(request: ServeRequest) -> int:
    """Make this command a service, without running it here."""
    from parakeet_cli.cli.serve.service import install_this_command

    about = f"parakeet serves speech to text at {request.address}"
    address = f"curl http://{request.address}/health"
    port = str(request.address.port)
    return install_this_command(
        "serve", port, about, request.grace, {"whether it is ready": address}
    )


def _need_packages() -> None:
    """Raise UsageError with what to type, without the packages of the extra."""
    from parakeet_cli.system.install_command import install_command

    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"`parakeet serve` needs packages that aren't installed: {', '.join(missing)}.",
            hint=install_command(*missing),
        )
