"""The log of the recommender benches: python interactions.py OUT writes a line for each user, the user and then items.

138,493 users, 20,720 items, 8 million interactions: items are popular by a power law, users have 2 of 40 tastes, and so many
items as a log-normal distribution says.
"""
import sys

import numpy

USERS, ITEMS, INTERACTIONS, TASTES = 138_493, 20_720, 8_000_000, 40

random = numpy.random.default_rng(7)
popularity = (numpy.arange(ITEMS) + 30.0) ** -0.9
taste_of_item = random.integers(TASTES, size=ITEMS)
# The last distribution is that of all items.
chances = [popularity * (taste_of_item == taste) for taste in range(TASTES)] + [popularity]
cumulated = [numpy.cumsum(chance) / chance.sum() for chance in chances]
activity = random.lognormal(0.0, 1.1, USERS)
drawn = numpy.maximum(1, (1.45 * INTERACTIONS * activity / activity.sum())).astype(int)
users = numpy.repeat(numpy.arange(USERS), drawn)
tastes = random.integers(TASTES, size=(USERS, 2))
which = random.random(len(users))
of_draw = numpy.where(which < 0.45, tastes[users, 0], numpy.where(which < 0.75, tastes[users, 1], TASTES))
uniform = random.random(len(users))
items = numpy.empty(len(users), dtype=numpy.int64)
for taste, sums in enumerate(cumulated):
    chosen = of_draw == taste
    items[chosen] = numpy.minimum(numpy.searchsorted(sums, uniform[chosen]), ITEMS - 1)
pairs = numpy.unique(users * ITEMS + items)
print(len(pairs), "different pairs", file=sys.stderr)
pairs = numpy.sort(random.choice(pairs, INTERACTIONS, replace=False))
users, items = pairs // ITEMS, pairs % ITEMS
ends = numpy.searchsorted(users, numpy.arange(USERS), side="right")
start = 0
with open(sys.argv[1], "w", encoding="ascii") as out:
    for user, end in enumerate(ends):
        if start < end:
            out.write(f"{user} {' '.join(map(str, items[start:end]))}\n")
        start = end
