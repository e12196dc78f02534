"""Fits the weights of src/tempo/level.rs: a conditional logit over the ways to count each song.

    python levels.py TRAITS.jsonl

Each line: {"id", "right": index, "traits": [[...] a candidate]}, of songs that the network was not
trained on. Prints the weights, and how often they choose rightly when songs are left out.
"""
import json, sys
import numpy as np


def fit(songs, pull=.02):
    n = len(songs[0][1][0])
    w = np.zeros(n)
    scale = np.std(np.concatenate([t for _, t in songs]), 0) + 1e-9
    for _ in range(4000):
        g = -pull * w
        for right, t in songs:
            z = (t / scale) @ w
            p = np.exp(z - z.max()); p /= p.sum()
            g += ((t[right] - p @ t) / scale) / len(songs)
        w += .3 * g
    return w / scale


def main():
    songs = [(s["right"], np.array(s["traits"])) for s in map(json.loads, open(sys.argv[1]))]
    print("weights", ", ".join(f"{x:.3g}" for x in fit(songs)))
    ok = 0
    for k in range(10):
        w = fit([s for i, s in enumerate(songs) if i % 10 != k])
        ok += sum(int(np.argmax(t @ w) == right) for i, (right, t) in enumerate(songs) if i % 10 == k)
    print(f"{ok} of {len(songs)} right when left out; {sum(r == 0 for r, _ in songs)} if the first is taken")


if __name__ == "__main__":
    main()
