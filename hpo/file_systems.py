"""Network file systems, on which SQLite cannot lock its file."""

import re
import sys
from pathlib import Path, PurePath

# 9p, virtiofs and vboxsf are missing: virtual machines, WSL and containers mount local disks by them.
NETWORK_FILE_SYSTEM = re.compile(
    r"nfs[34]?|cifs|smb[23]|smbfs|ncpfs|afs|lustre|gpfs|beegfs|ceph|glusterfs|orangefs|pvfs2|panfs|wekafs"
    r"|fuse\.(sshfs|ceph|ceph-fuse|glusterfs|s3fs|rclone|gcsfuse|juicefs|curlftpfs|gvfsd-fuse|drive)"
)


# --- Network file systems


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Kind of the network file system that a path is on, such as nfs4; None when it is local, or not known.

    ``mounts`` is a table as in /proc/mounts, which is read on Linux. On Windows a share is told by its UNC path.
    """
    resolved = path.resolve()  # also mounts what is mounted at its first use; on Windows, a drive letter -> its share
    if mounts is None and sys.platform == "win32":
        return "a Windows share" if is_windows_share(resolved) else None
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    kind = _mounted_kind(resolved, mounts)
    return kind if NETWORK_FILE_SYSTEM.fullmatch(kind) else None


def is_windows_share(path: PurePath) -> bool:
    r"""Whether a Windows path is a share, \\server\share, rather than a drive or a device."""
    drive = path.drive.upper()
    return drive.startswith("\\\\?\\UNC\\") or (
        drive.startswith("\\\\") and not drive.startswith(("\\\\?\\", "\\\\.\\"))
    )


def _mounted_kind(path: Path, mounts: str) -> str:
    """Kind of the file system with the longest mount point above a path; the last of them hides the others."""
    depth, found = 0, ""
    for line in mounts.split("\n"):
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, found = len(point.parts), fields[2].lower()
    return found
