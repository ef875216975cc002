"""The Python API: what `harness.__all__` names, by Sphinx's autodoc."""

import inspect

from docs.generate import harness_objects as objects


def page() -> str:
    """Return the page on the public Python API."""
    names = objects.exported_names()
    about = (
        "Everything that `import harness` offers. What is not on this page may change without "
        "notice.\n"
    )
    nothing = "" if names else "The package exports no names yet.\n"
    return "\n".join(["# The Python API\n", about, nothing, *map(_entry, names)])


def _entry(name: str) -> str:
    thing = objects.exported(name)
    if inspect.isclass(thing):
        directive, option = "autoclass", "   :members:\n   :undoc-members:\n"
    elif inspect.isroutine(thing):
        directive, option = "autofunction", ""
    elif inspect.ismodule(thing):
        directive, option = "automodule", "   :members:\n"
    else:
        directive, option = "autodata", ""
    return f"## `{name}`\n\n```{{eval-rst}}\n.. {directive}:: harness.{name}\n{option}```\n"
