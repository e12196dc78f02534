"""Fits the weights of src/tempo/level.rs: a conditional logit over the ways to count each song.

    python levels.py LEVELS.jsonl TRUTHS

LEVELS.jsonl is what examples/tempo_levels.rs wrote of songs that the network was not trained on; TRUTHS
holds <id>.json of each (render.py). Prints the weights, and how often they choose rightly when songs are
left out.
"""
import json, os, sys
import numpy as np


def right(levels, truth):
    """Which of the ways is the true one: the best by F-measure (70 ms), if that is any good."""
    beats = np.array(truth["beats"])

    def f(level):
        found = np.array(level["beats"])
        hits = sum(np.abs(found - b).min() < .07 for b in beats)
        return 2 * hits / (len(found) + len(beats))
    scores = [f(l) for l in levels]
    best = int(np.argmax(scores))
    return best if scores[best] > .8 else None


def fit(songs, pull=.02):
    n = len(songs[0][1][0])
    w = np.zeros(n)
    scale = np.std(np.concatenate([t for _, t in songs]), 0) + 1e-9
    for _ in range(4000):
        g = -pull * w
        for which, t in songs:
            z = (t / scale) @ w
            p = np.exp(z - z.max()); p /= p.sum()
            g += ((t[which] - p @ t) / scale) / len(songs)
        w += .3 * g
    return w / scale


def main():
    songs, unheard = [], 0
    for line in open(sys.argv[1]):
        song = json.loads(line)
        truth = json.load(open(os.path.join(sys.argv[2], song["id"] + ".json")))
        if truth["style"] == "click" or len(song["levels"]) < 2:
            continue  # a metronome's level is a matter of the number on it
        which = right(song["levels"], truth)
        if which is None:
            unheard += 1
            continue
        songs.append((which, np.array([l["traits"] for l in song["levels"]])))
    print("weights", ", ".join(f"{x:.3g}" for x in fit(songs)))
    ok = 0
    for k in range(10):
        w = fit([s for i, s in enumerate(songs) if i % 10 != k])
        ok += sum(int(np.argmax(t @ w) == which) for i, (which, t) in enumerate(songs) if i % 10 == k)
    print(f"{ok} of {len(songs)} right when left out; {sum(w == 0 for w, _ in songs)} as the weights in place chose; {unheard} without a right way")


if __name__ == "__main__":
    main()
