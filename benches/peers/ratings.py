"""The log of the ml-1m- benches: python ratings.py ratings.dat.gz OUT writes a line for each user, the user and then items."""
import collections
import gzip
import sys

source, target = sys.argv[1:]
items = collections.defaultdict(list)
with gzip.open(source, "rt", encoding="ascii") as lines:
    for line in lines:
        user, item, _ = line.split()
        items[int(user)].append(int(item))
numbers = {item: number for number, item in enumerate(sorted({item for own in items.values() for item in own}))}
with open(target, "w", encoding="ascii") as out:
    for user, own in sorted(items.items()):
        out.write(f"{user} {' '.join(str(numbers[item]) for item in sorted(own))}\n")
