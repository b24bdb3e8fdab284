"""Labels into log files: all of them, or none where anything is wrong."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from inspect_ai.log import (
    EvalLog,
    read_eval_log,
    read_eval_log_sample_summaries,
    write_eval_log,
)

from arena_evals.analysis import ChosenLogs
from arena_evals.analysis.logs import reading
from arena_evals.errors import BadInput
from arena_evals.labelling import Change, Key, Label, add_labels


def store(chosen: ChosenLogs, key: Key, labels: Mapping[str, Label], by: str) -> Counter[Change]:
    """Store labels, by key, in the logs that hold their samples, every copy of a log included.

    New logs are written beside the old ones and take their places only when all are there.
    Returns how many labels are new, changed, and as before.

    Raises:
        BadInput: a labelled sample is in none of the logs, or a log cannot be replaced.
    """
    by_uuid = {key.trials[name].uuid: label for name, label in labels.items()}
    rubrics = {keyed.uuid: keyed.rubric for keyed in key.trials.values()}
    held = {log.location: _uuids(log.location) & by_uuid.keys() for log in chosen.headers}
    _require_all(key, labels, set().union(*held.values()))
    files = {place: _local_file(place) for place, uuids in held.items() if uuids}
    done: dict[str, Change] = {}
    staged: list[tuple[Path, Path]] = []
    try:
        for place, file in files.items():
            with reading(place):
                log = read_eval_log(place)
            changes = add_labels(log, by_uuid, by, rubrics)
            done |= {uuid: change for uuid, change in changes.items() if done.get(uuid) != "new"}
            if set(changes.values()) != {"same"}:
                staged.append((_beside(file), file))
                _write(log, *staged[-1])
        for new, file in staged:
            new.replace(file)
    except OSError as error:
        raise BadInput(f"{error.filename}: cannot be written ({error.strerror}); {_COPY}") from None
    finally:
        for new, _ in staged:
            new.unlink(missing_ok=True)
    return Counter(done.values())


_COPY = "labels are stored in the logs themselves: copy them to a local folder of your own first"


def _uuids(place: str) -> set[str]:
    with reading(place):
        return {str(sample.uuid) for sample in read_eval_log_sample_summaries(place)}


def _require_all(key: Key, labels: Mapping[str, Label], found: set[str]) -> None:
    for name in labels:
        keyed = key.trials[name]
        if keyed.uuid not in found:
            raise BadInput(
                f"key '{name}': its sample is in none of the logs given; name {keyed.log} too"
            )


def _local_file(place: str) -> Path:
    """Return the file behind a place, links followed, if labels can be stored there."""
    files, path = url_to_fs(place)
    if not isinstance(files, LocalFileSystem):
        raise BadInput(f"{place}: a remote log; {_COPY}")
    file = Path(path).resolve()
    if not os.access(file, os.W_OK):
        raise BadInput(f"{file}: a read-only log; {_COPY}")
    return file


def _beside(file: Path) -> Path:
    """Return an empty file in the same folder, whose name no reader of logs takes for one."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp")
    os.close(handle)
    return Path(name)


def _write(log: EvalLog, new: Path, file: Path) -> None:
    write_eval_log(log, str(new), format="json" if file.suffix == ".json" else "eval")
    shutil.copymode(file, new)
