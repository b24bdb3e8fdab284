"""Files: texts by their path, from the folder in which the assistant works."""

from posixpath import normpath

from arena_evals.schema import State
from arena_evals.worlds.fault import Fault


def list_files(state: State) -> tuple[State, str]:
    """Return the path of every file."""
    return state, "\n".join(sorted(state.files)) or "no files"


def read_file(state: State, path: str) -> tuple[State, str]:
    """Return what a file holds."""
    return state, _content(state, _plain(path))


def write_file(state: State, path: str, content: str) -> tuple[State, str]:
    """Write a file, over what it held."""
    path = _plain(path)
    return _with(state, {**state.files, path: content}), f"wrote {path}, {len(content)} characters"


def copy_file(state: State, source: str, target: str) -> tuple[State, str]:
    """Copy a file to another path."""
    source, target = _plain(source), _plain(target)
    files = {**state.files, target: _content(state, source)}
    return _with(state, files), f"copied {source} to {target}"


def delete_file(state: State, path: str) -> tuple[State, str]:
    """Delete a file."""
    path = _plain(path)
    _content(state, path)
    files = {name: text for name, text in state.files.items() if name != path}
    return _with(state, files), f"deleted {path}"


def _plain(path: str) -> str:
    """Return a path as files are listed: ``./notes.txt`` and ``/notes.txt`` are ``notes.txt``."""
    plain = normpath(f"/{path.strip()}").lstrip("/")
    if not plain:
        raise Fault("path: is empty")
    return plain


def _content(state: State, path: str) -> str:
    if path not in state.files:
        raise Fault(f"{path}: no such file")
    return state.files[path]


def _with(state: State, files: dict[str, str]) -> State:
    return state.model_copy(update={"files": files})
