"""tree.py make DIR FILES: builds a tree with every kind of entry and odd names.
tree.py list DIR OUT: writes a line per entry with all that tar must preserve; the times of symbolic
links, which some servers cannot set, go to OUT.links."""
import hashlib
import os
import random
import stat
import sys

ODD_NAMES = [
    b' leading and trailing ',
    b'tab\tand\nnewline',
    b'-rf',
    b'*?[a]{b}$HOME`id`"\'\\',
    'Grüße, 世界, 🦀'.encode(),
    'e\u0301 is not \u00e9'.encode(),
    '\u00e9 is not e\u0301'.encode(),
    b'invalid \xff\xfe\x80 UTF-8',
    b'overlong \xc0\xaf',
    b'control \x01\x02\x7f',
    b'CASE',
    b'case',
    b'...',
    b'trailing dot.',
    b'con',
    b'a:b|c<d>e',
    b'n' * 255,
    ('ü' * 127).encode() + b'x',
]


def make(root, files):
    random.seed(1)
    os.makedirs(root)
    root = os.fsencode(root)
    make_plain(root, files)
    make_odd(root)
    make_special(root)
    make_modes(root)
    for path in sorted(walk(root), key=len, reverse=True):
        moment = random.randrange(10**9, 17 * 10**8) * 10**9 + random.randrange(10**9)
        os.utime(path, ns=(moment, moment), follow_symlinks=False)


def write(path, size):
    with open(path, 'wb') as file:
        file.write(random.randbytes(size))


def make_plain(root, files):
    for n in range(files):
        folder = root + b'/plain/%d' % (n % 10)
        os.makedirs(folder, exist_ok=True)
        write(folder + b'/file-%d' % n, random.choice([0, 1, 100, 4096, 5000, 70000]))


def make_odd(root):
    os.mkdir(root + b'/odd')
    for name in ODD_NAMES:
        write(root + b'/odd/' + name, 10)
        os.mkdir(root + b'/odd/' + name[:250] + b' dir')
        write(root + b'/odd/' + name[:250] + b' dir/' + name, 10)
    deep = root
    for level in range(60):
        deep += b'/level %02d ' % level + b'd' * 40
        os.mkdir(deep)
        write(deep + b'/file', level)


def make_special(root):
    special = root + b'/special'
    os.mkdir(special)
    write(special + b'/original', 1000)
    for n in range(5):
        os.link(special + b'/original', special + b'/hard link %d' % n)
    os.link(special + b'/original', root + b'/hard link elsewhere')
    for name, target in [
        (b'relative', b'../special/original'),
        (b'absolute', b'/etc/passwd'),
        (b'dangling', b'no such \xff target'),
        (b'long', b'x' * 1023),
        (b'longer', b'y/' * 1500),
    ]:
        os.symlink(target, special + b'/' + name)
    os.mkfifo(special + b'/fifo', 0o640)
    os.mknod(special + b'/block', stat.S_IFBLK | 0o660, os.makedev(7, 200))
    os.mknod(special + b'/char', stat.S_IFCHR | 0o600, os.makedev(1, 3))


def make_modes(root):
    os.mkdir(root + b'/modes')
    for mode in [0o000, 0o400, 0o644, 0o751, 0o1666, 0o2755, 0o4711, 0o6777, 0o7000]:
        path = root + b'/modes/%04o' % mode
        write(path, 3)
        os.chown(path, 1000 + mode, 70000 + mode)
        os.chmod(path, mode)
        os.mkdir(path + b' dir')
        os.chown(path + b' dir', 4294967294 - mode, mode)
        os.chmod(path + b' dir', mode)


def walk(root):
    yield root
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            yield folder + b'/' + name


def describe(path, root):
    info = os.lstat(path)
    fields = [path[len(root):], f'{info.st_mode:o}', info.st_uid, info.st_gid]
    if not stat.S_ISLNK(info.st_mode):
        fields.append(info.st_mtime_ns)
    if stat.S_ISREG(info.st_mode):
        with open(path, 'rb') as file:
            digest = hashlib.file_digest(file, 'sha256').hexdigest()
        fields += [info.st_size, info.st_nlink, digest]
    elif stat.S_ISLNK(info.st_mode):
        fields += [info.st_size, os.readlink(path)]
    elif stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
        fields += [os.major(info.st_rdev), os.minor(info.st_rdev)]
    return ' '.join(repr(field) for field in fields)


def list_tree(root, out):
    root = os.fsencode(root)
    groups = {}
    lines = []
    links = []
    for path in sorted(walk(root)):
        info = os.lstat(path)
        lines.append(describe(path, root))
        if stat.S_ISLNK(info.st_mode):
            links.append(f'{path[len(root):]!r} {info.st_mtime_ns}')
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            groups.setdefault((info.st_dev, info.st_ino), []).append(path[len(root):])
    with open(out + '.links', 'w') as file:
        file.writelines(line + '\n' for line in links)
    with open(out, 'w') as file:
        file.writelines(line + '\n' for line in lines)
        file.writelines(f'one inode: {group!r}\n' for group in sorted(groups.values()))


if sys.argv[1] == 'make':
    make(sys.argv[2], int(sys.argv[3]))
else:
    list_tree(sys.argv[2], sys.argv[3])
