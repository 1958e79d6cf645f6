"""`retinue import`, as people use it: look, take one or all, review the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retinue.cli import main
from retinue.commands.drafts import unfit
from tests.support.team import Team

PROMPT = "You are a critic.\n\n- Be fair: ${{ is no expression here }}.\n- Be brief."


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A project without declarations; the account has a store, and an assistant that uses it, made by hand."""
    team = Team(tmp_path)
    team.write("retinue.yaml", "stack: test\n")
    monkeypatch.chdir(tmp_path)
    return team


def run(*args: str) -> int:
    return main(args)


def store(team: Team) -> str:
    return str(team.send("post", "/vector_stores", {"name": "Ünïque Store!"})["id"])


def critic(team: Team, store_id: str | None = None, **more: object) -> str:
    body: dict[str, object] = {"model": "gpt-6-luna", "name": "The Critic", "instructions": PROMPT, **more}
    if store_id is not None:
        body |= {
            "tools": [{"type": "file_search"}],
            "tool_resources": {"file_search": {"vector_store_ids": [store_id]}},
        }
    return str(team.send("post", "/assistants", body)["id"])


def test_what_there_is_is_listed_and_nothing_is_written(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    live_id = critic(team)
    theirs = team.send(
        "post", "/vector_stores", {"name": "Theirs", "metadata": {"retinue": "1;s=other;a=vector_store.x;f="}}
    )
    assert run("import", "--scan", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["id"], row["name"], row["owner"]) for row in rows] == [
        ("assistant", live_id, "The Critic", None),
        ("vector_store", theirs["id"], "Theirs", {"stack": "other", "address": "vector_store.x"}),
    ]
    assert run("import", "--scan") == 0
    printed = capsys.readouterr().out
    assert "nobody" in printed
    assert "stack other" in printed
    assert not (team.root / "assistants").exists()


def test_all_is_imported_with_names_between_what_belongs_together(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [critic(team, store(team)), critic(team)]
    assert run("import", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [each.rpartition(" ")[0] for each in lines] == [
        "= assistant.the-critic",
        "= assistant.the-critic-2",
        "= vector_store.unique-store",
    ]
    assert {each.rpartition("(")[2].rstrip(")") for each in lines[:2]} == set(ids)
    text = (team.root / "assistants" / "imported.yaml").read_text()
    assert "vector_store: unique-store" in text
    assert "instructions: {file: prompts/the-critic.md}" in text
    assert (team.root / "assistants" / "prompts" / "the-critic.md").read_text() == PROMPT + "\n"
    assert run("plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert {step["action"] for step in plan["steps"]} == {"adopt"}
    # Once more, before the plan is applied: there is nothing left to write.
    assert run("import", "--all") == 0
    assert capsys.readouterr().out == "Everything in the account has an owner.\n"
    assert run("apply", "--yes") == 0
    capsys.readouterr()
    assert run("import", "--scan") == 0
    assert capsys.readouterr().out == "Everything in the account is this stack's.\n"


def test_one_is_imported_under_its_name_and_refers_to_the_others_by_id(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    store_id = store(team)
    live_id = critic(team, store_id)
    assert run("import", "assistant.critic", live_id, "--out", "assistants/mine") == 0
    text = (team.root / "assistants" / "mine" / "critic.yaml").read_text()
    assert store_id in text
    assert (team.root / "assistants" / "mine" / "prompts" / "critic.md").exists()
    assert run("apply", "--yes") == 0
    assert run("plan", "--detailed-exitcode") == 0
    # The store is imported later, and then has a name.
    capsys.readouterr()
    assert run("import", "vector_store.knowledge", store_id) == 0
    assert run("apply", "--yes") == 0
    assert run("plan", "--detailed-exitcode") == 0


def test_files_stand_by_their_ids_with_their_names_beside_them(team: Team) -> None:
    store_id = store(team)
    with team.client() as client:
        ids = [
            client.files.create(file=(name, b"# Prices"), purpose="assistants").id
            for name in ("prices: new.md", "# odd\u2028name.md")
        ]
        for each in ids:
            client.vector_stores.files.create(vector_store_id=store_id, file_id=each)
    assert run("import", "vector_store.prices", store_id) == 0
    text = (team.root / "assistants" / "prices.yaml").read_text()
    assert f"- id: {ids[0]}  # prices: new.md\n" in text
    assert f"- id: {ids[1]}  # # odd name.md\n" in text
    assert run("apply", "--yes") == 0
    assert run("plan", "--detailed-exitcode") == 0
    assert len(team.state()["attached"][store_id]) == 2


def test_defaults_change_nothing_of_what_is_imported(team: Team) -> None:
    critic(team, store(team), temperature=0.7, metadata={"team": "ours"})
    team.write(
        "retinue.yaml",
        """
        stack: test
        defaults:
          assistants:
            {model: gpt-4o, temperature: 0.2, top_p: 0.5, metadata: {owner: us}, tools: [code_interpreter]}
        """,
    )
    assert run("import", "--all") == 0
    text = (team.root / "assistants" / "imported.yaml").read_text(encoding="utf-8")
    assert "top_p: null" in text
    made = team.plan()
    assert {step.action for step in made.steps} == {"adopt"}
    assert team.apply().converged


def test_an_object_of_another_stack_is_imported_only_when_that_is_said(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    live_id = critic(team, metadata={"retinue": "1;s=other;a=assistant.x;f="})
    assert run("import", "assistant.critic", live_id) == 4
    assert "belongs to the stack 'other'" in capsys.readouterr().err
    assert run("import", "assistant.critic", live_id, "--from-stack", "other") == 0
    assert run("apply", "--yes") == 0
    assert "from stack other (assistant.x) to stack test" in capsys.readouterr().out
    assert "s=test;a=assistant.critic" in team.listed("/assistants")[0]["metadata"]["retinue"]


def test_what_has_no_room_for_a_tag_is_left_out_and_said(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    """What import writes can be applied."""
    critic(team)
    critic(team, name="Full", metadata={str(number): "x" for number in range(16)})
    assert run("import", "--all") == 0
    assert "it has 16 pairs of metadata, all that the API takes" in capsys.readouterr().out
    made = team.plan()
    assert [str(step.address) for step in made.steps] == ["assistant.the-critic"]
    assert not made.blocks


def test_nothing_is_overwritten(team: Team) -> None:
    team.write("assistants/critic.yaml", "x-mine: precious\n")
    team.write("assistants/prompts/critic.md", "precious")
    assert run("import", "assistant.critic", critic(team)) == 0
    assert (team.root / "assistants/critic.yaml").read_text() == "x-mine: precious\n"
    assert (team.root / "assistants/prompts/critic.md").read_text() == "precious"
    assert "prompts/critic-2.md" in (team.root / "assistants/critic-2.yaml").read_text()
    assert run("validate") == 0


WRONG = {
    ("import",): "there is nothing to import",
    ("import", "assistant.x"): "which object is to become assistant.x is not said",
    ("import", "--scan", "--all"): "do not go together",
    ("import", "function.x", "id"): "'function' is not a kind of live object",
    ("import", "assistant.X", "id"): "'X' is not a valid name",
    ("import", "assistant.here", "id"): "assistant.here is declared already",
    ("import", "--all", "--out", ".."): "is not in the project",
    ("import", "--all", "--from-stack", "other"): "--from-stack is for one object",
}


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_what_makes_no_sense_is_refused(team: Team, capsys: pytest.CaptureFixture[str], args: tuple[str, ...]) -> None:
    critic(team)
    team.write("assistants/here.yaml", "assistants: {here: {model: gpt-4o}}\n")
    assert run(*args) == 64
    assert WRONG[args] in capsys.readouterr().err


def test_an_object_that_is_not_there_is_said_so(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "assistant.x", "asst_none") == 1
    assert "the account has no assistant asst_none" in capsys.readouterr().err


def test_secrets_become_names_to_set_and_what_is_never_shown_is_said(
    team: Team, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = team.send("post", "/vaults", {"name": "Keys"})["id"]
    auth = {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com", "token": "first"}
    for name in ("CRM", "2nd"):
        team.send("post", f"/vaults/{vault}/credentials", {"name": name, "auth": auth})
    template = {"name": "Bench", "env": {"KEY": "x"}, "setup_commands": [{"command": "make"}]}
    team.send("post", "/agents/environments/templates", template)
    assert run("import", "--all", "--json") == 0
    captured = capsys.readouterr()
    rows = {row["address"]: row for row in json.loads(captured.out)}
    assert rows["credential.crm"]["secrets"] == ["CRM_TOKEN"]
    assert rows["credential.2nd"]["secrets"] == ["SECRET_2ND_TOKEN"]
    assert rows["environment_template.bench"]["never_shown"] == [
        *("plugin_archives", "env", "setup_commands", "blocked_domains")
    ]
    assert "set the secrets" in captured.err
    written = (team.root / "assistants" / "imported.yaml").read_text(encoding="utf-8")
    assert "# TODO: set CRM_TOKEN." in written
    assert 'token: "${{ secret.CRM_TOKEN }}"' in written
    assert "Never shown by the account, not declared, and left as it is: plugin_archives, env, " in " ".join(
        written.replace("#", " ").split()
    )
    assert run("validate") == 0
    assert run("plan") == 1
    monkeypatch.setenv("CRM_TOKEN", "second")
    monkeypatch.setenv("SECRET_2ND_TOKEN", "second")
    capsys.readouterr()
    assert run("plan") == 0
    assert "Plan: 0 to add, 2 to change, 0 to destroy, 4 to adopt." in capsys.readouterr().out
    assert run("apply", "--yes") == 0


def test_a_skill_becomes_a_folder_whatever_its_files_are(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = b"---\nname: drawing\ndescription: Draws.\n---\n"
    image = bytes(range(256))
    with team.client() as client:
        files = [("x/SKILL.md", manifest, "text/markdown"), ("x/img/logo.png", image, "image/png")]
        client.skills.create(files=files)
    assert run("import", "--scan") == 0
    assert "drawing" in capsys.readouterr().out
    assert run("import", "--all") == 0
    folder = team.root / "assistants" / "skills" / "drawing"
    assert (folder / "SKILL.md").read_bytes() == manifest
    assert (folder / "img" / "logo.png").read_bytes() == image
    assert not (folder / ".retinue").exists()
    assert run("apply", "--yes") == 0
    capsys.readouterr()
    assert run("plan") == 0
    assert "No changes" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../evil.md", "a/../../evil", "/etc/passwd", "a//b", "..", "a\\..\\b", "./a"])
def test_a_file_that_would_lead_out_of_its_folder_is_noticed(tmp_path: Path, name: str) -> None:
    assert unfit(["SKILL.md", name], tmp_path) == f"its file '{name}' cannot stand in a folder"
    assert unfit(["SKILL.md", "a/b.md", "a/b..", "c"], tmp_path / "not" / "there") is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 300, "cannot be written: file name too long"),
        ("a/" * 2500 + "b", "cannot be written: file name too long"),
        ("a\0b", "cannot be written: it is no name of a file"),
        ("a\ud800b", "cannot be written: it is no name of a file"),
        (".hidden", "is hidden, and hidden files of a folder are left out"),
        ("a/.git/config", "is hidden, and hidden files of a folder are left out"),
        ("SKILL.md/more.md", None),
    ],
    ids=["long-name", "long-path", "nul", "surrogate", "hidden", "hidden-folder", "file-and-folder"],
)
def test_a_file_that_no_folder_gives_back_is_named_with_the_reason(
    tmp_path: Path, name: str, reason: str | None
) -> None:
    told = unfit(["SKILL.md", name], tmp_path / "not" / "there")
    assert told is not None
    assert told.endswith(reason or "'SKILL.md' has the name of a folder beside it")
    assert len(told) < 200


def test_one_odd_skill_leaves_the_others_importable(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {"long": "x" * 300, "hidden": ".hidden", "plain": "x.md"}
    with team.client() as client:
        for name, file in odd.items():
            manifest = f"---\nname: {name}\ndescription: D.\n---\n".encode()
            files = [("x/SKILL.md", manifest, "text/markdown"), (f"x/{file}", b"text\n", "text/plain")]
            client.skills.create(files=files)
    assert run("import", "--all") == 0
    printed = capsys.readouterr().out
    assert "it cannot be declared: its file 'xxxxx" in printed
    assert "it cannot be declared: its file '.hidden' is hidden" in printed
    assert [each.name for each in (team.root / "assistants/skills").iterdir()] == ["plain"]


@pytest.mark.parametrize(
    "evil", [b"assistants: {evil: {model: x}}\n", b"release: [skill.drawing]\n", b"}}} not yaml\n", b"name: x\n"]
)
def test_no_file_of_a_skill_becomes_a_declaration(team: Team, capsys: pytest.CaptureFixture[str], evil: bytes) -> None:
    manifest = b"---\nname: drawing\ndescription: Draws.\n---\n"
    files = [("x/SKILL.md", manifest, "text/markdown"), ("x/a/evil.yaml", evil, "text/plain")]
    with team.client() as client:
        client.skills.create(files=files)
    assert run("import", "--all") == 0
    capsys.readouterr()
    assert run("plan", "--json") == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [(each["action"], each["address"]) for each in steps] == [("adopt", "skill.drawing")]
    assert (team.root / "assistants/skills/drawing/a/evil.yaml").read_bytes() == evil


def test_no_file_of_a_skill_is_written_to_where_it_would_become_one(
    team: Team, capsys: pytest.CaptureFixture[str]
) -> None:
    team.write("retinue.yaml", "stack: test\ninclude: ['assistants/*/*/*.yaml']\n")
    team.write("assistants/a/b/c.yaml", "assistants: {}\n")
    files = [("x/SKILL.md", b"---\nname: drawing\ndescription: D.\n---\n", "text/markdown")]
    with team.client() as client:
        client.skills.create(files=[*files, ("x/evil.yaml", b"assistants: {evil: {model: x}}\n", "text/plain")])
    assert run("import", "--all") == 64
    assert "would be read as declarations" in capsys.readouterr().err
    assert not (team.root / "assistants/skills").exists()
