"""How scenarios in Python report: the same marker lines that the shell functions print."""
import json
import os
import random
import sys
import threading
import time
import traceback

SCALE = int(os.environ.get('PERCENT', '100')) / 100


def scaled(amount):
    return max(1, round(amount * SCALE))


def _print(line):
    # One write, so that a line from another process cannot split it.
    sys.stdout.write(line + '\n')
    sys.stdout.flush()


def ok(name):
    _print(f'@@ ok {name}')


def fail(name, why):
    _print(f'@@ fail {name} ' + ' '.join(str(why).split()))


def check(name, condition, why='is not so'):
    ok(name) if condition else fail(name, why)


def result(**values):
    _print('@@ result ' + json.dumps(values))


def crash_point(name):
    """Has the host kill and restart the server now, and waits until it has; each name once. Does
    nothing when the run is not to be disturbed."""
    if os.environ['DISTURBED'] != 'yes':
        return
    death = f"{os.environ['GUEST']}-{os.environ['JOB']}-{name}"
    _print(f'@@ kill {death}')
    while not os.path.exists(f"{os.environ['RELAY']}/killed-{death}"):
        time.sleep(0.02)


def crash_soon(name, within):
    """As crash_point, but at a moment of the seed's within so many seconds, while whoever calls goes
    on; waits when what it returns is called."""
    seconds = random.Random(f"{os.environ['SEED']} {name}").random() * within

    def crash():
        time.sleep(seconds)
        crash_point(name)

    thread = threading.Thread(target=crash, daemon=True)
    thread.start()
    return thread.join


def attempt(name, function, *args):
    """Reports a function as one check, which its exception fails."""
    try:
        function(*args)
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fail(name, f'{type(error).__name__}: {error} ({where.name} line {where.lineno})')
        return False
    ok(name)
    return True


def same(actual, expected, what='value'):
    if actual != expected:
        raise AssertionError(f'{what}: {actual!r:.200} is not {expected!r:.200}')
