"""Modules whose constants cannot be replaced where that would change nothing."""

from types import ModuleType


class FixedModule(ModuleType):
    """A module with a table FIXED: the name of a constant that others have taken over already, and the way which works.

    It becomes the class of a module by an assignment to ``__class__`` of its entry in `sys.modules`.
    """

    def __setattr__(self, name: str, value: object) -> None:
        way = vars(self).get("FIXED", {}).get(name)
        if way is not None:
            raise AttributeError(f"a new {self.__name__}.{name} would change nothing; {way}")
        super().__setattr__(name, value)
