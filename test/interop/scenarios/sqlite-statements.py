"""Prints the statements of a number of transactions: inserts, updates, deletes, some rolled back."""
import random
import sys

transactions = int(sys.argv[1])
random.seed(sys.argv[2])

print('CREATE TABLE entry (id INTEGER PRIMARY KEY, word TEXT, amount INTEGER, body BLOB);')
print('CREATE INDEX by_word ON entry (word);')
last = 0
for transaction in range(transactions):
    print('BEGIN;')
    first = last + 1
    for _ in range(20):
        last += 1
        word = f'w{random.randrange(5000):04}'
        body = random.randbytes(random.randrange(1, 400)).hex()
        print(f"INSERT INTO entry VALUES ({last}, '{word}', {random.randrange(10**6)}, x'{body}');")
    for _ in range(5):
        print(f'UPDATE entry SET amount = amount + 1 WHERE id = {random.randint(1, last)};')
    print(f'DELETE FROM entry WHERE id = {random.randint(1, last)};')
    undone = transaction % 10 == 9
    print('ROLLBACK;' if undone else 'COMMIT;')
    if undone:
        last = first - 1
