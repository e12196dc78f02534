"""Fits the weights of src/tempo/level.rs: a conditional logit over the ways to count each song.

    python levels.py LEVELS.jsonl TRUTHS

Songs count so that their tempi are spread as those that people make and tap are: around 122 beats a minute
(L. van Noorden, D. Moelants, "Resonance in the Perception of Musical Pulse", JNMR 1999), whatever the
composer's styles prefer.

LEVELS.jsonl is what examples/tempo_levels.rs wrote of songs that the network was not trained on; TRUTHS
holds <id>.json of each (render.py). Prints the weights, and how often they choose rightly when songs are
left out.
"""
import json, os, sys
import numpy as np
from scipy.optimize import minimize


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


def spread(songs, middle=122, width=.42, blur=.12):
    """What each song counts: at most 6 times the mean. `width` and `blur` in octaves."""
    tempo = np.array([s["tempo"] for s in songs])
    there = np.exp(-((tempo[:, None] - tempo) / blur) ** 2 / 2).mean(1)
    wanted = np.exp(-((tempo - np.log2(middle)) / width) ** 2 / 2) / there
    return np.minimum(wanted / wanted.mean(), 6)


def fit(songs, pull=.002):
    weight = spread(songs)
    weight /= weight.sum()
    scale = np.std(np.concatenate([s["traits"] for s in songs]), 0) + 1e-9

    def loss(w):
        value, slope = pull / 2 * (w @ w), pull * w
        for share, s in zip(weight, songs):
            t = s["traits"] / scale
            z = t @ w
            p = np.exp(z - z.max())
            value -= share * np.log(p[s["right"]] / p.sum())
            slope = slope - share * (t[s["right"]] - (p / p.sum()) @ t)
        return value, slope
    return minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B").x / scale


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
        songs.append({"right": which, "traits": np.array([l["traits"] for l in song["levels"]]),
                      "tempo": np.log2(60 / np.median(np.diff(truth["beats"])))})
    print("weights", ", ".join(f"{x:.4g}" for x in fit(songs)))
    ok = 0
    for k in range(10):
        w = fit([s for i, s in enumerate(songs) if i % 10 != k])
        ok += sum(int(np.argmax(s["traits"] @ w) == s["right"]) for i, s in enumerate(songs) if i % 10 == k)
    print(f"{ok} of {len(songs)} right when left out; {unheard} without a right way")


if __name__ == "__main__":
    main()
