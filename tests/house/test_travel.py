"""How far a value travels: the modules that one text of a declaration passes through while it is planned and applied.

A module holds it when it stands in an argument of one of its functions. A hand-over is a module that holds it and calls
a function of another one with it, however often. Who only got it as an answer and hands it on is not counted, and the
modules beside the packages, `engine` and `session`, count as one package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRACER = Path(__file__).parent / "travel.py"
# When the packages were cut, a plan kept within 28, 32 and 14 and an apply within 38. What came since: texts are made
# safe to print (model/printable), content is told from declarations (config/content_files), answers are checked and
# compared with what was written (providers/openai/answers, report/events/unkept_text), requests are paced and the
# key is watched while steps are carried out (providers/openai/pacing, providers/execution), and carrying out is a
# module beside the engine (applying); and a declaration is composed of what is below it (config/composition, of whose
# modules each lays one thing over another; config/sections stands beside the loader). What every declaration may have
# beside the fields of its kind is taken off (config/schema/declaration_schema). What reads the same is folded before it
# is shown, and a new object is told in a few lines (report/plan/folding, step_groups, created_text). Nothing else may
# come.
MOST = {
    ("plan", "modules"): 38,
    ("plan", "hand-overs"): 44,
    ("plan", "changes of package"): 18,
    ("apply", "modules"): 59,
}


@pytest.mark.slow
def test_a_value_does_not_travel_far(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, TRACER, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    too_far = []
    for (command, what), most in MOST.items():
        assert seen[command]["code"] == 0, done.stderr
        found = seen[command]["modules" if what == "modules" else "hand-overs"]
        if what == "changes of package":
            found = [(one, other) for one, other in found if package(one) != package(other)]
        if len(found) > most:
            listed = "".join(f"\n    {each if what == 'modules' else ' -> '.join(each)}" for each in found)
            too_far.append(f"{command}: {len(found)} {what}, at most {most}:{listed}")
    assert not too_far, "\n".join(too_far)


def package(module: str) -> str:
    """The package of a module; the modules that stand beside the packages are one."""
    return module.split("/")[0] if "/" in module else ""
