"""mapping.py write SEED: changes files through memory maps and checks them from the server.
mapping.py read SEED: checks them again, after a remount."""
import mmap
import os
import random
import sys

from report import attempt, same, scaled

PAGE = mmap.PAGESIZE
PAGES = scaled(1500)
random.seed(sys.argv[2])


def drop_caches():
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as file:
        file.write('3')


def content(path):
    with open(path, 'rb') as file:
        return file.read()


def changes(model, count):
    """Random changes of a model, for whoever applies them to the file too."""
    for _ in range(count):
        at = random.randrange(len(model) - 300)
        data = random.randbytes(random.randrange(1, 300))
        model[at:at + len(data)] = data
        yield at, data


def scattered(model):
    """Random stores with an msync now and then, checked with an empty cache each time."""
    with open('scattered', 'w+b') as file:
        file.truncate(len(model))
        with mmap.mmap(file.fileno(), 0) as mapping:
            for _ in range(4):
                for at, data in changes(model, 400):
                    mapping[at:at + len(data)] = data
                mapping.flush()
                drop_caches()
                same(content('scattered') == model, True, 'content')


def mixed_with_write(model):
    """Stores and write() on the same pages see each other at once."""
    with open('mixed', 'w+b', buffering=0) as file:
        file.truncate(len(model))
        with mmap.mmap(file.fileno(), 0) as mapping:
            for turn, (at, data) in enumerate(changes(model, 800)):
                if turn % 2:
                    os.pwrite(file.fileno(), data, at)
                    same(mapping[at:at + len(data)], data, f'mapping at {at}')
                else:
                    mapping[at:at + len(data)] = data
                    same(os.pread(file.fileno(), len(data), at), data, f'read at {at}')
            mapping.flush()
    drop_caches()
    same(content('mixed') == model, True, 'content')


def private():
    """A private mapping leaves the file alone."""
    with open('private', 'w+b') as file:
        file.write(b'a' * PAGE)
        file.flush()
        with mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE) as mapping:
            mapping[0:5] = b'bbbbb'
    drop_caches()
    same(content('private'), b'a' * PAGE)


def last_page():
    """Stores behind the end of the file, in its last page, neither extend it nor appear later."""
    with open('last-page', 'w+b') as file:
        file.truncate(100)
        with mmap.mmap(file.fileno(), 100) as mapping:
            mapping[90:100] = b'z' * 10
            mapping.flush()
        file.truncate(PAGE)
    drop_caches()
    same(content('last-page'), bytes(90) + b'z' * 10 + bytes(PAGE - 100))


def grown():
    """A file that grows by truncate is mapped beyond its old end."""
    with open('grown', 'w+b') as file:
        file.write(b'head')
        file.flush()
        file.truncate(10 * PAGE)
        with mmap.mmap(file.fileno(), 0) as mapping:
            mapping[10 * PAGE - 4:] = b'tail'
            mapping[5 * PAGE:5 * PAGE + 3] = b'mid'
    drop_caches()
    expected = bytearray(10 * PAGE)
    expected[:4] = b'head'
    expected[5 * PAGE:5 * PAGE + 3] = b'mid'
    expected[-4:] = b'tail'
    same(content('grown') == expected, True, 'content')


def unlinked():
    """A mapping outlives its name."""
    with open('unlinked', 'w+b') as file:
        file.truncate(PAGE)
        with mmap.mmap(file.fileno(), 0) as mapping:
            os.unlink('unlinked')
            mapping[0:4] = b'live'
            mapping.flush()
            drop_caches()
            same(mapping[0:4], b'live')




if sys.argv[1] == 'write':
    for check in (scattered, mixed_with_write):
        model = bytearray(PAGES * PAGE)
        attempt(check.__name__, check, model)
        with open(f'/tmp/{check.__name__}', 'wb') as copy:
            copy.write(model)
    for check in (private, last_page, grown, unlinked):
        attempt(check.__name__, check)
else:
    for name, path in (('scattered', 'scattered'), ('mixed_with_write', 'mixed')):
        attempt(f'{name}_again', same, content(path) == content(f'/tmp/{name}'), True, 'content')
