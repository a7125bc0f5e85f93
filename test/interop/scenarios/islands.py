"""islands.py write FILES: makes sparse files of 5 GiB; islands.py read FILES: checks and cuts them."""
import os
import random
import sys

from report import attempt, result, same

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30
SIZE = 5 * GiB

# Aligned and not, across the 2 GiB and 4 GiB lines, a single byte, and up to the very end.
FIXED = [
    (0, 100),
    (64 * KiB, 1 * MiB),
    (1 * GiB + 123, 300_001),
    (2 * GiB - 7, 15),
    (3 * GiB + 4095, 1),
    (4 * GiB - 500_000, 1_000_000),
    (4 * GiB + 300 * MiB + 1, 2 * MiB),
    (SIZE - 70_000, 70_000),
]
ACROSS_4_GIB = FIXED[5]


def data(at, length):
    return random.Random(at).randbytes(length)


def islands_of(n):
    """The fixed ones, and some small ones between 100 and 900 MiB, 8 MiB apart."""
    place = random.Random(n)
    spots = [100 * MiB + spot * 8 * MiB for spot in place.sample(range(100), 40)]
    small = [(spot + place.randrange(MiB), place.randrange(1, 100_000)) for spot in spots]
    return sorted(FIXED + small)


def write(name, islands):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, SIZE)
    for at, length in random.Random(0).sample(islands, len(islands)):
        same(os.pwrite(fd, data(at, length), at), length, f'written at {at}')
    os.fsync(fd)
    os.close(fd)


def size(name, islands):
    info = os.stat(name)
    same(info.st_size, SIZE, 'size')
    used = info.st_blocks * 512
    stored = sum(length for _, length in islands)
    result(sparse=f'{used} bytes used for {stored} bytes of data')
    same(used < 16 * stored, True, f'far fewer than {used} bytes used')
    same(used > stored / 2, True, f'more than {used} bytes used')


def content(name, islands):
    with open(name, 'rb', buffering=0) as file:
        for at, length in islands:
            found = os.pread(file.fileno(), length, at)
            same(found == data(at, length), True, f'data at {at}')


def holes(name, islands):
    """The bytes right beside each island, and samples from the open sea."""
    with open(name, 'rb', buffering=0) as file:
        def zeros(at, length):
            same(os.pread(file.fileno(), length, at) == bytes(length), True, f'hole at {at}')

        ends = [at + length for at, length in islands[:-1]]
        starts = [at for at, _ in islands[1:]]
        for end, start in zip(ends, starts):
            gap = min(5000, start - end)
            zeros(end, gap)
            zeros(start - gap, gap)
        for at in (10 * MiB, GiB + 10 * MiB, 2 * GiB + MiB, 3 * GiB + MiB, 4 * GiB + 100 * MiB):
            zeros(at, 8 * MiB)


def end(name, _islands):
    fd = os.open(name, os.O_RDONLY)
    same(os.pread(fd, 10, SIZE), b'', 'read at the end')
    same(os.pread(fd, 10, SIZE + GiB), b'', 'read behind the end')
    same(len(os.pread(fd, 100, SIZE - 40)), 40, 'bytes read across the end')
    os.close(fd)


def cut(name, islands):
    """What was cut off does not come back when the file grows again."""
    at, length = ACROSS_4_GIB
    middle = at + length // 2
    os.truncate(name, middle)
    os.truncate(name, SIZE)
    with open('/proc/sys/vm/drop_caches', 'w') as file:
        file.write('3')
    fd = os.open(name, os.O_RDONLY)
    kept = os.pread(fd, length // 2, at)
    same(kept == data(at, length)[:length // 2], True, 'data before the cut')
    for at, length in [(middle, 5000), *(island for island in islands if island[0] > middle)]:
        same(os.pread(fd, length, at) == bytes(length), True, f'zeros at {at}')
    os.close(fd)


steps = [write, size, content, holes, end] if sys.argv[1] == 'write' else [
    size, content, holes, end, cut,
]
for n in range(int(sys.argv[2])):
    for step in steps:
        attempt(f'{sys.argv[1]}-{n}-{step.__name__}', step, f'sparse-{n}', islands_of(n))
