"""encounter.py files|names|outcome ROUNDS: what two clients must see of each other's work."""
import errno
import hashlib
import os
import random
import sys
import time

from rendezvous import ME, OTHER, Rendezvous
from report import attempt, crash_soon, result, same

PART, ROUNDS = sys.argv[1], int(sys.argv[2])
TURNS = 8 * ROUNDS
FILES = 12 * ROUNDS
BLOCK = 4096
random.seed(ME)
rendezvous = Rendezvous(PART)  # a new one for each check


def content(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data, mode='wb'):
    with open(path, mode) as file:
        file.write(data)


def append(path, data):
    """Returns where the file ended before."""
    with open(path, 'ab') as file:
        place = file.tell()
        file.write(data)
    return place


def together(function):
    """Both guests start a check at once, and both end it, whatever comes of it."""
    global rendezvous
    name = f'{PART}-{function.__name__}'.replace('_', '-')
    rendezvous = Rendezvous(name)
    if not attempt(name, function):
        rendezvous.give_up()
    Rendezvous(f'{name}-over').meet()


def close_to_open():
    """One writes and closes, the other opens and must see it; in turns, growing and shrinking."""
    for turn in range(ROUNDS * 2):
        path = f'baton-{turn % 3}'
        if turn % 2 == ME - 1:
            data = random.randbytes(random.choice([1, 4095, 4096, 100_000, 300_000]))
            write(path, data)
            rendezvous.meet(hashlib.sha256(data).hexdigest())
        else:
            expected = rendezvous.meet()
            same(hashlib.sha256(content(path)).hexdigest(), expected, f'baton in turn {turn}')
        rendezvous.meet()


def one_file_two_halves():
    """Each writes its own blocks of one file; a third look finds all of them."""
    if ME == 1:
        write('halves', b'')
    rendezvous.meet()
    fd = os.open('halves', os.O_WRONLY)
    for n in range(ME - 1, ROUNDS * 4, 2):
        os.pwrite(fd, bytes([ME]) * BLOCK, n * BLOCK)
    os.close(fd)
    rendezvous.meet()
    halves_are_whole()


def halves_are_whole():
    same(content('halves') == (b'\1' * BLOCK + b'\2' * BLOCK) * (ROUNDS * 2), True, 'both halves')


def appended_in_turns():
    """Appends by turns land one behind the other, because open sees the size at the last close."""
    places, slow = [], []
    # In the first turns each client learns of the file what it has to know.
    crashed = crash_soon('appending', within=0.05) if ME == 1 else None
    for turn in range(ROUNDS * 2):
        began = time.monotonic()
        if turn % 2 == ME - 1:
            places.append(append('minutes', b'%d\n' % turn))
        rendezvous.meet()
        if time.monotonic() - began > 1:
            slow.append(turn)
    if crashed:
        crashed()
    what = f'minutes, where I appended at {places}; slow were {slow}'
    same(content('minutes').split(), [b'%d' % turn for turn in range(ROUNDS * 2)], what)


def attributes():
    """A change of attributes shows to whoever opens the file next."""
    for turn in range(ROUNDS):
        if turn % 2 == ME - 1:
            write('attributes', b'x' * turn)
            os.chmod('attributes', 0o600 + turn % 8)
            os.utime('attributes', ns=(turn, 10**18 + turn))
        rendezvous.meet()
        with open('attributes', 'rb') as file:
            info = os.fstat(file.fileno())
        seen = (info.st_size, info.st_mode & 0o777, info.st_mtime_ns)
        same(seen, (turn, 0o600 + turn % 8, 10**18 + turn), f'attributes in turn {turn}')
        rendezvous.meet()


def created_side_by_side():
    """Both create in one directory, and both list all."""
    os.makedirs('crowd', exist_ok=True)
    for n in range(FILES):
        write(f'crowd/{ME}-{n}', b'%d %d' % (ME, n))
    rendezvous.meet()
    everything = sorted(f'{guest}-{n}' for guest in (1, 2) for n in range(FILES))
    same(sorted(os.listdir('crowd')) == everything, True, 'all names')
    for n in range(0, FILES, 7):
        same(content(f'crowd/{OTHER}-{n}'), b'%d %d' % (OTHER, n), f'file {n} of the other')


def renamed_side_by_side():
    """Each takes the other's files away, into a directory of its own, under new names."""
    os.makedirs(f'taken-{ME}', exist_ok=True)
    for n in range(FILES):
        os.rename(f'crowd/{OTHER}-{n}', f'taken-{ME}/was-{OTHER}-{n}')
    rendezvous.meet()
    same(os.listdir('crowd'), [], 'names left')
    expected = sorted(f'was-{ME}-{n}' for n in range(FILES))
    same(sorted(os.listdir(f'taken-{OTHER}')) == expected, True, 'names taken by the other')


def raced_for():
    """Both create the same names exclusively: each goes to exactly one of them."""
    os.makedirs('race', exist_ok=True)
    rendezvous.meet()
    won = set()
    for n in range(FILES):
        try:
            os.close(os.open(f'race/{n}', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            won.add(n)
        except FileExistsError:
            pass
    theirs = {int(n) for n in rendezvous.meet(' '.join(map(str, won))).split()}
    same(sorted(won & theirs), [], 'won by both')
    same(len(won | theirs), FILES, 'won by either')


def version(n):
    body = b'%06d' % n * random.randrange(1, 5000)
    return b'%06d' % n + hashlib.sha256(body).digest() + body


def number_of(data):
    """The number of a version, when it is whole."""
    body = data[38:]
    same(data[6:38], hashlib.sha256(body).digest(), 'digest')
    same(body[:6], data[:6], 'number')
    return int(data[:6])


def current_is_the_last():
    same(number_of(content('current')), TURNS - 1, 'last version')


def replaced_while_read():
    """One renames new versions over a file, the other reads: always one whole version, never older
    than the last. A file replaced between open and read is gone, and NFSv3 may say so."""
    if ME == 1:
        write('current', version(0))
    rendezvous.meet()
    if ME == 1:
        for n in range(1, TURNS):
            write('next', version(n))
            os.rename('next', 'current')
        write('finished', b'')
        return
    last, reads = 0, 0
    while not os.path.exists('finished'):
        rendezvous.still_there()
        try:
            seen = content('current')
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            continue
        number = number_of(seen)
        same(number >= last, True, f'version {number} after {last}')
        last = number
        reads += 1
    result(replaced=f'{TURNS} times, read {reads} times')
    current_is_the_last()


def count_one_up():
    """One step under a lock file: the counter and the log change by one."""
    while True:
        try:
            os.close(os.open('lock', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            pass
    value = int(content('counter'))
    write('counter', b'%d' % (value + 1))
    write('log', b'%d by %d\n' % (value, ME), 'ab')
    os.unlink('lock')


def counted():
    if ME == 1:
        write('counter', b'0')
        write('log', b'')
    rendezvous.meet()
    for _ in range(TURNS):
        count_one_up()


def counted_exactly():
    same(int(content('counter')), 2 * TURNS, 'counter')
    lines = content('log').decode().splitlines()
    same([int(line.split()[0]) for line in lines] == list(range(2 * TURNS)), True, 'log in order')
    for guest in (1, 2):
        mine = sum(line.endswith(f'by {guest}') for line in lines)
        same(mine, TURNS, f'turns of guest {guest}')


def found_after_remount():
    same(os.listdir('crowd'), [], 'names left')
    for guest in (1, 2):
        same(len(os.listdir(f'taken-{guest}')), FILES, f'names taken by guest {guest}')
        path = f'taken-{guest}/was-{3 - guest}-5'
        same(content(path), b'%d 5' % (3 - guest), path)
    same(len(os.listdir('race')), FILES, 'names raced for')


PARTS = {
    'files': [close_to_open, one_file_two_halves, appended_in_turns, attributes],
    'names': [
        created_side_by_side, renamed_side_by_side, raced_for, replaced_while_read, counted,
        counted_exactly,
    ],
    'outcome': [halves_are_whole, found_after_remount, current_is_the_last, counted_exactly],
}
for step in PARTS[PART]:
    together(step)
