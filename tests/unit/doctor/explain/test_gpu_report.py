"""The Markdown about a GPU."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.explain.gpu_report import gpu_markdown
from parakeet_cli.doctor.facts import Gpus, ProbeResult
from parakeet_cli.doctor.measure_gpu import CHECKS, GpuReport, find_obstacle
from parakeet_cli.doctor.probes.throughput import MeasurePlan, Subject
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import CU128, RTX_5090, built, dist, having, healthy

STACK = load_stack("2.4")
FACTS = replace(
    having(healthy(), dist("cuda-python", "12.9.0"), dist("cuda-bindings", "12.9.0")),
    gpus=RTX_5090,
    torch=built("2.8.0+cu128", "12.8", CU128),
)
STEPS = (
    ProbeResult("load", True, values={
        "device": "cuda:0", "gpu": "NVIDIA GeForce RTX 5090", "capability": "12.0",
        "archs": ["sm_120"], "precision": "bfloat16", "class": "EncDecRNNTBPEModel",
        "memory": 2**31, "load_seconds": 4.25, "clips": 64, "clips_seconds": 720.0, "captures": 1,
        "graph_mode": "full_graph", "no_graphs": None,
    }),
    ProbeResult("batch 8", True, values={
        "batch": 8, "largest": 8, "rtfx": 812.34, "audio_seconds": 720.0, "wall_seconds": 0.886,
        "peak_memory": 3210.4, "captures_before": 1, "captures": 0,
         "graph_mode": "full_graph", "no_graphs": None,
    }),
    ProbeResult("batch 256", True, values={
        "batch": 256, "largest": 190, "rtfx": 3012.0, "audio_seconds": 720.0, "wall_seconds": 0.239,
        "peak_memory": 21_000.0, "captures_before": 2, "captures": 1,
         "graph_mode": "full_graph", "no_graphs": None,
    }),
    ProbeResult("hours", True, values={
        "hours": 1.0, "rtfx": 2500.0, "audio_seconds": 3600.0, "wall_seconds": 1.44, "batches": 5,
        "ram": [2000.0, 2010.0], "gpu_memory": [9000.0, 9001.0], "peak_memory": 9500.0,
        "captures": 3, "graph_mode": "full_graph", "no_graphs": None,
    }),
)  # fmt: skip
REPORT = GpuReport(
    FACTS,
    STACK,
    run_checks(FACTS, STACK, CHECKS),
    Subject("/worker/__main__.py", "/clip.wav", "/model.nemo", "parakeet-tdt-0.6b-v3.nemo"),
    MeasurePlan(batches=(8, 256)),
    ("1g.10gb, device 0",),
    steps=STEPS,
)
NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def test_a_measured_gpu_is_described_with_its_torch_its_speed_and_its_memory() -> None:
    assert REPORT.complete
    text = gpu_markdown(REPORT, "0.1.0", NOW)
    for line in (
        "- 2026-03-04 05:06 UTC",
        "- **Measured on NVIDIA GeForce RTX 5090** (cuda:0).",
        "| NVIDIA GeForce RTX 5090 | 12.0 (sm_120) | 580.65.06 | 32607 MiB |",
        "- The driver supports CUDA up to 13.0.",
        "- MIG: 1g.10gb, device 0",
        "- torch: 2.8.0+cu128 for CUDA 12.8, with kernels for " + " ".join(CU128),
        "- NVIDIA GeForce RTX 5090 (sm_120) runs torch's kernels for `sm_120`",
        "- NeMo: 2.4.0",
        "- cuda-python: 12.9.0, with cuda-bindings 12.9.0",
        "- parakeet-tdt-0.6b-v3.nemo",
        "- EncDecRNNTBPEModel, loaded on cuda:0 in 4.2 s, with 2048 MiB of the GPU",
        "- Precision of the encoder and the decoder: bfloat16",
        "- CUDA graphs: full_graph, 8 captured",
        "| 8 | 812.3 | 720 | 0.89 | 3210 | 1 + 0 |",
        "| 256 (memory for 190) | 3012.0 | 720 | 0.24 | 21000 | 2 + 1 |",
        "- RTFx 2500.0: 1.00 hours in 1 s, in 5 batches",
        "- CUDA graphs captured: 3",
    ):
        assert f"{line}\n" in text
    assert "2000 and 2010 MiB of RAM, 9000 and 9001 MiB of the GPU (peak 9500)" in text
    assert "What was left out" not in text
    assert "| torch-arch | ok |" in text


def test_why_cuda_graphs_are_not_used_is_said() -> None:
    reason = "this CUDA has no conditional nodes"
    steps = tuple(
        replace(one, values={**one.values, "no_graphs": reason, "graph_mode": "no_while_loops"})
        for one in STEPS
    )
    text = gpu_markdown(replace(REPORT, steps=steps), "0.1.0", NOW)
    assert f"- CUDA graphs: no_while_loops, 8 captured ({reason})\n" in text


def test_a_step_that_failed_is_named_and_the_others_are_shown() -> None:
    failed = ProbeResult("batch 256", False, "RuntimeError: a|b", "File x.py")
    text = gpu_markdown(replace(REPORT, steps=(*STEPS[:2], failed, STEPS[3])), "0.1.0", NOW)
    assert "**Measured on NVIDIA GeForce RTX 5090** (cuda:0), but not everything" in text
    assert "| batch 256 | RuntimeError: a\\|b |" in text
    assert "| 8 | 812.3 |" in text
    assert "File x.py" in text


def test_without_a_gpu_nothing_is_called_measured() -> None:
    facts = replace(FACTS, gpus=Gpus())
    findings = run_checks(facts, STACK, CHECKS)
    report = replace(REPORT, facts=facts, findings=findings, mig=(), steps=(),
                     obstacle=find_obstacle(facts, findings))  # fmt: skip
    text = gpu_markdown(report, "0.1.0", NOW)
    assert "**Nothing was measured on a GPU**: no NVIDIA GPU" in text
    assert "| load, batch 8, batch 256, hours | no NVIDIA GPU" in text
    assert "parakeet doctor --gpu-report" in text
    assert text.count("\nNot run.\n") == 2
    assert "Measured on" not in text
    assert text.count("```") % 2 == 0


def test_the_ids_of_gpus_are_left_out() -> None:
    ids = "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77,MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
    report = replace(REPORT, facts=replace(FACTS, variables={"CUDA_VISIBLE_DEVICES": ids}))
    text = gpu_markdown(report, "0.1.0", NOW)
    assert "- CUDA_VISIBLE_DEVICES=GPU-<id>,MIG-<id>\n" in text
    assert "5d5ba0d6" not in text
