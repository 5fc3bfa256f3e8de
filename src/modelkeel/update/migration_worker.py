"""The process that runs the template's migrations, apart from the update itself."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

from modelkeel.update.migrations import Migration, Stopped


def main(job_file: str, result_file: str) -> None:
    """Run a job: `answers` through all modules, or `migrate` of all on a work tree."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    result: dict[str, Any] = {"notes": []}
    name = ""
    try:
        if "answers" in job:
            result["answers"] = job["answers"]
            for name, code in job["steps"]:
                result["answers"] = _module(name, code).answers(dict(result["answers"]))
        else:
            repo = Migration(Path(job["root"]), result["notes"], job["own"])
            for name, code in job["steps"]:
                _module(name, code).migrate(repo)
    except Stopped as error:
        result["refused"] = f"migration {name}: {error}"
    except Exception as error:  # noqa: BLE001  (whatever a migration raises is told)
        result["failed"] = f"migration {name} failed: {type(error).__name__}: {error}"
    Path(result_file).write_text(json.dumps(result, default=str), encoding="utf-8")


def _module(name: str, code: str) -> Any:
    module = types.ModuleType(f"keel_migration_{name}")
    sys.modules[module.__name__] = module
    exec(compile(code, f"{name}.py", "exec"), module.__dict__)  # noqa: S102  (that is a migration)
    return module


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
