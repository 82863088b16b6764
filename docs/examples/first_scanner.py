"""Your first scanner: SOL into every token and back, in shared memory; prints what gains, before costs."""

import sys

from shm import QuoteReader

SOL = "So11111111111111111111111111111111111111112"
GAIN_MIN = 1.002  # 0.2 % more comes back than went in

with QuoteReader.open(*sys.argv[1:]) as quotes:  # the folder of the quote files, where it is not the usual one
    amounts = {listed.pair: listed.internal_amounts for listed in quotes.pairs()}
    trips = {}
    for (sold, bought), sizes in amounts.items():
        if sold == SOL and (bought, SOL) in amounts:
            trips[bought] = []
            for there in [quotes.handle(SOL, bought, size) for size in sizes]:
                if there:  # reads the entry: true only for a whole, fresh quote of a live writer
                    back_size = min(amounts[bought, SOL], key=lambda size: abs(size - there.output_amount))
                    trips[bought].append((there, quotes.handle(bought, SOL, back_size)))
    print(sum(map(len, trips.values())), "round trips are watched", flush=True)

    told = {}
    while quotes.wait(timeout_s=10.0):  # sleeps until something has changed
        quotes.poll()
        for token, legs in trips.items():
            gains = {}
            for there, back in legs:
                if quotes.cycle(there, back) > GAIN_MIN:  # both legs of one moment; NaN unless both are live
                    returned = back.output_amount * there.output_amount // back.input_amount
                    gains[returned - there.input_amount] = there.input_amount
            if gains and max(gains) != told.get(token):
                told[token] = max(gains)
                print(f"{gains[max(gains)] / 1e9} SOL via {token}: {max(gains) / 1e9:+.6f} SOL", flush=True)
