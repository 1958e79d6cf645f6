"""The graph of references as Mermaid, which GitHub and GitLab draw in Markdown, and as DOT for Graphviz."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from retinue.planning.reference_graph import Node, ReferenceGraph
from retinue.report.text.ink import count


def render_graph(graph: ReferenceGraph, form: str) -> str:
    """One of the forms `mermaid` and `dot`."""
    return "\n".join(_dot(graph) if form == "dot" else _mermaid(graph)) + "\n"


def _mermaid(graph: ReferenceGraph) -> Iterator[str]:
    """The syntax of flowcharts (mermaid.js.org/syntax/flowchart.html): names of nodes are words, what is shown is
    quoted, with entities for what quotes cannot hold."""
    words = _words(graph)
    yield "flowchart LR"
    for each in graph.nodes:
        label = "<br/>".join(re.sub(r'["#&<>]', lambda sign: f"#{ord(sign[0])};", line) for line in _label(each))
        opened, closed = ("[", "]") if each.declared else ("([", "])")
        yield f'  {words[each.name]}{opened}"{label}"{closed}'
    for source, target in graph.links:
        yield f"  {words[source]} --> {words[target]}"


def _words(graph: ReferenceGraph) -> dict[str, str]:
    """A name of letters, digits and underscores for each node, the same as long as no other is like it."""
    taken: dict[str, str] = {}
    for each in graph.nodes:
        word = re.sub(r"\W", "_", each.name, flags=re.ASCII)
        while word in taken:
            word += "_"
        taken[word] = each.name
    return {name: word for word, name in taken.items()}


def _dot(graph: ReferenceGraph) -> Iterator[str]:
    """The syntax of Graphviz (graphviz.org/doc/info/lang.html); quoted names take every character but quotes, which a
    backslash escapes as in JSON."""
    yield "digraph retinue {"
    yield "  rankdir=LR"
    yield "  node [shape=box]"
    for each in graph.nodes:
        shape = "" if each.declared else ", style=dashed"
        yield f"  {_quoted(each.name)} [label={_quoted(chr(10).join(_label(each)))}{shape}]"
    for source, target in graph.links:
        yield f"  {_quoted(source)} -> {_quoted(target)}"
    yield "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _label(node: Node) -> list[str]:
    return [node.name, *([count(node.files, "file")] if node.files else [])]
