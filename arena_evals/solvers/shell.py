"""A working day with a real shell: the files stand in a sandbox, all else stays in memory.

Which sandbox it is, is the run's affair; it needs bash, find, tar and base64.
"""

import tarfile
from base64 import b64decode
from io import BytesIO
from pathlib import PurePosixPath

from inspect_ai.log import transcript
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolDef, ToolError
from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError, sandbox

from arena_evals.scenarios import item_named, load_tools
from arena_evals.schema import Call, ToolText, TrialMetadata
from arena_evals.solvers.work import begun, offered, tools, worked
from arena_evals.worlds import Day, Fault, changes, require_running

_OF_FILES = ("list_files", "read_file", "write_file", "copy_file", "delete_file")
_SECONDS = 60  # for one command; what models read of the tool says so too
_SHOWN = 12_000  # characters of what a command printed: Inspect itself cuts at 16 KiB
_READ = """
echo :; find . -type f -print0 | base64
echo :; find . -type f -size -65k -print0 |
  tar --create --null --no-recursion --hard-dereference --files-from - | base64
echo :"""
"""Prints the path of every file, then an archive of those of up to 64 KiB."""


class Lost(Exception):
    """A sandbox that does not say any more what its files hold."""


@solver
def work_in_shell() -> Solver:
    """Let the model work in the world of its item, with a shell in place of the tools for files.

    The day also ends, unfinished, when the sandbox cannot be read any more: what was done is not
    known then, and the trial stays unscored.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        trial, day = begun(state)
        assert day.state is not None, "the day has begun"
        await _lay_out(day.state.files, _asked_for(trial))
        texts = load_tools(trial.language).tools
        names = dict.fromkeys("bash" if n in _OF_FILES else n for n in offered(trial))
        others = {t.name: t for t in tools(day, [n for n in names if n != "bash"], texts)}
        state.tools = [others.get(name) or _bash(day, texts["bash"]) for name in names]
        try:
            return await worked(state, generate, day)
        except Lost as lost:
            transcript().info(f"the day ended: {lost}")
            return state

    return solve


def _bash(day: Day, text: ToolText) -> ToolDef:
    async def execute(command: str) -> str:
        assert day.state is not None, "the day has begun"
        before, failed = day.state, False
        try:
            require_running(before)
            returned = _shortened(await _printed(command))
            day.state = before.model_copy(update={"files": await _files()})
        except Fault as fault:
            returned, failed = f"error: {fault}", True
        call = Call(
            turn=day.turns,
            tool="bash",
            arguments={"command": command},
            returned=returned,
            failed=failed,
            changed=changes(before, day.state),
        )
        day.calls = [*day.calls, call]
        if failed:
            raise ToolError(returned)
        return returned

    return ToolDef(
        execute,
        name="bash",
        description=text.description,
        parameters=text.parameters,
        parallel=False,
    )


async def _printed(command: str) -> str:
    """Run a command and return what it printed; one that fails or is stopped has run all the same.

    Raises:
        Fault: it cannot be run.
        Lost: there is no sandbox any more.
    """
    try:
        done = await sandbox().exec(["bash", "-c", command], timeout=_SECONDS, timeout_retry=False)
    except TimeoutError as late:
        printed = getattr(late, "truncated_output", None) or ""
        return _with_note(printed, f"(stopped after {_SECONDS} seconds)")
    except OutputLimitExceededError as much:
        return much.truncated_output or ""
    except SandboxUnavailableError as gone:
        raise Lost(str(gone)) from gone
    except (OSError, ValueError) as error:  # such as a null byte, or a command of megabytes
        raise Fault(str(error)) from None
    printed = f"{done.stdout}{done.stderr}"
    return printed if done.success else _with_note(printed, f"(exit status {done.returncode})")


def _asked_for(trial: TrialMetadata) -> list[str]:
    """Return the files that are to be written, whose folders ought to be there."""
    own = item_named(trial.scenario, trial.item, trial.language).work
    assert own is not None, "an enacted item has work"
    return [path.removeprefix("files.") for path in own.done if path.startswith("files.")]


async def _lay_out(files: dict[str, str], asked_for: list[str]) -> None:
    """Write the files where commands start, and make sure that they can be read back."""
    folders = {PurePosixPath(path).parent.as_posix() for path in asked_for}
    await sandbox().exec(["mkdir", "-p", "--", *sorted(folders)])
    for path, text in files.items():
        await sandbox().write_file(path, text)
    if await _files() != files:
        raise Lost("the sandbox does not hold the item's files, and nothing else")


async def _files() -> dict[str, str]:
    """Return every file below the directory in which commands start.

    Raises:
        Lost: that cannot be found out.
    """
    try:
        read = await sandbox().exec(["bash", "-c", _READ], timeout=_SECONDS)
        return _unpacked(read.stdout)
    except (OSError, ValueError, tarfile.TarError) as error:
        raise Lost(f"its files cannot be read: {error}") from error
    except (OutputLimitExceededError, SandboxUnavailableError) as error:
        raise Lost(f"its files cannot be read: {error}") from error


def _unpacked(printed: str) -> dict[str, str]:
    """Return path and content of every file from what `_READ` prints, whole or not at all."""
    if printed.count(":") != 3:
        raise ValueError("there is too much of them")
    _, listed, archive, _ = printed.split(":")
    with tarfile.open(fileobj=BytesIO(b64decode(archive)), mode="r:") as tar:
        held = {
            member.name: content.read() for member in tar if (content := tar.extractfile(member))
        }
    paths = b64decode(listed).decode("utf-8", "surrogateescape").split("\0")[:-1]
    return {_plain(path.removeprefix("./")): _text(held.get(path)) for path in paths}


def _text(content: bytes | None) -> str:
    if content is None:
        return "(cannot be read, or is larger than 64 KiB)"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return f"(not a text, {len(content)} bytes)" if "\0" in text else text


def _plain(path: str) -> str:
    """Return a path that can be written into a log, whatever bytes it is made of."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _with_note(printed: str, note: str) -> str:
    """Return what was printed, as it was, and a last line."""
    apart = "\n" if printed and not printed.endswith("\n") else ""
    return f"{printed}{apart}{note}"


def _shortened(text: str) -> str:
    if len(text) <= _SHOWN:
        return text
    half = _SHOWN // 2
    return f"{text[:half]}\n({len(text) - 2 * half} characters left out)\n{text[-half:]}"
