"""What notebooks and prompts show."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._nodes import Dataset, Group

_MOST = 50  # links of a group that are shown


def _size(n: int) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if n < 1024 or unit == "TiB":
            return f"{n} B" if unit == "B" else f"{n:.4g} {unit}"
        n /= 1024  # type: ignore[assignment]
    raise AssertionError


def _storage(ds: Dataset) -> str:
    words = [ds.layout + (f" {ds.chunks}" if ds.chunks else "")]
    words += [f.name for f in ds.filters]
    return ", ".join(words)


def dataset_text(ds: Dataset) -> str:
    if ds.file.closed:
        return f"<h5range.Dataset {ds.name} of a closed file>"
    shape = "null" if ds.is_null else str(ds.shape)
    return f"<h5range.Dataset {_printable(ds.name)}: {shape} {ds.type.name()}, {_storage(ds)}>"


def _link_line(group: Group, link: Any) -> tuple[str, str]:
    name, what = _link_words(group, link)
    return _printable(name), _printable(what)


def _link_words(group: Group, link: Any) -> tuple[str, str]:
    if link.kind == "soft":
        return link.name, f"-> {link.target}"
    if link.kind == "external":
        return link.name, f"-> {link.target} in {link.file}"
    if link.kind != "hard":
        return link.name, "user-defined link"
    from ._nodes import Dataset
    from ._nodes import Group as GroupType

    try:
        node = group[link.name]
    except Exception as e:
        return link.name, f"! {e}"
    if isinstance(node, Dataset):
        return link.name, f"{'null' if node.is_null else node.shape} {node.type.name()}, {_storage(node)}"
    return link.name + ("/" if isinstance(node, GroupType) else ""), "" if isinstance(node, GroupType) else "named datatype"


def _printable(s: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in s)


def _head(group: Group) -> str:
    from ._file import File

    if isinstance(group, File):
        s = group.stats
        return f"<h5range.File {group.source}: {s.rounds} rounds, {s.requests} requests, {_size(s.bytes)}>"
    return f"<h5range.Group {_printable(group.name)}>"


def group_text(group: Group) -> str:
    if group.file.closed:
        return f"<h5range.Group {group.name} of a closed file>"
    links = group.links()
    if len(links) <= _MOST:
        group.prefetch(1, attrs=False)
    lines = [_head(group)]
    for link in links[:_MOST]:
        name, what = _link_line(group, link)
        lines.append(f"  {name} {what}".rstrip())
    if len(links) > _MOST:
        lines.append(f"  … and {len(links) - _MOST} more")
    return "\n".join(lines)


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td style='text-align:left'><b>{escape(a)}</b></td><td style='text-align:left'>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"


def _attribute_rows(node: Any) -> list[tuple[str, str]]:
    with np.printoptions(threshold=12, edgeitems=3):
        rows = [(_printable(name), _printable(str(value)[:400])) for name, value in node.attrs.items()]
    return rows + [(name or "attributes", f"! {e}") for name, e in node.attrs.errors.items()]


def _attributes_html(node: Any) -> str:
    rows = _attribute_rows(node)
    return f"<details><summary>Attributes ({len(rows)})</summary>{_table(rows)}</details>" if rows else ""


def group_html(group: Group) -> str:
    if group.file.closed:
        return escape(repr(group))
    links = group.links()
    if len(links) <= _MOST:
        group.prefetch(1, attrs=False)
    rows = [_link_line(group, link) for link in links[:_MOST]]
    if len(links) > _MOST:
        rows.append(("…", f"{len(links) - _MOST} more"))
    return f"<div><code>{escape(_head(group))}</code>{_table(rows)}{_attributes_html(group)}</div>"


def dataset_html(ds: Dataset) -> str:
    if ds.file.closed:
        return escape(repr(ds))
    rows = [
        ("shape", "null" if ds.is_null else str(ds.shape)),
        ("type", ds.type.name()),
        ("size", _size(ds.nbytes)),
        ("storage", _storage(ds)),
    ]
    if ds.grid is not None:
        rows.append(("chunks", f"{int(np.prod(ds.grid, dtype=object)) if ds.grid else 1:,} in a grid of {ds.grid}"))
    if ds.has_fillvalue:
        rows.append(("fill value", str(ds.fillvalue)))
    return f"<div><code>&lt;h5range.Dataset {escape(ds.name)}&gt;</code>{_table(rows)}{_attributes_html(ds)}</div>"
