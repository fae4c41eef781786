"""Lists the microphones of the PulseAudio or PipeWire server, by the names the desktop shows.

Only the capture process imports this: libpulse waits for a server that hangs.
"""

from __future__ import annotations

import os
from typing import Any

_NAME = "parakeet"  # as the desktop's mixer shows it
_BLUETOOTH = ("bluetooth", "bluez", "bluez5")  # values of device.bus and device.api


def list_sources() -> list[dict[str, Any]]:
    """Every source with its name, description and kind; empty without such a server."""
    try:
        import pulsectl
    except (ImportError, OSError):  # OSError: libpulse is missing, so no server is used here
        return []
    try:
        with pulsectl.Pulse(_NAME, connect=False) as pulse:
            pulse.connect()  # its timeout is waited for in any case; the parent has one
            default = os.environ.get("PULSE_SOURCE") or pulse.server_info().default_source_name
            return [_described(source, default) for source in pulse.source_list()]
    except (pulsectl.PulseError, pulsectl.PulseDisconnected):
        return []


def _described(source: Any, default: str) -> dict[str, Any]:
    properties = source.proplist
    kinds = {properties.get("device.bus"), properties.get("device.api")}
    return {
        "name": source.description or source.name,
        "source": source.name,
        "channels": source.sample_spec.channels,
        "rate": source.sample_spec.rate,
        "default": source.name == default,
        "bluetooth": bool(kinds & set(_BLUETOOTH)) or source.name.startswith("bluez"),
        "monitor": bool(source.monitor_of_sink_name) or properties.get("device.class") == "monitor",
    }
