"""Acting as somebody else, and expecting to be refused."""
import errno
import os

from report import same


def as_user(uid, function, *args, gid=None, groups=()):
    """Runs a function in a child with these credentials, and raises what went wrong there."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            os.setgroups(groups)
            os.setgid(uid if gid is None else gid)
            os.setuid(uid)
            function(*args)
        except BaseException as error:
            os.write(writer, f'{type(error).__name__}: {error}'.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        complaint = pipe.read()
    os.waitpid(pid, 0)
    if complaint:
        raise AssertionError(f'as uid {uid}: {complaint}')


def refused(code, function, *args, **kwargs):
    """The call must fail with exactly this error."""
    try:
        function(*args, **kwargs)
    except OSError as error:
        same(errno.errorcode.get(error.errno), errno.errorcode[code], 'error')
        return
    raise AssertionError(f'{function.__name__}{args!r:.80} was not refused')
