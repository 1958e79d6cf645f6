"""The documents of plans, drift and differences as types. `schemas/` is generated from them.

A description in `Annotated` is that of a field; the docstring of a type is that of the object. Fields are only added
within one major format version.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from retinue.model.declared import Severity
from retinue.model.steps import Action, Basis, FileAction
from retinue.model.values import Cause
from retinue.planning.documents.document_schema import Defined

Address = Annotated[str, ("pattern", r"^[a-z_]+\..+$"), "The name of an object in the declarations: kind.name."]
Count = Annotated[int, ("minimum", 0)]
Digests = dict[str, str]
Path = Annotated[list[str | int], ("minItems", 1), "Where: keys and list indexes, beginning with the field."]
FormatVersion = Annotated[str, ("pattern", r"^1\.[0-9]+$"), "The version of this format: major.minor."]
Environment = Annotated[str | None, "The environment the declarations were read for."]
ChosenBy = Annotated[
    Literal["variable", "default"],
    "Who chose it: the variable RETINUE_ENVIRONMENT, or the project file. Left out where it was named by -e.",
]


class PositionDocument(TypedDict):
    """A place in a declared file."""

    file: Annotated[str, "Relative to the project, with forward slashes."]
    line: Annotated[Count, "Counted from 1."]
    column: Annotated[Count, "Counted from 1."]


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_File = TypedDict("_File", {"retinue.file": Annotated[str, "Its path, relative to the project."]})


class FileDocument(_File):
    """A file of the project."""

    sha256: Annotated[str, "The digest of its content, in hex; as far as it is known."]
    size: Annotated[Count, "In bytes."]


ReferenceDocument = TypedDict("ReferenceDocument", {"retinue.ref": Address})
GoneDocument = TypedDict("GoneDocument", {"retinue.gone": Annotated[str, "The id."]})
SealedDocument = TypedDict("SealedDocument", {"retinue.sealed": Literal[True]})
TextDocument = TypedDict("TextDocument", {"retinue.text": Annotated[list[str | int], "The keys that lead there."]})

Value = Annotated[
    Any,
    Defined(
        "value",
        "Any JSON value. Five objects stand for something else: a reference to a declared object, a file of the "
        "project, a live id that points at nothing, a value that is shown nowhere, and a long text that stands "
        "elsewhere in its step.",
        lambda: (
            Annotated[ReferenceDocument, "A reference to a declared object, in the place of its id."]
            | FileDocument
            | Annotated[GoneDocument, "An id of an object that the account no longer has."]
            | Annotated[SealedDocument, "A value that is shown nowhere."]
            | Annotated[TextDocument, "A long text, in `before` or `after` of an update, that its step has already."]
            | dict[str, Value]
            | list[Value]
            | str
            | float
            | bool
            | None
        ),
    ),
]
Spec = Annotated[
    Any,
    Defined(
        "spec",
        "The fields of an object by name. Canonical: lists whose items have an identity are maps, and ids are "
        "references.",
        lambda: dict[str, Value],
    ),
]


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

Why = Annotated[
    Cause,
    "Why it differs: the configuration changed; the live value was edited outside (drift); both (conflict); or it is "
    "declared no more and goes back to the API's default (unset).",
]


class FieldChangeDocument(TypedDict):
    """One difference inside an object."""

    path: Path
    cause: Why
    position: PositionDocument | None
    before: NotRequired[Annotated[Value, "The live value. Left out when there is none; null is a value."]]
    after: NotRequired[Annotated[Value, "The value to reach. Left out when there is none."]]


class FileChangeDocument(TypedDict):
    """One difference in the files attached to an object."""

    action: Annotated[
        FileAction,
        "`add`: upload and attach. `attach`: attach a file of the account, named by its id. "
        "`replace`: upload, attach, and detach the old one once the new one is indexed. "
        "`attributes`: write other attributes. `move`: the file that is attached under the path in `before` gets this "
        "one, without being uploaded. `remove`: detach and delete. `wait`: it is still being indexed.",
    ]
    path: Annotated[str, "Relative to the project."]
    before: FileDocument | None
    after: FileDocument | None
    file_ids: Annotated[list[str], "The live files that go once the path can be searched as declared."]
    live_id: Annotated[str | None, "The live file that stays, and is waited for or given new attributes."]
    attributes: Annotated[dict[str, str | float | bool], "The author's attributes of the file, complete."]
    chunking: Annotated[dict[str, Value], "How the file is cut for search."] | None
    reason: Annotated[str | None, "Why, where the rest does not say."]
    cause: Why
    position: PositionDocument | None
    expects: NotRequired[
        Annotated[
            Digests,
            "By the id of a file: the digest of attributes that are written over or go with it. Left out without any.",
        ]
    ]


class RemovalDocument(TypedDict):
    """Something that goes from the account and is no object of a step."""

    what: Annotated[
        Literal["version", "file", "marker"],
        "A version of the object, a file that it carries by its id, or the marker of a stack.",
    ]
    name: Annotated[str, "The number of the version, the path of the file, the stack of the marker."]
    id: Annotated[str | None, "The live id; null where the name says enough."]


class StepDocument(TypedDict):
    """One change of the plan. A replacement is an early creation and a late deletion that share an address."""

    key: Annotated[str, "Names the step inside the plan."]
    action: Annotated[Action, "What is done. `adopt`, `move` and `release` touch only the ownership tag."]
    address: Address
    id: Annotated[str | None, "The live id; null for a creation."]
    reason: Annotated[str | None, "Why, where the changes do not say."]
    replaces: Annotated[bool, "Whether the step is one half of a replacement."]
    protected: Annotated[bool, "Whether the object is protected from deletion."]
    position: PositionDocument | None
    changes: Annotated[list[FieldChangeDocument], "What differs, field by field."]
    files: Annotated[list[FileChangeDocument], "What differs in the attached files."]
    before: Annotated[Spec, "The live specification; null for a creation."] | None
    after: Annotated[Spec, "The specification to reach; null for a deletion."] | None
    expects: Annotated[
        Digests,
        "Digests of the live values about to be written over, by field or field/key; another one stops the step.",
    ]
    unset: Annotated[list[str], "Fields that go back to the API's default."]
    forget_keys: Annotated[list[tuple[str, str]], "Field and key of what is reset in fields that are owned key by key."]
    tag: Annotated[str | None, "The ownership tag that is written with the step."]
    needs: Annotated[list[str], "Keys of the steps that must have succeeded first."]
    shared_files: Annotated[list[str], "Files that outlive a deletion: another object carries them too."]
    home: NotRequired[Annotated[str, "Where it lives, when that is not the account: 'responses' is the lock file."]]
    held: NotRequired[
        Annotated[str, "The ownership tag that the object carries before it is moved, taken over or released."]
    ]
    within: NotRequired[Annotated[str, "The live id of the object that it stands in, where it stands in one."]]
    removes: NotRequired[
        Annotated[
            list[RemovalDocument],
            "What goes with it, besides the object itself and attached files; left out when there is nothing.",
        ]
    ]


# ── what plans and drift share ────────────────────────────────────────────────────────────────────────────────────────


class RelatedDocument(TypedDict):
    """A place with a few words."""

    message: Annotated[str, "What is there."]
    position: PositionDocument | None


class DiagnosticDocument(TypedDict):
    """Something the author of the declarations should know."""

    severity: Annotated[Severity, "How bad it is."]
    code: Annotated[str, "Stable; listed in the documentation."]
    message: Annotated[str, "One sentence."]
    position: PositionDocument | None
    hint: Annotated[str | None, "What to do about it."]
    related: Annotated[list[RelatedDocument], "Further places of the same problem."]
    details: NotRequired[
        Annotated[dict[str, Any], "What the message says, for programs; which keys there are follows from the code."]
    ]


class BlockDocument(TypedDict):
    """A reason why the plan may not be applied as it is."""

    code: Annotated[str, "Stable."]
    message: Annotated[str, "What forbids it, and what to do."]
    address: Address | None
    override: Annotated[str | None, "The option by which a person allows it all the same."]


class AccountDocument(TypedDict):
    """Where the live objects are."""

    name: Annotated[str, "Its name in the project file."]
    url: Annotated[str | None, "Its base URL, where the name does not say it."]
    organization: Annotated[str | None, "The organization the key acts for."]
    project: Annotated[str | None, "The project the key acts for."]


class SelectionDocument(TypedDict):
    """Selectors as they were written: addresses, patterns, label:NAME=VALUE, file:GLOB."""

    target: Annotated[list[str], "What was meant; everything, where none are."]
    exclude: Annotated[list[str], "What was not."]


Selected = Annotated[SelectionDocument, "What it is narrowed to, as it was written. Left out for all."]


class _StackDocument(TypedDict):
    """What documents about one stack say first and last."""

    format_version: FormatVersion
    stack: Annotated[str, "The ownership boundary: one project in one environment."]
    environment: Environment
    environment_from: NotRequired[ChosenBy]
    account: AccountDocument
    warnings: Annotated[list[DiagnosticDocument], "What does not stop an apply."]
    blocks: Annotated[list[BlockDocument], "What does."]


# ── plan ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

CountByKind = dict[str, Annotated[Count, "How many."]]


class SummaryDocument(TypedDict):
    """Counts."""

    create: Annotated[Count, "Objects to be created, replacements included."]
    update: Annotated[Count, "Objects to be updated."]
    delete: Annotated[Count, "Objects to be deleted, replaced ones included."]
    adopt: NotRequired[Annotated[Count, "Objects to be adopted or taken over; left out when there are none."]]
    move: NotRequired[Annotated[Count, "Objects whose address changes; left out when there are none."]]
    release: NotRequired[Annotated[Count, "Objects to be let go; left out when there are none."]]
    removed: NotRequired[
        Annotated[
            CountByKind,
            "What goes from objects that stay and has no successor, by what it is: `file`, `version`. It counts as a "
            "deletion; left out when there is nothing.",
        ]
    ]
    reverts: Annotated[Count, "Steps that would overwrite somebody else's edit."]
    in_sync: Annotated[Count, "Objects that need nothing."]
    foreign: Annotated[CountByKind, "Live objects of other stacks, by kind."]
    unowned: Annotated[CountByKind, "Live objects without an owner, by kind."]
    retired: NotRequired[Annotated[CountByKind, "Live objects that were retired and end by themselves, by kind."]]


Decimal = Annotated[str, ("pattern", r"^-?[0-9]+(\.[0-9]+)?$")]
Unknown = Annotated[Count, "Files that change and are in no sum: cut in another way, or kept by somebody else."]


class StoreChangeDocument(TypedDict):
    """What one vector store comes to hold more and less."""

    address: Address
    bytes: Annotated[int, "The difference: `added` less `removed`."]
    added: Annotated[Count, "What is new, estimated."]
    removed: Annotated[Count, "What goes, as the account tells."]
    basis: Annotated[
        Basis | None,
        "How `added` was estimated: `file_size`, by the sizes of the files; `usage_ratio`, by these and by what the "
        "store takes up for its other files. Null where nothing is new.",
    ]
    unknown: Unknown


class StorageDocument(TypedDict):
    """About what billed storage changes by, in bytes as they are billed: text and index."""

    bytes: Annotated[int, "The sum over the stores."]
    per_day: Annotated[Decimal, "What that costs a day more, or with a minus less: `bytes` times the price, exact."]
    currency: Annotated[str, "The currency of the prices."]
    gb_day: Annotated[Decimal, "The price of a GB (10⁹ bytes) for a day, as the project file has it."]
    unknown: Unknown
    stores: Annotated[list[StoreChangeDocument], "The vector stores whose content changes, by address."]


class PlanDocument(_StackDocument):
    """What an apply would do, in order: the output of `retinue plan --json`."""

    digest: Annotated[
        str,
        ("pattern", r"^pd1:[0-9a-f]{4}(-[0-9a-f]{4}){3}$"),
        "Names what the plan does and to which account, for approving it; equal plans have equal digests.",
    ]
    complete: Annotated[
        bool, "False when the plan was narrowed to targets; unless it is to destroy those, it then deletes nothing."
    ]
    targets: Annotated[list[Address], "The addresses the plan was narrowed to."]
    selection: NotRequired[Annotated[SelectionDocument, "How the targets were written, where not as addresses."]]
    destroy: Annotated[bool, "Whether it deletes everything the stack owns, whatever is declared."]
    summary: SummaryDocument
    steps: Annotated[list[StepDocument], "In the order in which they may be carried out."]
    ids: Annotated[dict[str, str], "Live ids of the objects that steps refer to, by address."]
    retags: Annotated[
        list[StepDocument],
        "Objects that are in sync and whose ownership tag is brought up to date. Nothing else changes.",
    ]
    removes: NotRequired[
        Annotated[
            list[RemovalDocument],
            "What an apply takes away of Retinue's own that no step is about: the marker of a stack that ends, files "
            "that an apply left which was cut off. Left out when there is nothing.",
        ]
    ]
    storage: NotRequired[Annotated[StorageDocument, "Left out without `prices` in the project file."]]


# ── drift ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ObjectAddress = Annotated[Address, "The name of the object: kind.name."]
LiveId = Annotated[str | None, "Its live id."]
DeclaredAt = Annotated[PositionDocument | None, "What declares it."]
DriftCause = Annotated[
    Literal["drift", "conflict"],
    "Whether only the live value changed since the last apply, or the declared one as well.",
]


class FieldDriftDocument(TypedDict):
    """A field that no longer holds what was applied."""

    path: Path
    cause: DriftCause
    position: DeclaredAt
    declared: NotRequired[Annotated[Value, "Left out when nothing is declared; null is a value."]]
    live: NotRequired[Annotated[Value, "Left out when there is none."]]


class FileDetailsDocument(TypedDict):
    """The attributes or the chunking, where these differ and not the content."""

    declared: Value
    live: Value


class FileDriftDocument(TypedDict):
    """An attached file that is not as it was applied."""

    path: Annotated[str, "Relative to the project."]
    what: Annotated[Literal["detached", "replaced", "chunking", "attributes", "added"], "What somebody did with it."]
    cause: DriftCause
    position: DeclaredAt
    declared: FileDocument | None
    live: FileDocument | None
    details: NotRequired[FileDetailsDocument]


class ChangedDocument(TypedDict):
    """An object that somebody changed."""

    address: ObjectAddress
    id: LiveId
    position: DeclaredAt
    changes: Annotated[list[FieldDriftDocument], "Its fields."]
    files: Annotated[list[FileDriftDocument], "Its attached files."]


class MissingDocument(TypedDict):
    """An object that is declared, was there, and is gone."""

    address: ObjectAddress
    id: Annotated[str | None, "The live id that it had."]
    reason: Annotated[str, "What became of it."]
    position: DeclaredAt


class DanglingDocument(TypedDict):
    """A reference to an object that is gone."""

    address: Annotated[Address, "The object that holds it."]
    id: LiveId
    path: Annotated[Path, "Where it stands."]
    dead: Annotated[str, "The id that the account no longer has."]
    rendered: Annotated[bool, "Whether it stands in the lock file."]
    position: DeclaredAt


class UnownedDocument(TypedDict):
    """A live object without an owner."""

    kind: Annotated[str, "Its kind."]
    id: Annotated[str, "Its live id."]
    name: Annotated[str | None, "What people call it."]


class DriftSummaryDocument(TypedDict):
    """Counts of objects."""

    changed: Annotated[Count, "With fields or files that no longer hold what was applied."]
    gone: Annotated[Count, "That were ours and are not any more."]
    dangling: Annotated[Count, "That name an object which is gone."]
    unreadable: Annotated[Count, "With a tag that somebody damaged."]
    in_sync: Annotated[Count, "That are as they are declared."]
    pending: Annotated[Count, "That the declarations want otherwise, which is no drift."]
    unowned: Annotated[dict[str, Count], "Without an owner, by kind."]
    foreign: Annotated[dict[str, Count], "Of other stacks, by kind."]


class DriftDocument(_StackDocument):
    """What somebody changed in the account since the last apply: the output of `retinue drift --format json`."""

    drifted: Annotated[bool, "Whether there is anything."]
    selection: NotRequired[Selected]
    summary: DriftSummaryDocument
    changed: Annotated[list[ChangedDocument], "Objects that somebody changed."]
    gone: Annotated[list[MissingDocument], "Objects that are declared, were there, and are gone."]
    dangling: Annotated[list[DanglingDocument], "References to objects that are gone."]
    unreadable: Annotated[list[str], "Which tags cannot be read, and why."]
    owned: Annotated[list[ObjectAddress], "The addresses of the stack that have a live object."]
    unowned: Annotated[list[UnownedDocument] | None, "The live objects without an owner, with --unowned; else null."]


# ── differences of declarations ───────────────────────────────────────────────────────────────────────────────────────


class SideDocument(TypedDict):
    """One of the two that are compared."""

    name: Annotated[str, "An environment, a git revision, or 'the working tree'."]
    stack: Annotated[str | None, "Its stack; null where there is no project."]
    environment: Environment
    environment_from: NotRequired[ChosenBy]


class DiffSummaryDocument(TypedDict):
    """Counts of objects."""

    create: Annotated[Count, "Only in `after`."]
    update: Annotated[Count, "In both, and different."]
    delete: Annotated[Count, "Only in `before`."]
    same: Annotated[Count, "In both, and the same."]


class DiffDocument(TypedDict):
    """How the declarations of `after` differ from those of `before`: the output of `retinue diff --json`."""

    format_version: FormatVersion
    selection: NotRequired[Selected]
    before: SideDocument
    after: SideDocument
    summary: DiffSummaryDocument
    settings: Annotated[
        list[FieldChangeDocument], "Differences of the stack, the account and the home, between revisions."
    ]
    steps: Annotated[list[StepDocument], "What leads from one to the other, by address. Nobody carries these out."]
    notes: Annotated[list[str], "What could not be compared, and why."]
