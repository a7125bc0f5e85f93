"""Lets the guests of a scenario wait for each other and talk, without going through the server."""
import os
import time

ME = int(os.environ['GUEST'])
OTHER = 3 - ME


class Rendezvous:
    """Both guests make the same calls in the same order, so a counter names each meeting. Who has to
    give up says so, and the other does not wait in vain."""

    def __init__(self, name):
        self.path = f"{os.environ['RELAY']}/{os.environ['SCENARIO']}-{os.environ['DISTURBED']}-{name}"
        self.count = 0

    def give_up(self):
        with open(f'{self.path}-given-up-{ME}', 'w'):
            pass

    def still_there(self):
        if os.path.exists(f'{self.path}-given-up-{OTHER}'):
            raise RuntimeError('the other guest has given up')

    def meet(self, message=''):
        """Waits for the other guest, and returns what it has to say."""
        self.count += 1
        mine = f'{self.path}-{self.count}-{ME}'
        with open(f'{mine}.new', 'w') as file:
            file.write(message)
        os.rename(f'{mine}.new', mine)
        theirs = f'{self.path}-{self.count}-{OTHER}'
        while not os.path.exists(theirs):
            self.still_there()
            time.sleep(0.005)
        with open(theirs) as file:
            return file.read()
