"""Makes and scores reasoning-gym items in a process that drops its other rights first. A script, never imported.

Some of reasoning-gym's scorers evaluate the model's text, and some take forever on a large number. This process
therefore caps its memory and processor time, refuses to write files, to start processes and to open sockets, and while
it scores it refuses to compile text into code. It imports nothing from this package; `mirrormatch.sandbox` starts it,
without its own folder on the module path, and kills it when it is late.

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
_REFUSED_EVENTS = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "webbrowser.", "urllib.")
_ALLOWED_EVENTS = ("os.listdir", "os.scandir")  # late imports search for files


def main() -> None:
    """Answers requests until the input ends."""
    settings = json.loads(sys.argv[1])
    gym: Any = importlib.import_module("reasoning_gym")
    for task, options in settings.items():  # triggers the late imports, before anything is refused
        dataset = gym.create_dataset(task, seed=0, size=1, **options)
        dataset.score_answer(dataset[0]["answer"], dataset[0])
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # drops what a scorer prints
    _limit_resources()
    refusal = _Refusal()
    sys.addaudithook(refusal)
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


def _limit_resources() -> None:
    limits = {
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_CPU: MAX_CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
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
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        acts = event.startswith(_REFUSED_EVENTS) and event not in _ALLOWED_EVENTS
        if writes or acts or (self.is_scoring and event == "compile"):
            raise PermissionError(f"{event} is refused here")


if __name__ == "__main__":
    main()
