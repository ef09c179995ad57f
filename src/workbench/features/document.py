"""What one planning document says, layout by layout still unread: fields, keys, headings, boxes.

Every value carries the line (from 1) on which it stands. A layout reads only this, never a file.
It does not interpret any word: that a field named `status` means something is a layout's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.model.feature import Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A YAML value: a scalar's own text, a list's items, or a map's entries; the rest is empty."""

    line: int
    text: str = ""
    items: tuple[Value, ...] = ()
    entries: dict[str, Value] = field(default_factory=dict)

    def texts(self) -> tuple[str, ...]:
        """Returns the scalar texts of a list, or the one of a scalar; empty texts are left out."""
        found = [item.text for item in self.items] if self.items else [self.text]
        return tuple(text for text in found if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    level: int
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A task box: `- [x] text`. `heading` is the index of the heading it stands under, -1 for none."""

    mark: str
    text: str
    line: int
    indent: int
    heading: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of a document and the line on which they stand."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One document, taken apart. `fields` is its front matter, `keys` its `**Bold**: values`."""

    path: str
    fields: dict[str, Value] = field(default_factory=dict)
    keys: dict[str, Quote] = field(default_factory=dict)
    headings: tuple[Heading, ...] = ()
    boxes: tuple[Box, ...] = ()
    checks: tuple[Quote, ...] = ()
    problems: tuple[Diagnostic, ...] = ()

    def text_of(self, *names: str) -> str:
        """Returns the first of these front matter fields that holds text, or ""."""
        found = self.quote_of(*names)
        return found.text if found else ""

    def quote_of(self, *names: str) -> Quote | None:
        """Returns the first of these front matter fields that holds text, with its line, or None."""
        for name in names:
            value = self.fields.get(name)
            if value is not None and value.text:
                return Quote(text=value.text, line=value.line)
        return None

    def texts_of(self, *names: str) -> tuple[str, ...]:
        """Returns all texts that these front matter fields list."""
        return tuple(
            text for name in names if (value := self.fields.get(name)) is not None for text in value.texts()
        )

    def quotes_of(self, *names: str) -> tuple[Quote, ...]:
        """Returns all texts that these front matter fields list, each with its line."""
        values = (self.fields[name] for name in names if name in self.fields)
        each = (item for value in values for item in (value.items or (value,)))
        return tuple(Quote(text=item.text, line=item.line) for item in each if item.text)

    def title(self) -> Quote:
        """Returns the document's title: the `title` field, else its first heading, else nothing at line 1."""
        if found := self.quote_of("title", "name"):
            return found
        if self.headings:
            return Quote(text=self.headings[0].text, line=self.headings[0].line)
        return Quote(text="", line=1)
