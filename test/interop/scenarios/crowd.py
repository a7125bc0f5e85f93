"""Lists a large directory in several ways while half of its files are being deleted: a file that
stays is listed exactly once each time, and nothing is ever listed twice."""
import collections
import os
import random
import subprocess
import sys
import time

from report import attempt, check, result, same

COUNT = int(sys.argv[1])
random.seed(sys.argv[2])
FOLDER = 'crowd'

names = [f'{"stays" if n % 2 else "goes"}-{n:05}-{random.randrange(10**9):x}' for n in range(COUNT)]
staying = {name for name in names if name.startswith('stays')}


def lines(*command):
    """What a command lists. It may complain of files that go between listing and looking."""
    run = subprocess.run(command, capture_output=True, text=True)
    complaints = [line for line in run.stderr.splitlines() if '/goes-' not in line]
    same(complaints, [], f'complaints of {command[0]}')
    return run.stdout.splitlines()


LISTINGS = {
    'ls': lambda: lines('ls', '-U', FOLDER),
    'find': lambda: lines('find', FOLDER, '-mindepth', '1', '-printf', '%f\\n'),
    'scandir': lambda: [entry.name for entry in os.scandir(FOLDER)],
    'ls-long': lambda: [line.split()[-1] for line in lines('ls', '-lU', FOLDER)[1:]],
}


RACING = ['ls', 'scandir', 'ls-long', 'ls', 'scandir', 'find']


def create():
    os.mkdir(FOLDER)
    for name in names:
        os.mknod(f'{FOLDER}/{name}')
    same(sorted(os.listdir(FOLDER)) == sorted(names), True, 'all listed')


def delete_in_background():
    pid = os.fork()
    if pid == 0:
        going = [name for name in names if name not in staying]
        random.shuffle(going)
        try:
            for n, name in enumerate(going):
                os.unlink(f'{FOLDER}/{name}')
                if n % 50 == 0:
                    time.sleep(0.01)  # so that there is time for several listings
        except OSError as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    return pid


def examine(kind, listing):
    counts = collections.Counter(listing)
    twice = [name for name, count in counts.items() if count > 1]
    missing = [name for name in staying if name not in counts]
    unknown = [name for name in counts if name not in known]
    same((twice[:3], len(twice)), ([], 0), f'listed twice by {kind}')
    same((missing[:3], len(missing)), ([], 0), f'missed by {kind}')
    same((unknown[:3], len(unknown)), ([], 0), f'invented by {kind}')


def list_while_deleting():
    pid = delete_in_background()
    rounds = 0
    done = status = 0
    try:
        while not done:
            kind = RACING[rounds % len(RACING)]
            examine(kind, LISTINGS[kind]())
            rounds += 1
            time.sleep(0.1)  # so that the deletions get on, too
            done, status = os.waitpid(pid, os.WNOHANG)
    finally:
        if not done:
            os.waitpid(pid, 0)
    result(listings=f'{rounds} while {COUNT // 2} files were being deleted')
    same(status, 0, 'status of the deletions')


known = set(names)
if attempt('create', create):
    attempt('listed-while-deleting', list_while_deleting)
    for kind, listing in LISTINGS.items():
        attempt(f'listed-after-{kind}', lambda: same(set(listing()), staying, 'names'))
    check('usable', os.path.exists(f'{FOLDER}/{min(staying)}'))
