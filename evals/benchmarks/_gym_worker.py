"""Makes and scores reasoning-gym items in a process that drops its other rights first. A script, never imported.

Some of reasoning-gym's scorers evaluate the model's text, and some take forever on a large number. The system limits
this process: its memory and processor time, its open files, no bytes into files, no new processes, and the rights of
`nobody` where it is started by root. Python refuses the rest: an audit hook forbids opening files for writing, sockets,
and modules that go around the hook, and while it scores, compiling text into code. The hook keeps the model's text from
becoming code; it is no wall against code that runs already. Files that everybody may read can be read, and only the
hook keeps the network away. It imports nothing from this package; `mirrormatch.sandbox` starts it, without its own
folder on the module path, and kills it when it is late.

The one argument is a JSON object: task -> settings of its generator. Requests are JSON lines:
`{"task", "seed", "count"}` -> `[{"index", "question", "answer"}, ...]`, no question twice;
`{"task", "seed", "index", "given"}` -> the score, 0 to 1.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
from typing import Any

MAX_MEMORY_BYTES = 4 * 2**30  # address space; the imports alone map half a GiB
MAX_CPU_S = 120  # thousands of items take seconds
MAX_DRAWS_PER_ITEM = 20
VIRTUAL_SIZE = 1_000_000  # size of a dataset; its items are generated one by one on access
MAX_FILES = 64
NOBODY = 65534  # user and group
NUM_WARM_UP_ITEMS = 20
_REFUSED_EVENTS = (
    "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "webbrowser.", "urllib.", "gc.", "mmap.", "sqlite3.",
    "resource.",
)  # fmt: skip
_ALLOWED_EVENTS = ("os.listdir", "os.scandir")  # late imports search for files
# They start processes, write files or find the hook's state without an event, or were never needed.
_REFUSED_MODULES = frozenset({"_posixsubprocess", "_sqlite3", "sqlite3", "mmap", "gc", "ctypes", "_ctypes"})


def main() -> None:
    """Answers requests until the input ends."""
    settings = json.loads(sys.argv[1])
    gym: Any = importlib.import_module("reasoning_gym")
    for task, options in settings.items():  # triggers the late imports, before anything is refused
        dataset = gym.create_dataset(task, seed=0, size=NUM_WARM_UP_ITEMS, **options)
        for entry in dataset:
            dataset.score_answer(entry["answer"], entry)
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # drops what a scorer prints
    refusal = confine()
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        dataset = gym.create_dataset(
            request["task"], seed=request["seed"], size=VIRTUAL_SIZE, **settings[request["task"]]
        )
        reply = (
            _make_items(dataset, request["count"]) if "count" in request else _score_answer(dataset, request, refusal)
        )
        print(json.dumps(reply), file=replies, flush=True)


def _make_items(dataset: Any, count: int) -> list[dict[str, object]]:
    items = dict[str, dict[str, object]]()  # by question
    for index in range(MAX_DRAWS_PER_ITEM * count):
        if len(items) == count:
            break
        entry = dataset[index]
        items.setdefault(entry["question"], {"index": index, "question": entry["question"], "answer": entry["answer"]})
    return list(items.values())


def _score_answer(dataset: Any, request: dict[str, Any], refusal: "_Refusal") -> float:
    entry = dataset[request["index"]]
    refusal.is_scoring = True
    score = float(dataset.score_answer(request["given"], entry))
    refusal.is_scoring = False
    return score


def confine() -> "_Refusal":
    """Drops the rights of this process, for good. Returns the hook that refuses the rest."""
    _limit_resources()
    if os.geteuid() == 0:  # root could raise its limits again, and is exempt from some
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for name in ("_posixsubprocess", "subprocess"):  # loaded ones are found without an import
        for function in ("fork_exec", "_fork_exec"):
            if hasattr(module := sys.modules.get(name), function):
                setattr(module, function, None)
    refusal = _Refusal()
    sys.addaudithook(refusal)
    return refusal


def _limit_resources() -> None:
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_CPU: MAX_CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: MAX_FILES,
    }
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with contextlib.suppress(
            ValueError, OSError
        ):  # macOS refuses some; the others and the parent's time limit stay
            resource.setrlimit(kind, (lower, lower))


class _Refusal:
    """An audit hook that refuses dangerous events. Python has no way to remove it again.

    Attributes:
        is_scoring: refuse to compile, too: the model's text is in use. (Making items compiles code, in sympy.)
    """

    def __init__(self) -> None:
        self.is_scoring = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises PermissionError for a refused event."""
        loads = event == "import" and arguments[0] in _REFUSED_MODULES
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        acts = event.startswith(_REFUSED_EVENTS) and event not in _ALLOWED_EVENTS
        if loads or writes or acts or (self.is_scoring and event == "compile"):
            raise PermissionError(f"{event} is refused here")


if __name__ == "__main__":
    main()
