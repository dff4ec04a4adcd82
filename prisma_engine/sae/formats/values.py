"""Values out of somebody's config, each checked, with a sentence for the first that is missing or odd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prisma_engine.hub import LoadError


class Values:
    """Fields of a config file.

    Args:
        fields: as read.
        where: begins the sentences, such as "config.json of mine".
        why: what goes wrong without a field, for the sentence of a missing one.
    """

    def __init__(self, fields: Mapping[str, Any], where: str, why: str = "") -> None:
        self.fields, self.where, self.why = fields, where, why

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def required(self, name: str) -> Any:
        if name not in self.fields:
            raise LoadError(f"{self.where} lacks {name}{self.why}")
        return self.fields[name]

    def text(self, name: str) -> str:
        value = self.required(name)
        if not isinstance(value, str) or not value or len(value) > 300 or not value.isprintable():
            raise LoadError(f"{self.where} says {name} = {value!r:.80}; expected a name")
        return value

    def count(self, name: str, least: int = 0) -> int:
        value = self.required(name)
        if type(value) is not int or value < least:
            raise LoadError(f"{self.where} says {name} = {value!r:.80}; expected a whole number of at least {least}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        value = self.required(name) if default is None else self.fields.get(name, default)
        if type(value) is not bool:
            raise LoadError(f"{self.where} says {name} = {value!r:.80}; expected true or false")
        return value

    def choice(self, name: str, known: Mapping[Any, str], default: Any = ...) -> str:
        """What a value is called here.

        Args:
            known: their word → ours.
            default: their word where the field is missing; by default it must be there.
        """
        value = self.required(name) if default is ... else self.fields.get(name, default)
        if not isinstance(value, str | bool | None) or value not in known:
            words = ", ".join(repr(word) for word in known)
            raise LoadError(f"{self.where} says {name} = {value!r:.80}, which is not understood; known: {words}")
        return known[value]

    def refuse(self, name: str, harmless: tuple[Any, ...]) -> None:
        """An option that is not understood, unless it is missing or off."""
        value = self.fields.get(name)
        if value is not None and not any(value is word or value == word for word in harmless):
            raise LoadError(f"{self.where} says {name} = {value!r:.80}, which this project does not have")
