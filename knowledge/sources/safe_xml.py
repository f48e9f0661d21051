"""XML read record by record: memory stays flat, and no entity, DTD or address is ever followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from knowledge.errors import InputError
from knowledge.sources.streams import Bounded

if TYPE_CHECKING:
    from lxml import etree


def records(stream: Bounded, tags: tuple[str, ...]) -> Iterator[etree._Element]:
    """Each element of those tags (`{*}name` for any namespace), whole, and emptied once the next is asked for.

    A record inside a record comes with the outer one only.

    Raises:
        InputError: the XML is broken, declares entities of its own, or a record is too large.
    """
    from lxml import etree

    events = etree.iterparse(
        stream,
        events=("start", "end"),
        tag=tags,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
    )
    found, depth = 0, 0
    while True:
        try:
            event, element = next(events)
        except StopIteration:
            return
        except etree.XMLSyntaxError as fault:
            raise InputError(
                f"the XML is broken after {found} records ({fault.msg})", remedy="Download the file again, or mend it"
            ) from fault
        if event == "start":
            if not found and not depth:
                _refuse_entities(element)
            depth += 1
            continue
        depth -= 1
        if depth:
            continue
        found += 1
        stream.mark()
        yield element
        _forget(element)


def parse(data: bytes) -> etree._Element:
    """The root of a document held whole.

    Raises:
        InputError: it is broken or declares entities of its own.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as fault:
        raise InputError(f"the XML is broken ({fault.msg})", remedy="Download the file again, or mend it") from fault
    _refuse_entities(root)
    return root


def root_tag(head: bytes) -> str:
    """The tag of the root, with its namespace, from the beginning of a file; empty where none is seen."""
    from lxml import etree

    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=True
    )
    try:
        parser.feed(head)
        _, element = next(iter(parser.read_events()))
    except (etree.XMLSyntaxError, StopIteration):
        return ""
    return str(element.tag)


def _refuse_entities(element: etree._Element) -> None:
    """Public formats declare no entities inside a file; what does is an attack (XXE, billion laughs) or not of them."""
    dtd = element.getroottree().docinfo.internalDTD
    if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
        raise InputError(
            "the XML declares entities of its own, which may read files or fill the memory",
            remedy="Leave it out, or remove the DOCTYPE if you trust the file",
        )


def _forget(element: etree._Element) -> None:
    """Empty a record and drop what stands before it, at every level, so that the tree behind the reader stays small."""
    element.clear(keep_tail=False)
    ancestor: etree._Element | None = element
    while ancestor is not None:
        parent = ancestor.getparent()
        while parent is not None and ancestor.getprevious() is not None:
            del parent[0]
        ancestor = parent
