"""Files: texts by their path."""

from arena_evals.schema import State
from arena_evals.worlds.fault import Fault


def list_files(state: State) -> tuple[State, str]:
    """Return the path of every file."""
    return state, "\n".join(sorted(state.files)) or "no files"


def read_file(state: State, path: str) -> tuple[State, str]:
    """Return what a file holds."""
    return state, _content(state, path)


def write_file(state: State, path: str, content: str) -> tuple[State, str]:
    """Write a file, over what it held."""
    if not path.strip():
        raise Fault("path: is empty")
    return _with(state, {**state.files, path: content}), f"wrote {path}, {len(content)} characters"


def copy_file(state: State, source: str, target: str) -> tuple[State, str]:
    """Copy a file to another path."""
    if not target.strip():
        raise Fault("target: is empty")
    files = {**state.files, target: _content(state, source)}
    return _with(state, files), f"copied {source} to {target}"


def delete_file(state: State, path: str) -> tuple[State, str]:
    """Delete a file."""
    _content(state, path)
    files = {name: text for name, text in state.files.items() if name != path}
    return _with(state, files), f"deleted {path}"


def _content(state: State, path: str) -> str:
    if path not in state.files:
        raise Fault(f"{path}: no such file")
    return state.files[path]


def _with(state: State, files: dict[str, str]) -> State:
    return state.model_copy(update={"files": files})
