"""Commands that need no account: validate, schema, render, diff."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from retinue.cli.completion import completing
from retinue.cli.kept import keep
from retinue.cli.options import (
    SELECTOR,
    detail_option,
    fail_on_option,
    pager_option,
    project_options,
    several_environments,
    shown_options,
)
from retinue.cli.terminal import Terminal
from retinue.errors import CHANGES, DeclarationError, RetinueError, UsageError, reason_of, way_out
from retinue.model.printable import json_text

if TYPE_CHECKING:
    from retinue.commands.diff import Rendered
    from retinue.model.declared import Diagnostic
    from retinue.model.selector import Selection, Selector
    from retinue.planning.policy import FailOn
    from retinue.report import Form
    from retinue.report.text.change_text import Detail
    from retinue.session import Where


@click.command()
@project_options
@click.option("--all-environments", "every", is_flag=True, help="Check every environment of retinue.yaml.")
@click.option("--online", is_flag=True, help="Ask the account which models it has, too.")
@fail_on_option(DeclarationError.exit_code)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github", "junit"]),
    default="text",
    help="For people, for a program, or as code scanning, annotations or test results of a pipeline.",
)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
def validate(place: Where, every: bool, online: bool, fail_on: tuple[FailOn, ...], form: Form) -> int:
    """Check the declarations offline: no account, no key.

    Every mistake is reported at once, with its place and what to do about it.

    \b
    Example:
      retinue validate
      retinue validate -e production --json
      retinue validate --all-environments
      retinue validate --online --fail-on model-shutdown=90d
      retinue validate --format sarif > retinue.sarif
    """
    from retinue.planning.policy import fail_on_blocks

    terminal = Terminal.detect()
    if every and (place.environment or online):
        option, hint = ("-e", "leave one of the two out") if place.environment else ("--online", "choose one with -e")
        raise UsageError(f"--all-environments is about all of them, and {option} about one", hint=hint)
    if not online and any(each.about_models for each in fail_on):
        raise UsageError("which models there are is known to the account only", hint="add --online")
    counts, found = _checked(replace(place, offline=True), every=every)
    valid = None not in counts.values()
    if valid and online:
        found = (*found, *_ask_account(place, terminal))
    _show_findings(found, terminal, form, place=place, valid=valid)
    if not valid:
        return DeclarationError.exit_code
    blocks = tuple(fail_on_blocks(found, fail_on))
    if blocks:
        raise DeclarationError("\n".join(each.message for each in blocks))
    if form == "text":
        objects = [f"{count} {'object' if count == 1 else 'objects'} declared" for count in counts.values()]
        terminal.print(f"Valid: {', '.join(map(str.__add__, objects, counts))}.")
    return 0


def _checked(place: Where, *, every: bool) -> tuple[dict[str, int | None], tuple[Diagnostic, ...]]:
    """How many objects are declared, None where there are mistakes, by what is said of where that is; and all that was
    found."""
    from retinue import engine
    from retinue.model.declared import HOW_CHOSEN

    readings: dict[str, Any] = {}
    if every:
        everywhere, found = engine.check_everywhere(place)
        readings.update({f" in {name}": each for name, each in everywhere.items()})
    if not readings:
        reading, found = engine.check(place)
        project = reading.project if reading else None
        chosen = HOW_CHOSEN.get(project.chosen_by or "") if project else None
        readings[f" in {project.environment}{chosen}" if project and chosen else ""] = reading
    keep(readings)
    return {where: None if each is None else len(each.declared) for where, each in readings.items()}, found


def _show_findings(found: tuple[Diagnostic, ...], terminal: Terminal, form: Form, *, place: Where, valid: bool) -> None:
    """For people on stderr, as complaints; for programs on stdout, as data."""
    if form == "text":
        from retinue.report.diagnostics.diagnostic_text import render_diagnostics

        terminal.say(render_diagnostics(found, width=terminal.error_width, color=terminal.error_color))
        return
    from retinue import __version__, report
    from retinue.config.problems import CODES
    from retinue.config.project import find
    from retinue.report.diagnostics.findings import Findings

    project = find(place.start)
    findings = Findings(found, valid, _folder(project.parent if project else place.start), CODES, __version__)
    terminal.print(report.render("findings", findings, form))


def _folder(root: Path) -> str:
    """How to get from here to the project; nothing when it is here, or somewhere else than below."""
    here = Path.cwd()
    path = root.resolve()
    return path.relative_to(here).as_posix() if path != here and path.is_relative_to(here) else ""


def _ask_account(place: Where, terminal: Terminal) -> tuple[Diagnostic, ...]:
    from retinue import engine
    from retinue.session import check_models

    with engine.open_session(place) as session:
        found = check_models(session)
        if session.models_listed is False:
            terminal.say("the account does not say which models it has")
    return found


@click.command()
@click.argument("kind", required=False, shell_complete=completing("kind"))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write all schemas into this directory instead.",
)
def schema(kind: str | None, out: Path | None) -> int:
    """Print JSON Schemas for editors.

    Without KIND, that of a whole declaration file. KIND is the name of a kind, or `project` for retinue.yaml, `overlay`
    for environments/NAME.yaml, `bundle` for retinue.lock.json, `events` for `apply --json`; `plan`, `diff`, `drift`,
    `show`, `output`, `models`, `validate` and `doctor` for what these print with --json.

    \b
    Example:
      retinue schema assistant
      retinue schema --out schemas
    """
    documents = _schemas()
    terminal = Terminal.detect()
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, document in documents.items():
                (out / name).write_text(_json(document), encoding="utf-8")
                terminal.say(f"wrote {out / name}")
        except OSError as error:
            message = f"cannot write to '{out}': {reason_of(error)}"
            raise RetinueError(message, hint=way_out(error, "choose another directory")) from error
        return 0
    wanted = {None: "declarations", "project": "retinue"}.get(kind, str(kind))
    found = documents.get(f"{wanted}.schema.json")
    if found is None:
        names = sorted(name.removesuffix(".schema.json").replace("retinue", "project") for name in documents)
        raise UsageError(f"there is no schema '{kind}'", hint=f"there are: {', '.join(names)}")
    terminal.print(_json(found))
    return 0


def _schemas() -> dict[str, Any]:
    from retinue.config.schema.declaration_schema import documents
    from retinue.kinds import all_kinds
    from retinue.planning.documents.account_types import (
        OUTPUT,
        DoctorDocument,
        ModelsDocument,
        ShowDocument,
        ValidateDocument,
    )
    from retinue.planning.documents.document_schema import document_schema
    from retinue.planning.documents.document_types import DiffDocument, DriftDocument, PlanDocument
    from retinue.providers.bundle.lock_file import LOCK
    from retinue.report.events.event_lines import EventLine

    others = {
        "plan": document_schema("plan", "A plan of Retinue", PlanDocument),
        "drift": document_schema("drift", "Drift of a stack", DriftDocument),
        "diff": document_schema("diff", "A comparison of declarations", DiffDocument),
        "show": document_schema("show", "What a stack has", ShowDocument),
        "output": OUTPUT,
        "models": document_schema("models", "The models there are", ModelsDocument),
        "validate": document_schema("validate", "What is wrong with declarations", ValidateDocument),
        "doctor": document_schema("doctor", "What Retinue needs and has", DoctorDocument),
        "events": document_schema("events", "An event of Retinue", EventLine),
        "bundle": LOCK,
    }
    return {**documents(all_kinds()), **{f"{name}.schema.json": each for name, each in others.items()}}


def _json(document: Any) -> str:
    return json_text(document) + "\n"


@click.command()
@click.argument("selector", type=SELECTOR, metavar="[SELECTOR]", required=False)
@project_options
@click.option("--explain", is_flag=True, help="Say which file and line set each value.")
@click.option("--only", metavar="FIELD", help="Print this field alone: a text as it is, with its size on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def render(selector: Selector | None, place: Where, explain: bool, only: str | None, as_json: bool) -> int:
    """Print what the declarations come to: variables filled in, overlays merged, files read.

    The outcome is a file of declarations itself: of all, or of what SELECTOR means, which is an address, a name, a
    pattern, label:NAME=VALUE or file:GLOB. Offline: no account, no key. With --only, it is one field: a prompt as the
    model reads it. Its size is told in characters and, where tiktoken is installed and has its tables, in tokens.

    \b
    Example:
      retinue render assistant.math-tutor -e production
      retinue render 'assistant.billing-*'
      retinue render --explain
      retinue render assistant.math-tutor --only instructions
    """
    from retinue.commands import diff as comparing
    from retinue.model.selector import Selection

    terminal = Terminal.detect()
    rendered = comparing.render(place, Selection((selector,) if selector else ()))
    if only is not None:
        _print_field(terminal, rendered, only, explain=explain, as_json=as_json)
    elif as_json:
        terminal.print(json_text(rendered.document(explain=explain)))
    else:
        terminal.print(rendered.yaml(explain=explain))
    return 0


def _print_field(terminal: Terminal, rendered: Rendered, name: str, *, explain: bool, as_json: bool) -> None:
    from retinue.commands.prompt_size import prompt_size
    from retinue.config.yaml.writer import write_yaml

    value = rendered.field(name, explain=explain and not as_json)
    if as_json:
        terminal.print(json_text(value))
    elif not isinstance(value, str):
        terminal.print(write_yaml({name: value}, printed=True))
    else:
        terminal.print(value)
        model = rendered.declarations[0].spec.get("model")
        terminal.say(f"{name}: {prompt_size(value, model if isinstance(model, str) else None)}")
        for each in rendered.stretches(name) if explain else ():
            lines = f"line {each.first}" if each.first == each.last else f"lines {each.first}-{each.last}"
            terminal.say(f"  {lines}: {f'{each.file} ({each.position})' if each.file else each.position}")
            for inner in each.taken:
                terminal.say(f"    with {inner.file} ({inner.named})")


@click.command()
@several_environments
@shown_options
@click.option("--base", metavar="REV", help="Compare the working tree with this git revision, such as origin/main.")
@detail_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="For a terminal, a program (schemas/diff.schema.json), or a page.",
)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
@pager_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are differences.")
def diff(
    place: Where,
    environments: tuple[str, ...],
    selection: Selection,
    base: str | None,
    detail: Detail,
    form: Form,
    pager: bool,
    detailed_exitcode: bool,
) -> int:
    """Show how declarations differ: between two environments, or from a git revision.

    Offline: no account, no key. What the account holds is not looked at; that is what `plan` does.

    \b
    Example:
      retinue diff -e staging -e production
      retinue diff --base origin/main
      retinue diff --base HEAD~1 -e production --format markdown
      retinue diff -e staging -e production --target 'assistant.billing-*'
    """
    from retinue.cli.display import show_document
    from retinue.commands import diff as comparing
    from retinue.planning.declaration_diff import contrast_document

    terminal = Terminal.detect()
    if base is not None and len(environments) <= 1:
        place = replace(place, environment=environments[0] if environments else None)
        made = comparing.diff_base(place, base, selection)
    elif base is None and len(environments) == 2:
        made = comparing.diff_environments(place, *environments, selection)
    else:
        raise UsageError("what to compare is not clear", hint="say -e A -e B, or --base REV with at most one -e")
    document = contrast_document(made)
    show_document(document, terminal, subject="diff", form=form, detail=detail, pager=pager)
    return CHANGES if detailed_exitcode and not made.empty else 0
