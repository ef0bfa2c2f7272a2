"""Network file systems, on which SQLite cannot lock its file."""

import re
import sys
from pathlib import Path, PurePath

# Virtual machines, WSL and containers mount local disks as 9p, virtiofs and vboxsf, so that these are missing here.
NETWORK_FILE_SYSTEM = re.compile(
    r"nfs[34]?|cifs|smb[23]|smbfs|ncpfs|afs|lustre|gpfs|beegfs|ceph|glusterfs|orangefs|pvfs2|panfs|wekafs"
    r"|fuse\.(sshfs|ceph|ceph-fuse|glusterfs|s3fs|rclone|gcsfuse|juicefs|curlftpfs|gvfsd-fuse|drive)"
)


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Kind of the network file system that a path is on, such as nfs4; None when it is local or unknown.

    ``mounts`` is a table as in /proc/mounts, which is read on Linux. On Windows the UNC path of a share shows it.
    """
    # On Linux this also mounts what is mounted at its first use; on Windows it turns a drive letter into its share.
    resolved = path.resolve()
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
    return re.match(r"\\\\(\?\\UNC\\|(?![?.]\\))", path.drive, re.IGNORECASE) is not None


def _mounted_kind(path: Path, mounts: str) -> str:
    """Kind of the file system with the longest mount point above a path; of equal ones, the last hides the others."""
    depth, found = 0, ""
    for line in mounts.split("\n"):
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, found = len(point.parts), fields[2].lower()
    return found
