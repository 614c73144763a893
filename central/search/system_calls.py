"""The system calls that a search worker can no longer make: a seccomp filter. The only place that knows libseccomp."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable

# Sockets, programs and processes, other processes' memory, names in the file system, and ways around all of these.
_DENIED = """
    socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg
    execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise kill pidfd_open pidfd_getfd
    creat openat2 open_by_handle_at memfd_create memfd_secret truncate ftruncate fallocate
    unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mkdir mkdirat rmdir mknod mknodat
    chmod fchmod fchmodat chown fchown lchown fchownat utimensat setxattr lsetxattr fsetxattr
    mount umount2 pivot_root chroot unshare setns fsopen move_mount open_tree
    shmget shmat shmctl msgget semget mq_open io_uring_setup io_setup bpf perf_event_open userfaultfd fanotify_init
    inotify_init inotify_init1 keyctl add_key request_key setrlimit personality swapon swapoff reboot kexec_load
    init_module finit_module delete_module setuid setgid setreuid setregid setresuid setresgid capset
""".split()  # noqa: SIM905  (a list of a hundred quoted names is read by nobody)
_CLONE_THREAD = 0x00010000
_PR_SET_DUMPABLE = 4


def prepared_filter() -> Callable[[], bool] | None:
    """What refuses them for good, in every thread, once it is called; None where there is no libseccomp.

    Calling it raises OSError where the kernel takes no filter.
    """
    try:
        import pyseccomp as seccomp  # noqa: PLC0415  (its import fails where the system has no libseccomp)
    except (ImportError, RuntimeError, OSError):
        return None
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    denied = seccomp.ERRNO(errno.EPERM)
    for name in _DENIED:
        with contextlib.suppress(OSError):  # a call that this machine or its libseccomp does not have
            rules.add_rule(denied, name)
    # Reading what is there already is all that may be opened, and the limit on open files ends that too.
    for mode in (os.O_WRONLY, os.O_RDWR):
        with contextlib.suppress(OSError):
            rules.add_rule(denied, "open", seccomp.Arg(1, seccomp.MASKED_EQ, os.O_ACCMODE, mode))
        rules.add_rule(denied, "openat", seccomp.Arg(2, seccomp.MASKED_EQ, os.O_ACCMODE, mode))
    # A thread may be started, as libraries do; a process may not. clone3 hides its flags: libraries fall back to clone.
    rules.add_rule(denied, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    with contextlib.suppress(OSError):
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(denied, "prctl", seccomp.Arg(0, seccomp.EQ, _PR_SET_DUMPABLE))
    rules.add_rule(denied, "prlimit64", seccomp.Arg(2, seccomp.NE, 0))
    rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)

    def load() -> bool:
        rules.load()
        return True

    return load
