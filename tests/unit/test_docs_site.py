"""The docs site: navigation, links, and the picture of the rooms."""

import re
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pytest

from docs.generate.architecture_page import PLACE
from docs.generate.architecture_page import page as architecture_page
from docs.generate.copied_pages import append_navigation, copy_pages, site_path
from docs.generate.import_graph import Room, read_layers, read_rooms, without_shortcuts
from docs.generate.navigation import HOME, Group, read_navigation
from docs.generate.rooms_picture import picture

REPOSITORY = Path(__file__).parents[2]


def test_every_page_of_docs_is_in_one_group() -> None:
    groups = read_navigation(REPOSITORY)
    pages = [page for group in groups for page in group.pages]
    files = [*REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("docs/*.ipynb")]
    written = {page.relative_to(REPOSITORY).as_posix() for page in files}
    assert len(pages) == len(set(pages))
    assert written - {HOME} <= set(pages)
    assert [group.title for group in groups if group.title] == [
        "Start here",
        "Guides",
        "Reference",
        "Explanation",
        "Contributing",
    ]


def test_pages_link_only_to_pages_of_the_site() -> None:
    pages = {HOME, *(page for group in read_navigation(REPOSITORY) for page in group.pages)}
    for page in pages:
        source = REPOSITORY / page
        text = source.read_text() if source.is_file() else ""
        for link in re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))[)#]", text):
            linked = (source.parent / link).resolve().relative_to(REPOSITORY).as_posix()
            assert linked in pages, f"{page} links to {linked}"


def test_a_page_in_no_group_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("index", "placed", "lost"):
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n")
    navigation = tmp_path / "docs" / "navigation.toml"
    navigation.write_text('[[group]]\ntitle = "Guides"\npages = ["docs/placed.md"]\n')
    with pytest.raises(LookupError, match=r"docs/lost\.md is in no group"):
        read_navigation(tmp_path)
    (tmp_path / "docs" / "lost.md").rename(tmp_path / "docs" / "lost.ipynb")
    with pytest.raises(LookupError, match=r"docs/lost\.ipynb is in no group"):
        read_navigation(tmp_path)


def test_links_fit_the_site(tmp_path: Path) -> None:
    repository, site = tmp_path / "repository", tmp_path / "site"
    for folder in ("docs", "firmware/link"):
        (repository / folder).mkdir(parents=True)
    (repository / HOME).write_text("[a](a.md) [f](../firmware/README.md#by-hand)\n")
    (repository / "docs/a.md").write_text(
        "[h](../firmware/link/link.h) [w](https://example.org/a.md) [x](#y) [gone](gone.md)\n"
        "```\n[f](../firmware/README.md)\n```\n"
        "[two\nlines](../firmware/README.md) [the folder](../firmware/link/) [n](n.ipynb#y)\n"
    )
    (repository / "docs/n.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["[h](../firmware/link/link.h)"]}]}'
    )
    (repository / "firmware/README.md").write_text("[a](../docs/a.md#y) [h](link/link.h)\n")
    (repository / "firmware/link/link.h").write_text("/* link */\n")
    groups = [Group("Guides", HOME, ["docs/a.md", "docs/n.ipynb", "firmware/README.md"])]
    copy_pages(repository, site, groups)
    append_navigation(site, groups)
    assert (site / "index.md").read_text() == (
        "[a](a.md) [f](firmware/README.md#by-hand)\n\n"
        "```{toctree}\n:hidden:\n:titlesonly:\n:caption: Guides\n\n"
        "/a.md\n/n.md\n/firmware/README.md\n```\n"
    )
    assert (site / "a.md").read_text() == (
        "[h](firmware/link/link.h) [w](https://example.org/a.md) [x](#y) [gone](gone.md)\n"
        "```\n[f](../firmware/README.md)\n```\n"
        "[two\nlines](firmware/README.md) the folder [n](n.md#y)\n"
    )
    assert (site / "n.md").read_text() == "[h](firmware/link/link.h)\n"
    assert (site / "firmware/README.md").read_text() == "[a](../a.md#y) [h](link/link.h)\n"
    assert (site / "firmware/link/link.h").read_text() == "/* link */\n"
    assert site_path(PurePosixPath("docs/a.md")) == PurePosixPath("a.md")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with rooms: base; left and right, which import it; top, which imports all."""
    rooms = {
        "base": "X = 1\n",
        "left": "from housetest.base import X\n",
        "right": "def f():\n    from housetest.base import X\n    return X\n",
        "top/__init__": "",
        "top/face": "import housetest.left\nimport housetest.right\nimport housetest.base\n",
        "__init__": "",
    }
    for name, text in rooms.items():
        file = tmp_path / "housetest" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    contract = tmp_path / "pyproject.toml"
    contract.write_text(
        '[[tool.importlinter.contracts]]\nname = "rooms"\ntype = "layers"\n'
        'containers = ["housetest"]\nlayers = ["top", "left | (right)", "base"]\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    return contract


def test_rooms_and_imports_of_a_package(package: Path) -> None:
    container, layers = read_layers(package)
    assert (container, layers) == ("housetest", [["base"], ["left", "right"], ["top"]])
    rooms = read_rooms(container, layers)
    assert rooms == [
        Room("base", 0, 1, 1, frozenset()),
        Room("left", 1, 1, 1, frozenset({"base"})),
        Room("right", 1, 1, 3, frozenset({"base"})),
        Room("top", 2, 2, 3, frozenset({"base", "left", "right"})),
    ]
    assert without_shortcuts(rooms) == {
        "base": frozenset(),
        "left": frozenset({"base"}),
        "right": frozenset({"base"}),
        "top": frozenset({"left", "right"}),
    }


def test_a_module_in_no_layer_is_an_error(package: Path) -> None:
    (package.parent / "housetest" / "attic.py").write_text("")
    with pytest.raises(LookupError, match=r"housetest\.attic is in no layer"):
        read_rooms(*read_layers(package))


def test_the_picture_has_every_room_and_import(package: Path) -> None:
    rooms = read_rooms(*read_layers(package))
    svg = picture(rooms, without_shortcuts(rooms), {room.name: "<b> & c" for room in rooms})
    root = ElementTree.fromstring(svg)  # noqa: S314 - it is our own
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    titles = {element.text for element in root.iter() if element.tag.endswith("title")}
    assert {"base", "left", "right", "top", "1 module, 1 line", "<b> & c"} <= set(texts)
    assert titles == {
        "base is imported by left, right",
        "left is imported by top",
        "right is imported by top",
    }


def test_the_architecture_page_has_the_rooms_of_the_contract_in_its_order(package: Path) -> None:
    rows = [f"| `{name}` | What {name} is for. |" for name in ("base", "left", "right", "top")]
    text = "\n".join([PLACE, "| room | what it is for |", "|---|---|", *rows, ""])
    assert "What top is for." in architecture_page(text, package).split("</svg>")[0]
    swapped = "\n".join([PLACE, rows[0], rows[2], rows[1], rows[3], ""])
    with pytest.raises(LookupError, match=r"base, right, left, top; .* base, left, right, top"):
        architecture_page(swapped, package)
