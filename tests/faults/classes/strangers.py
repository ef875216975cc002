"""Faults that others cause: hostile texts, links in shared folders, curious readers."""

import json
import os
import stat

from tests.faults.case import Case, Ended
from tests.faults.fault import fault
from tests.faults.findings import Kind

_SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
_STORE = f"postgresql://me:{_SECRET}@127.0.0.1:1/runs"
_ACTING = ("\x1b[31m", "\x1b[2J", "\x1b]0;title\x07", "\u202e", "\u200b", "\x9b2J", "\x08")
_MARKUP = "[bold]b[/bold][link=file:///]l[/link][/]"


def judge_text(case: Case, ended: Ended) -> None:
    """Find characters that act on a terminal, and secrets, in the output of a command."""
    text = ended.output + ended.errors
    acting = {c for c in text if not c.isprintable() and c != "\n"}
    if acting:
        case.found(Kind.UNCLEAR_ERROR, f"acts on a terminal: {''.join(acting)!a}")
    if _SECRET in text:
        case.found(Kind.UNCLEAR_ERROR, "shows a password")


def hostile(case: Case) -> str:
    """Return a name that acts on a terminal which does not filter it."""
    parts = [*case.random.sample(_ACTING, 3), _MARKUP, "name"]
    case.random.shuffle(parts)
    return "".join(parts)


@fault(seeds=10)
def an_argument_acts_on_the_terminal(case: Case) -> None:
    name = hostile(case)
    command = case.random.choice(
        [
            ("run", f"--model={name}"),
            ("run", f"--target={name}"),
            ("run", f"--{name}"),
            ("models", "show", name),
            ("size", name),
            ("compare", name, name),
            (name,),
        ]
    )
    judge_text(case, case.harness(*command, ends=(2,)))


@fault(seeds=6)
def a_target_file_acts_on_the_terminal(case: Case) -> None:
    text = json.dumps(hostile(case))
    folder = case.root / "targets"
    folder.mkdir()
    (folder / "mine.toml").write_text(f"description = {text}\n{text} = {text}\n")
    judge_text(case, case.harness("run", "--target=mine", ends=(2,)))


@fault(seeds=4)
def a_record_of_another_person_acts_on_the_terminal(case: Case) -> None:
    case.harness("run", "--model=anomaly", "--target=qemu-stm32", records=1)
    (path,) = (case.root / "reports" / "runs").glob("*.json")
    record = json.loads(path.read_text())
    record.pop("digest", None)  # as of earlier versions
    record["log"] = [hostile(case)]
    record["image"]["compiler"] = hostile(case)
    record["target"]["version"] = hostile(case)
    path.write_text(json.dumps(record))
    for command in (("report",), ("trend", "ram"), ("compare", path.stem, path.stem)):
        judge_text(case, case.harness(*command, ends=(0, 2)))


@fault(seeds=2)
def a_password_is_in_the_url_of_the_store(case: Case) -> None:
    run = ("run", "--model=anomaly", "--target=qemu-stm32")
    judge_text(case, case.harness(*run, f"--store={_STORE}", ends=(2,)))
    judge_text(
        case, case.harness(*run, environment={"HARNESS_STORE": _STORE}, ends=(3,), records=1)
    )
    for path in case.root.rglob("*"):
        if path.is_file() and _SECRET.encode() in path.read_bytes():
            case.found(Kind.UNCLEAR_ERROR, f"{path} holds a password")


@fault()
def a_link_lies_in_the_shared_folder(case: Case) -> None:
    victim = case.root / "victim"
    victim.mkdir(mode=0o755)
    names = ("tinyml-harness-leases", f"tinyml-harness-{os.getuid()}")
    links = [case.temporary / name for name in names]
    for link in links:
        link.symlink_to(victim)
    environment = {"XDG_RUNTIME_DIR": "/nonexistent"}
    run = ("run", "--model=anomaly", "--target=virtual-stm32")
    case.harness(*run, environment=environment, ends=(-9, 3))  # -9: the links are ours
    if stat.S_IMODE(victim.stat().st_mode) != 0o755 or any(victim.iterdir()):
        case.found(Kind.UNCLEAR_ERROR, "the link was followed")
    for link in links:
        link.unlink()
