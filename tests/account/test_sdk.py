"""The SDK is imported without its types, which nobody who waits for a plan needs, and is whole for whoever asks."""

from __future__ import annotations

import subprocess
import sys

COUNT = "len([each for each in sys.modules if each.startswith('openai.types')])"


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_few_types_are_read_to_connect() -> None:
    all_of_them = int(run(f"import openai, sys; print({COUNT})"))
    read = int(run(f"import retinue.providers.openai.connect, sys; print({COUNT})"))
    assert read < all_of_them / 3


def test_every_type_is_there_for_whoever_asks() -> None:
    names = "sorted(name for name in dir(openai.types) if name[0] != '_')"
    program = (
        f"openai.types.Model; import openai.types.responses as r; r.Response; print({names}, sorted(vars(r))[-40:])"
    )
    plain, ours = (run(f"{start}; import openai; {program}") for start in ("pass", "import retinue.providers.openai"))
    assert plain == ours


def test_a_name_that_is_not_there_is_missed_as_ever() -> None:
    program = "import retinue.providers.openai, openai\ntry: openai.types.Nobody\nexcept AttributeError as e: print(e)"
    assert run(program) == "module 'openai.types' has no attribute 'Nobody'"


def test_who_has_it_already_keeps_it() -> None:
    program = "import openai; before = openai.types; import retinue.providers.openai; print(openai.types is before)"
    assert run(program) == "True"


def test_a_module_among_the_types_can_be_imported_and_all_of_them_at_once() -> None:
    program = (
        "import retinue.providers.openai; from openai.types.beta.assistant import Assistant; "
        "import openai.types.beta as b; print(b.Assistant is Assistant); "
        "exec('from openai.types.chat import *'); print(ChatCompletion.__name__)"
    )
    assert run(program).split() == ["True", "ChatCompletion"]
