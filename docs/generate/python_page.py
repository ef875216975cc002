"""The Python API: what `harness.__all__` names, by Sphinx's autodoc."""

import inspect

from docs.generate import harness_objects as objects

_CLASS = "   :members:\n   :undoc-members:\n   :exclude-members: __init__\n   :show-inheritance:\n"


def page() -> str:
    """Return the page on the public Python API."""
    about = f"{objects.about_the_package()}\n"
    # Functions first: they are where one starts.
    names = sorted(objects.exported_names(), key=lambda n: inspect.isclass(objects.exported(n)))
    return "\n".join(["# The Python API\n", about, *map(_entry, names)])


def _entry(name: str) -> str:
    thing = objects.exported(name)
    if inspect.isclass(thing):
        directive, option = "autoclass", _CLASS
    elif inspect.isroutine(thing):
        directive, option = "autofunction", ""
    elif inspect.ismodule(thing):
        directive, option = "automodule", "   :members:\n"
    else:
        directive, option = "autodata", ""
    return f"## `{name}`\n\n```{{eval-rst}}\n.. {directive}:: harness.{name}\n{option}```\n"
