"""Makes and scores reasoning-gym items in a process that gives up everything else first. Run as a script.

Some of reasoning-gym's scorers evaluate the model's text, and some take forever on a large number. So this process
caps its memory and processor time, writes no file, starts no process, opens no socket, and while it scores it refuses
to compile text into code. It imports nothing from this package, and its parent kills it when it is late.

The one argument is a JSON object: task -> its settings. Requests are JSON lines:
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

MAX_MEMORY_BYTES = 4 * 2**30  # address space; the imports alone map half of one
MAX_CPU_S = 120  # thousands of items take seconds
MOST_DRAWS_PER_ITEM = 20
VIRTUAL_SIZE = 1_000_000  # of a dataset: items are made when asked for, one by one
_REFUSED = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "webbrowser.", "urllib.")
_ALLOWED = ("os.listdir", "os.scandir")  # late imports look for files


def main() -> None:
    """Answers requests until there are no more."""
    settings = json.loads(sys.argv[1])
    gym: Any = importlib.import_module("reasoning_gym")
    for task, options in settings.items():  # whatever is imported late is imported now
        dataset = gym.create_dataset(task, seed=0, size=1, **options)
        dataset.score_answer(dataset[0]["answer"], dataset[0])
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what a scorer prints is no reply
    _limit_resources()
    refusal = _Refusal()
    sys.addaudithook(refusal)
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        dataset = gym.create_dataset(
            request["task"], seed=request["seed"], size=VIRTUAL_SIZE, **settings[request["task"]]
        )
        reply = _made(dataset, request["count"]) if "count" in request else _scored(dataset, request, refusal)
        print(json.dumps(reply), file=replies, flush=True)


def _made(dataset: Any, count: int) -> list[dict[str, object]]:
    found = dict[str, dict[str, object]]()
    for index in range(MOST_DRAWS_PER_ITEM * count):
        if len(found) == count:
            break
        entry = dataset[index]
        found.setdefault(entry["question"], {"index": index, "question": entry["question"], "answer": entry["answer"]})
    return list(found.values())


def _scored(dataset: Any, request: dict[str, Any], refusal: "_Refusal") -> float:
    entry = dataset[request["index"]]
    refusal.scoring = True
    score = float(dataset.score_answer(request["given"], entry))
    refusal.scoring = False
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
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some; the others and the parent's clock stay
            resource.setrlimit(kind, (lower, lower))


class _Refusal:
    """An audit hook; it can't be taken out again.

    Attributes:
        scoring: the model's text is at hand, so nothing may be compiled. (Making items compiles: sympy does.)
    """

    def __init__(self) -> None:
        self.scoring = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises over what is refused."""
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        acts = event.startswith(_REFUSED) and event not in _ALLOWED
        if writes or acts or (self.scoring and event == "compile"):
            raise PermissionError(f"{event} is refused here")


if __name__ == "__main__":
    main()
