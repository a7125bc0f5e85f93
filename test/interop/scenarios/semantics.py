"""semantics.py ROUNDS: POSIX semantics, as root and as ordinary users. Each check gets an empty
directory that everybody may write to, and is reported once, after all rounds."""
import collections
import errno
import os
import socket
import stat
import sys
import time
import traceback

from credentials import as_user, refused
from report import crash_point, fail, ok, same

ALICE, BOB, TEAM = 1001, 1002, 4242


def write(path, data=b'', mode=None):
    with open(path, 'wb') as file:
        file.write(data)
    if mode is not None:
        os.chmod(path, mode)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def drop_caches():
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as file:
        file.write('3')


# Permissions


def owner_group_and_others():
    write('file', b'x', 0o640)
    os.chown('file', ALICE, TEAM)
    as_user(ALICE, write, 'file', b'by alice')
    as_user(BOB, read, 'file', gid=TEAM)
    refused_as(BOB, errno.EACCES, write, 'file', gid=TEAM)
    refused_as(BOB, errno.EACCES, read, 'file')
    os.chmod('file', 0o000)
    same(read('file'), b'by alice', 'content for root')


def refused_as(uid, code, function, *args, **credentials):
    as_user(uid, refused, code, function, *args, **credentials)


def supplementary_groups():
    write('file', b'x', 0o640)
    os.chown('file', 0, TEAM)
    refused_as(BOB, errno.EACCES, read, 'file')
    as_user(BOB, read, 'file', groups=[TEAM])
    as_user(BOB, read, 'file', groups=[5000 + n for n in range(15)] + [TEAM])
    refused_as(BOB, errno.EACCES, read, 'file', groups=[5000 + n for n in range(16)])


def group_that_may_less_than_others():
    write('file', b'x', 0o604)
    os.chown('file', 0, TEAM)
    refused_as(BOB, errno.EACCES, read, 'file', groups=[TEAM])
    as_user(ALICE, read, 'file')


def directories_to_search_and_to_list():
    os.mkdir('dir')
    write('dir/file', b'x', 0o644)
    os.chmod('dir', 0o711)
    as_user(BOB, read, 'dir/file')
    refused_as(BOB, errno.EACCES, os.listdir, 'dir')
    os.chmod('dir', 0o744)
    as_user(BOB, os.listdir, 'dir')
    refused_as(BOB, errno.EACCES, read, 'dir/file')
    os.chmod('dir', 0o755)
    refused_as(BOB, errno.EACCES, write, 'dir/new')
    refused_as(BOB, errno.EACCES, os.unlink, 'dir/file')


def an_owner_who_locks_himself_out():
    def alice():
        fd = os.open('file', os.O_RDWR | os.O_CREAT, 0o600)
        os.chmod('file', 0)
        os.write(fd, b'still open')
        os.fsync(fd)
        same(os.pread(fd, 100, 0), b'still open')
        os.close(fd)
        refused(errno.EACCES, os.open, 'file', os.O_RDONLY)

    as_user(ALICE, alice)


def created_without_write_permission():
    def alice():
        fd = os.open('file', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(fd, b'written')
        os.close(fd)
        same(read('file'), b'written')

    as_user(ALICE, alice)
    same(mode_of('file'), 0o444, 'mode')


def sticky_directories():
    os.mkdir('tmp')
    os.chmod('tmp', 0o1777)
    as_user(ALICE, write, 'tmp/alice')
    as_user(BOB, write, 'tmp/bob')
    refused_as(BOB, errno.EPERM, os.unlink, 'tmp/alice')
    refused_as(BOB, errno.EPERM, os.rename, 'tmp/alice', 'tmp/mine')
    refused_as(BOB, errno.EPERM, os.rename, 'tmp/bob', 'tmp/alice')
    as_user(ALICE, os.rename, 'tmp/alice', 'tmp/renamed')
    as_user(ALICE, os.unlink, 'tmp/renamed')
    os.unlink('tmp/bob')


def who_may_change_what():
    write('file', b'x', 0o666)
    os.chown('file', ALICE, ALICE)
    refused_as(BOB, errno.EPERM, os.chmod, 'file', 0o777)
    refused_as(BOB, errno.EPERM, os.utime, 'file', (1, 1))
    as_user(BOB, os.utime, 'file')
    refused_as(ALICE, errno.EPERM, os.chown, 'file', BOB, -1)
    refused_as(ALICE, errno.EPERM, os.chown, 'file', -1, TEAM)
    as_user(ALICE, os.chown, 'file', -1, TEAM, groups=[TEAM])
    same((os.stat('file').st_uid, os.stat('file').st_gid), (ALICE, TEAM), 'owner')


def setuid_goes_with_a_write():
    write('file', b'x')
    os.chown('file', ALICE, ALICE)
    os.chmod('file', 0o6777)
    same(mode_of('file'), 0o6777, 'mode before')

    def bob():
        fd = os.open('file', os.O_WRONLY)
        os.write(fd, b'changed')
        os.close(fd)

    as_user(BOB, bob)
    drop_caches()
    same(mode_of('file'), 0o777, 'mode after')


def setuid_goes_with_chown():
    write('file', b'x')
    os.chown('file', ALICE, ALICE)
    os.chmod('file', 0o6755)
    as_user(ALICE, os.chown, 'file', -1, TEAM, groups=[TEAM])
    drop_caches()
    same(mode_of('file'), 0o755, 'mode after')


def setgid_directories_pass_on_their_group():
    os.mkdir('shared')
    os.chown('shared', 0, TEAM)
    os.chmod('shared', 0o2777)
    as_user(ALICE, write, 'shared/file')
    as_user(ALICE, os.mkdir, 'shared/dir')
    as_user(ALICE, os.symlink, 'x', 'shared/link')
    for name in ('file', 'dir', 'link'):
        info = os.lstat(f'shared/{name}')
        same((info.st_uid, info.st_gid), (ALICE, TEAM), f'owner of {name}')
    same(mode_of('shared/dir') & stat.S_ISGID, stat.S_ISGID, 'setgid of the new directory')


def modes_and_umask():
    for mode in (0o000, 0o7777, 0o1644, 0o2640, 0o4711):
        write('file', b'', mode)
        same(mode_of('file'), mode, 'mode')
    old = os.umask(0o027)
    os.close(os.open('new', os.O_CREAT | os.O_WRONLY, 0o666))
    os.mkdir('dir', 0o777)
    os.umask(old)
    same((mode_of('new'), mode_of('dir')), (0o640, 0o750), 'modes under umask')


def large_ids():
    write('file')
    for uid, gid in ((0x7FFFFFFF, 0x80000000), (0xFFFFFFFE, 0xFFFFFFFD), (65534, 65535)):
        os.chown('file', uid, gid)
        drop_caches()
        same((os.stat('file').st_uid, os.stat('file').st_gid), (uid, gid), 'owner')


# Names


def names_that_are_too_long():
    write('n' * 255)
    same(os.listdir('.'), ['n' * 255], 'names')
    refused(errno.ENAMETOOLONG, write, 'n' * 256)
    refused(errno.ENAMETOOLONG, os.mkdir, 'ü' * 128)
    refused(errno.ENAMETOOLONG, os.stat, 'n' * 256)
    same(os.statvfs('.').f_namemax, 255, 'longest name')


def names_that_exist():
    write('file')
    os.mkdir('dir')
    for name in ('file', 'dir'):
        refused(errno.EEXIST, os.mkdir, name)
        refused(errno.EEXIST, os.symlink, 'x', name)
        refused(errno.EEXIST, os.link, 'file', name)
        refused(errno.EEXIST, os.mkfifo, name)
        refused(errno.EEXIST, os.mknod, name)
        refused(errno.EEXIST, os.open, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def names_that_are_missing():
    for call in (os.stat, os.unlink, os.rmdir, os.listdir, os.readlink):
        refused(errno.ENOENT, call, 'missing')
    refused(errno.ENOENT, os.rename, 'missing', 'other')
    refused(errno.ENOENT, write, 'missing/file')


def files_are_no_directories():
    write('file')
    os.mkdir('dir')
    write('dir/file')
    refused(errno.ENOTDIR, os.rmdir, 'file')
    refused(errno.ENOTDIR, os.stat, 'file/below')
    refused(errno.EISDIR, os.unlink, 'dir')
    refused(errno.ENOTEMPTY, os.rmdir, 'dir')
    refused(errno.EISDIR, os.open, 'dir', os.O_WRONLY)
    refused(errno.EPERM, os.link, 'dir', 'link')


def rename_over_what_exists():
    for name in ('old', 'new'):
        write(name, name.encode())
        os.mkdir(f'{name}-dir')
    inode = os.stat('old').st_ino
    os.rename('old', 'new')
    same((os.stat('new').st_ino, read('new')), (inode, b'old'), 'what was renamed')
    os.rename('old-dir', 'new-dir')
    os.mkdir('full')
    write('full/file')
    refused(errno.ENOTEMPTY, os.rename, 'new-dir', 'full')
    refused(errno.ENOTDIR, os.rename, 'new-dir', 'new')
    refused(errno.EISDIR, os.rename, 'new', 'new-dir')
    same(sorted(os.listdir('.')), ['full', 'new', 'new-dir'], 'names')


def rename_into_itself():
    os.makedirs('a/b/c')
    refused(errno.EINVAL, os.rename, 'a', 'a/b/c/a')
    refused(errno.EINVAL, os.rename, 'a', 'a/a')
    refused(errno.ENOTEMPTY, os.rename, 'a/b', 'a')
    write('file')
    os.link('file', 'link')
    os.rename('file', 'link')
    same(sorted(os.listdir('.')), ['a', 'file', 'link'], 'both names of one file')
    os.rename('a', 'a')


def rename_across_directories():
    os.makedirs('from/dir/sub')
    os.mkdir('to')
    os.rename('from/dir', 'to/moved')
    same(os.stat('to/moved/..').st_ino, os.stat('to').st_ino, 'parent')
    same((os.stat('from').st_nlink, os.stat('to').st_nlink), (2, 3), 'links')


# Links and special files


def link_counts():
    write('file')
    for n in range(1, 11):
        os.link('file', f'link-{n}')
        same(os.stat('file').st_nlink, n + 1, 'links')
    same(os.stat('file').st_ino, os.stat('link-10').st_ino, 'inode')
    for n in range(1, 11):
        os.unlink(f'link-{n}')
    same(os.stat('file').st_nlink, 1, 'links in the end')
    os.makedirs('dir/one')
    os.mkdir('dir/two')
    drop_caches()
    same(os.stat('dir').st_nlink, 4, 'links of a directory')
    os.rmdir('dir/one')
    same(os.stat('dir').st_nlink, 3, 'links of a directory with one less')


def long_symbolic_links():
    for length in (1, 255, 1023, 1024, 4095):
        target = 'x/' * (length // 2) + 'y' * (length % 2)
        os.symlink(target, f'link-{length}')
        drop_caches()
        same(os.readlink(f'link-{length}'), target, 'target')
        same(os.lstat(f'link-{length}').st_size, length, 'size')


def symbolic_links_are_followed():
    os.mkdir('dir')
    write('dir/file', b'found')
    os.symlink('dir', 'to-dir')
    os.symlink('to-dir/file', 'to-file')
    os.symlink('loop', 'loop')
    same(read('to-file'), b'found')
    refused(errno.ELOOP, os.stat, 'loop')
    os.symlink(b'\xff\xfe', b'odd \xff')
    same(os.readlink(b'odd \xff'), b'\xff\xfe', 'bytes of a target')


def special_files():
    os.mkfifo('fifo', 0o600)
    os.mknod('block', stat.S_IFBLK | 0o600, os.makedev(240, 1234))
    os.mknod('char', stat.S_IFCHR | 0o600, os.makedev(4095, 1048575))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind('socket')
        drop_caches()
        same(stat.S_ISSOCK(os.stat('socket').st_mode), True, 'is a socket')
    same(stat.S_ISFIFO(os.stat('fifo').st_mode), True, 'is a fifo')
    same(stat.S_ISBLK(os.stat('block').st_mode), True, 'is a block device')
    for name, numbers in (('block', (240, 1234)), ('char', (4095, 1048575))):
        device = os.stat(name).st_rdev
        same((os.major(device), os.minor(device)), numbers, f'numbers of {name}')
    refused_as(ALICE, errno.EPERM, os.mknod, 'mine', stat.S_IFCHR | 0o600, os.makedev(1, 3))
    as_user(ALICE, os.mkfifo, 'my-fifo')


def a_fifo_carries_bytes():
    os.mkfifo('fifo')
    pid = os.fork()
    if pid == 0:
        write('fifo', b'through the fifo')
        os._exit(0)
    same(read('fifo'), b'through the fifo')
    os.waitpid(pid, 0)


# Open files


def unlinked_while_open():
    with open('file', 'w+b', buffering=0) as file:
        file.write(b'before')
        os.unlink('file')
        same([name for name in os.listdir('.') if not name.startswith('.nfs')], [], 'names')
        refused(errno.ENOENT, os.stat, 'file')
        file.write(b' after')
        os.fsync(file.fileno())
        if os.getcwd().endswith('/0-unlinked_while_open'):
            crash_point('unlinked')
        drop_caches()
        same(os.pread(file.fileno(), 100, 0), b'before after')
        write('file', b'another')
        same(os.pread(file.fileno(), 100, 0), b'before after')
    same(os.listdir('.'), ['file'], 'names after close')


def replaced_while_open():
    write('old', b'old')
    write('new', b'new')
    with open('old', 'rb', buffering=0) as file:
        os.rename('new', 'old')
        drop_caches()
        same(file.read(), b'old', 'what was opened')
    same((read('old'), os.listdir('.')), (b'new', ['old']), 'what is there')


def sizes():
    write('file', b'0123456789')
    os.truncate('file', 5)
    os.truncate('file', 8)
    drop_caches()
    same(read('file'), b'01234\0\0\0')
    with open('file', 'ab') as file:
        file.write(b'end')
    same(read('file'), b'01234\0\0\0end')
    os.close(os.open('file', os.O_WRONLY | os.O_TRUNC))
    same(os.stat('file').st_size, 0, 'size')
    fd = os.open('file', os.O_WRONLY)
    os.pwrite(fd, b'x', 10**12)
    os.close(fd)
    same(os.stat('file').st_size, 10**12 + 1, 'size')


# Times


def nanoseconds():
    write('file')
    os.mkdir('dir')
    os.symlink('x', 'link')
    # Not 0 and not 2^32 - 1: there the client's own kernel drops the nanoseconds.
    for seconds in (1, 1234567890, 2**31 - 1, 2**31, 2**32 - 2):
        times = (seconds * 10**9 + 123456789, seconds * 10**9 + 987654321)
        for name in ('file', 'dir'):
            os.utime(name, ns=times)
        drop_caches()
        for name in ('file', 'dir'):
            info = os.stat(name)
            same((info.st_atime_ns, info.st_mtime_ns), times, f'times of {name}')


def times_of_symbolic_links():
    os.symlink('nowhere', 'link')
    os.utime('link', ns=(10**18 + 1, 10**18 + 2), follow_symlinks=False)
    drop_caches()
    same(os.lstat('link').st_mtime_ns, 10**18 + 2, 'time of the link')


def times_that_move():
    def moved(path, what, change):
        before = os.stat(path)
        time.sleep(0.02)
        change()
        after = os.stat(path)
        for kind in ('st_mtime_ns', 'st_ctime_ns'):
            same(getattr(after, kind) > getattr(before, kind), kind in what, f'{kind} moved')

    write('file', b'x')
    os.mkdir('dir')
    both = ('st_mtime_ns', 'st_ctime_ns')
    moved('file', both, lambda: write('file', b'y'))
    moved('file', both, lambda: os.truncate('file', 5))
    moved('file', ('st_ctime_ns',), lambda: os.chmod('file', 0o600))
    moved('file', ('st_ctime_ns',), lambda: os.link('file', 'link'))
    moved('file', ('st_ctime_ns',), lambda: os.unlink('link'))
    moved('file', (), lambda: read('file'))
    moved('dir', both, lambda: write('dir/file'))
    moved('dir', (), lambda: write('dir/file', b'y'))
    moved('dir', both, lambda: os.rename('dir/file', 'dir/renamed'))
    moved('dir', both, lambda: os.unlink('dir/renamed'))
    now = time.time_ns()
    same(abs(os.stat('dir').st_mtime_ns - now) < 10**10, True, 'clock of the server')


CHECKS = [
    owner_group_and_others, supplementary_groups, group_that_may_less_than_others,
    directories_to_search_and_to_list, an_owner_who_locks_himself_out,
    created_without_write_permission, sticky_directories, who_may_change_what,
    setuid_goes_with_a_write, setuid_goes_with_chown, setgid_directories_pass_on_their_group,
    modes_and_umask, large_ids, names_that_are_too_long, names_that_exist,
    names_that_are_missing, files_are_no_directories, rename_over_what_exists,
    rename_into_itself, rename_across_directories, link_counts, long_symbolic_links,
    symbolic_links_are_followed, special_files, a_fifo_carries_bytes, unlinked_while_open,
    replaced_while_open, sizes, nanoseconds, times_of_symbolic_links, times_that_move,
]

complaints = collections.defaultdict(list)
base = os.getcwd()
for n in range(int(sys.argv[1])):
    for check in CHECKS:
        folder = f'{base}/{n}-{check.__name__}'
        try:
            os.mkdir(folder)
            os.chmod(folder, 0o777)
            os.chdir(folder)
            check()
        except Exception as error:
            place = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.name == check.__name__]
            complaints[check.__name__].append(f'{type(error).__name__}: {error} (line {place})')
for check in CHECKS:
    name = check.__name__.replace('_', '-')
    found = complaints[check.__name__]
    fail(name, f'{len(found)} times, first {found[0]}') if found else ok(name)
