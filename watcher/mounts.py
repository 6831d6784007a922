"""On what kind of file system a path lies."""

from __future__ import annotations

from pathlib import Path

# On these, mapping a file and touching its pages one by one costs a round trip each, and what another machine writes
# sends no events.
_NETWORK = frozenset({"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"})


def network_file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of the network file system, FUSE's among them, that `path` lies on, by the system's table of mounts;
    empty where it lies on none.
    """
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    best = (-1, "")
    for _, place, kind, *_ in (line.split() for line in lines):
        # The table writes a space as \\040. A later mount covers an earlier one at the same place.
        point = Path(place.replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), kind)
    kind = best[1]
    return kind if kind in _NETWORK or kind.startswith("fuse.") else ""
