"""On what kind of file system a path lies, by the system's table of mounts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

# psutil.disk_partitions reads /etc/mtab first, which some images carry as a file that nobody keeps up to date.
MOUNTS: Final = Path("/proc/self/mounts")
# On these, mapping a file and touching its pages one by one costs a round trip each, what another machine writes sends
# no events, and locks and shared maps hold on one machine alone, if at all.
_NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "lustre", "gpfs", "mmfs", "beegfs", "ceph"),
        *("glusterfs", "wekafs", "panfs", "pvfs2", "orangefs", "dvs", "davfs", "9p", "virtiofs", "vboxsf", "vmhgfs"),
        *("prl_fs", "fakeowner", "drvfs", "fuse"),
    }
)
# FUSE over this machine's own disks: rootless containers, and encrypted directories.
_LOCAL_FUSE: Final = frozenset({"fuse.fuse-overlayfs", "fuse.gocryptfs"})
_RENUMBERED: Final = frozenset({"vfat", "exfat", "msdos", "fuseblk", *_LOCAL_FUSE})
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The kind of the network file system, those of hosts of virtual machines and FUSE's among them, that `path` lies
    on; empty where it lies on none.
    """
    kind, options = _mount_of(path, mounts)
    # gVisor serves a sandbox's own disk like this.
    local = kind in _LOCAL_FUSE or (kind == "9p" and "trans=fd" in options)
    return kind if not local and (kind in _NETWORK or kind.startswith("fuse.")) else ""


def memory_file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """The kind of the file system that is gone when the machine restarts, which `path` lies on; else empty."""
    kind, _ = _mount_of(path, mounts)
    return kind if kind in _MEMORY else ""


def renumbers_files(path: Path, mounts: Path = MOUNTS) -> bool:
    """True where a file's inode number may be another one after a while though nobody has touched the file."""
    return bool(network_file_system(path, mounts)) or _mount_of(path, mounts)[0] in _RENUMBERED


def nearest(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists, links resolved: what an automatic mount is to bring is
    there then."""
    path = path.resolve()
    return next((place for place in (path, *path.parents) if place.exists()), Path(path.anchor))


def local_alternative(name: str, mounts: Path = MOUNTS) -> Path | None:
    """A directory of this name on a disk of this machine; None where none is known."""
    for place in (Path("/var/tmp"), Path(tempfile.gettempdir())):
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK) and not network_file_system(place.resolve(), mounts):
            return place / f"uimon-{os.geteuid()}" / name
    return None


def _mount_of(path: Path, mounts: Path) -> tuple[str, str]:
    """The kind and options of the mount that `path`, links resolved, lies on; empty where the system has no table."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return "", ""
    best = (-1, "", "")
    for _, place, kind, options, *_ in (line.split(" ") for line in lines if line.count(" ") >= 3):
        # The table writes a space as \\040. A later mount covers an earlier one at the same place.
        point = Path(place.replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), kind, options)
    return best[1], best[2]
