"""The system calls by which the disk is changed and files are read. Tests replace those of `system` to record, fail or
kill.

`lstmctl.files` and `lstmctl.registry.locks` make no others.
"""

import errno
import fcntl
import os


class System:
    """One attribute a call."""

    open = staticmethod(os.open)
    read = staticmethod(os.read)
    write = staticmethod(os.write)
    close = staticmethod(os.close)
    mkdir = staticmethod(os.mkdir)
    rename = staticmethod(os.rename)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    flock = staticmethod(fcntl.flock)

    @staticmethod
    def fsync(descriptor: int) -> None:
        """Flush to the medium. macOS's fsync stops at the drive's cache; F_FULLFSYNC does not."""
        if (full := getattr(fcntl, "F_FULLFSYNC", None)) is not None:
            try:
                fcntl.fcntl(descriptor, full)
            except OSError as error:
                if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                    raise
            else:
                return
        os.fsync(descriptor)


system = System()
