"""Make logs small enough to commit: keep what the analysis reads, leave out each sample's text.

python benchmarks/reference.py FROM TO

A log keeps its header and the summaries of its samples (metadata, scores, answers). Its name loses
the time, so that a new reference replaces the old one.
"""

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

with suppress(ImportError):  # Inspect's own need before Python 3.14, which reads Zstandard itself
    import_module("zipfile_zstd")

_TEXTS = ("samples/", "_journal/")


def slim(log: Path, place: Path) -> None:
    """Copy an .eval archive without its samples."""
    with ZipFile(log) as whole, ZipFile(place, "w") as small:
        for entry in whole.infolist():
            if not entry.filename.startswith(_TEXTS):
                small.writestr(entry, whole.read(entry))  # compressed as it was


def main() -> None:
    """Slim every log of a folder into another, named after its task."""
    source, target = map(Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    for log in sorted(source.glob("*.eval")):
        task = log.stem.split("_")[1]
        slim(log, target / f"{task}.eval")
        print(f"{target / task}.eval: {(target / f'{task}.eval').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
