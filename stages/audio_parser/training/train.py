"""Trains the network of `audio_parser` on rendered songs.

    python train.py SONGS OUT.bin [--minutes M] [--limit N]

SONGS holds <seed>.inputs (examples/network_inputs.rs) and <seed>.json (render.py). Writes the weights as
src/network.rs reads them. Every 25th song is held out. Needs numpy and jax (CPU).
"""
import argparse, functools, glob, json, os, time
import numpy as np
import jax, jax.numpy as jnp

BANDS, FLUX, STEP, C, BLOCKS, CROP, BATCH = 64, 6, 164, 32, 9, 1800, 8
FRAME = BANDS + FLUX


def load(path):
    x = np.fromfile(path, np.uint16).reshape(-1, STEP)
    t = json.load(open(path[:-6] + "json"))
    return x, np.array(t["beats"]), np.array(t["downbeats"])


def warp(ratio):
    """The matrix that moves the bands of a spectrum by a ratio of frequencies."""
    bend, low, high = 250., 40., 16000.
    scale = lambda hz: np.log2(1 + hz / bend)
    step = (scale(high) - scale(low)) / (BANDS - 1)
    hz = bend * (2 ** (scale(low) + np.arange(BANDS) * step) - 1)
    at = np.clip((scale(hz / ratio) - scale(low)) / step, 0, BANDS - 1.001)
    m = np.zeros((BANDS, BANDS), np.float32)
    i = at.astype(int)
    m[np.arange(BANDS), i], m[np.arange(BANDS), i + 1] = 1 - (at - i), at - i
    return m.T


WARPS = {k: warp(2 ** (k / 12)) for k in range(-6, 7)}


def crop(song, r, augment=True):
    x, beats, downs = song
    stretch = float(np.exp(r.uniform(-.22, .22))) if augment and r.random() < .6 else 1.
    span = int(CROP * stretch)
    start = int(r.integers(0, max(1, len(x) - span)))
    x = x[start:start + span].astype(np.float32) / 4096
    if len(x) < span:
        x = np.pad(x, ((0, span - len(x)), (0, 0)))
    fast = x[:, :2 * FRAME].reshape(-1, FRAME)
    slow = x[:, 2 * FRAME:]
    if stretch != 1.:  # every value of the new song lies between two of the old
        at = np.arange(2 * CROP) * stretch
        i = np.minimum(at.astype(int), len(fast) - 2); f = np.minimum(at - i, 1)[:, None].astype(np.float32)
        fast = fast[i] * (1 - f) + fast[i + 1] * f
        slow = slow[np.minimum((np.arange(CROP) * stretch).astype(int), len(slow) - 1)]
    else:
        fast = fast[:2 * CROP]; slow = slow[:CROP]
    if augment:
        k = int(r.integers(-6, 7))
        spectrum, flux = fast[:, :BANDS] @ WARPS[k], fast[:, BANDS:]
        slow = np.concatenate([np.roll(slow[:, :12], k, 1), np.roll(slow[:, 12:], k, 1)], 1)
        if r.random() < .6:  # another equaliser
            curve = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), r.normal(0, .6, 6)).astype(np.float32)
            spectrum = np.log1p(np.expm1(np.maximum(spectrum, 0)) * np.exp(curve))
            flux = flux * np.exp(np.interp(np.linspace(0, BANDS - 1, FLUX), np.linspace(0, BANDS - 1, 6), r.normal(0, .25, 6))).astype(np.float32)
        if r.random() < .2:  # a narrow channel
            top = int(r.integers(BANDS // 2, BANDS)); spectrum = spectrum.copy(); spectrum[:, top:] = 0
            flux = flux.copy(); flux[:, 5 if top > 44 else 4:] *= r.uniform(0, .3)
        if r.random() < .25:  # noise
            spectrum = np.log1p(np.expm1(np.maximum(spectrum, 0)) + np.abs(r.normal(0, r.uniform(.02, .8), spectrum.shape)).astype(np.float32))
        fast = np.concatenate([spectrum, flux], 1)
    target = np.zeros((2 * CROP + 2, 2), np.float32)
    for which, times in enumerate((beats, downs)):
        at = (times * 100 - 2 * start) / stretch
        at = np.round(at[(at > -.5) & (at < 2 * CROP - .5)]).astype(int)
        for d, v in ((-2, .25), (2, .25), (-1, .6), (1, .6), (0, 1.)):
            k = at + d
            k = k[(k >= 0) & (k < 2 * CROP)]
            target[k, which] = np.maximum(target[k, which], v)
    return np.concatenate([fast.reshape(CROP, 2 * FRAME), slow], 1), target[:2 * CROP].reshape(CROP, 4)


def init(key, mean, std):
    g = np.random.default_rng(key)
    conv = lambda i, o, k, s: {"w": jnp.array(g.normal(0, s * np.sqrt(2 / (i * k)), (k, i, o)), jnp.float32), "b": jnp.zeros(o)}
    return {"first": conv(STEP, C, 3, 1.), "blocks": [(conv(C, C, 5, 1.), conv(C, C, 1, .3)) for _ in range(BLOCKS)], "last": conv(C, 4, 1, .3)}


def convolve(x, p, dilation):
    k, n = p["w"].shape[0], x.shape[1]
    reach = k // 2 * dilation
    if k == 1:
        return x @ p["w"][0] + p["b"]
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    taps = jnp.concatenate([padded[:, i * dilation:i * dilation + n] for i in range(k)], 2)
    return taps @ p["w"].reshape(-1, p["w"].shape[2]) + p["b"]


leaky = lambda x: jnp.maximum(x, .1 * x)


def forward(p, x, key=None):
    x = leaky(convolve(x, p["first"], 1))
    for k, (spread, mix) in enumerate(p["blocks"]):
        y = leaky(convolve(x, spread, 2 ** k))
        if key is not None:
            key, one = jax.random.split(key)
            y = y * jax.random.bernoulli(one, .9, (y.shape[0], 1, y.shape[2])) / .9
        x = x + convolve(y, mix, 1)
    return convolve(x, p["last"], 1)


def loss(p, x, t, key=None):
    z = forward(p, x, key)
    weight = 1 + 4 * t
    each = weight * (jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z))))
    return each[..., 0::2].mean() + 1.5 * each[..., 1::2].mean()


@jax.jit
def update(p, m, v, n, rate, x, t, key):
    l, g = jax.value_and_grad(loss)(p, x, t, key)
    norm = jnp.sqrt(sum(jnp.sum(a * a) for a in jax.tree.leaves(g)))
    g = jax.tree.map(lambda a: a * jnp.minimum(1., 1. / (norm + 1e-9)), g)
    m = jax.tree.map(lambda a, b: .9 * a + .1 * b, m, g)
    v = jax.tree.map(lambda a, b: .999 * a + .001 * b * b, v, g)
    p = jax.tree.map(lambda w, a, b: w - rate * ((a / (1 - .9 ** n)) / (jnp.sqrt(b / (1 - .999 ** n)) + 1e-8) + 1e-4 * w), p, m, v)
    return p, m, v, l


@jax.jit
def average(kept, p, rest):
    return jax.tree.map(lambda a, b: rest * a + (1 - rest) * b, kept, p)


def write(p, mean, std, path):
    """The inputs' mean and spread are folded into the first layer, so that the reader needs neither."""
    w, b = np.array(p["first"]["w"]), np.array(p["first"]["b"])
    # Beyond the ends the network was trained on zeros of normalised inputs, and the reader pads raw ones:
    # the difference lasts one step.
    put = lambda *arrays: b"".join(np.asarray(a, np.float32).tobytes() for a in arrays)
    out = put(w / std[None, :, None], b - (w * (mean / std)[None, :, None]).sum((0, 1)))
    for spread, mix in p["blocks"]:
        out += put(spread["w"], spread["b"], mix["w"], mix["b"])
    open(path, "wb").write(out + put(p["last"]["w"], p["last"]["b"]))


def read(path, mean, std):
    """The weights that `write` wrote, to go on from."""
    numbers, at = np.fromfile(path, np.float32), 0

    def take(*shape):
        nonlocal at
        at += int(np.prod(shape))
        return jnp.array(numbers[at - int(np.prod(shape)):at].reshape(shape))
    conv = lambda i, o, k: {"w": take(k, i, o), "b": take(o)}
    p = {"first": conv(STEP, C, 3), "blocks": [(conv(C, C, 5), conv(C, C, 1)) for _ in range(BLOCKS)], "last": conv(C, 4, 1)}
    assert at == len(numbers), "these weights are of another network"
    w, b = p["first"]["w"], p["first"]["b"]
    p["first"] = {"w": w * std[None, :, None], "b": b + (w * mean[None, :, None]).sum((0, 1))}
    return p


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("songs"); a.add_argument("out"); a.add_argument("--minutes", type=float, default=60); a.add_argument("--limit", type=int); a.add_argument("--seed", type=int, default=1)
    a.add_argument("--rate", type=float, default=3e-3)
    a.add_argument("--start", help="weights to go on from"); a.add_argument("--begin", type=int, default=0, help="the least seed")
    a = a.parse_args()
    number = lambda f: int(os.path.basename(f)[:-7])
    files = lambda: sorted((f for f in glob.glob(a.songs + "/*.inputs") if number(f) >= a.begin), key=number)[:a.limit]
    known = {}

    def refresh():
        for f in files():
            if f not in known:
                known[f] = load(f)
        return [s for f, s in known.items() if number(f) % 25], [s for f, s in known.items() if number(f) % 25 == 0]
    r = np.random.default_rng(a.seed)
    train, held = refresh()
    some = np.concatenate([train[i][0][::50] for i in r.permutation(len(train))[:200]]).astype(np.float32) / 4096
    mean, std = some.mean(0), some.std(0) + .05
    p = read(a.start, mean, std) if a.start else init(a.seed, mean, std)
    m, v = jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p)
    begin, n, key, sums = time.time(), 0, jax.random.key(a.seed), []
    kept = p  # the mean over the last steps, which hears better than any one of them
    last_report = begin
    while time.time() - begin < a.minutes * 60:
        part = (time.time() - begin) / (a.minutes * 60)
        rate = a.rate * min(1, (n + 1) / 100) * (.02 + .98 * .5 * (1 + np.cos(np.pi * part)))
        pairs = [crop(train[int(r.integers(len(train)))], r) for _ in range(BATCH)]
        x = (np.stack([x for x, _ in pairs]) - mean) / std
        t = np.stack([t for _, t in pairs])
        n += 1; key, one = jax.random.split(key)
        p, m, v, l = update(p, m, v, n, rate, x, t, one)
        sums.append(float(l))
        rest = min(.998, n / (n + 10))
        kept = average(kept, p, rest)
        if time.time() - last_report > 60:
            last_report = time.time()
            g = np.random.default_rng(0)
            test = [crop(s, g, False) for s in held[:24]]
            score = float(jax.jit(loss)(kept, (np.stack([x for x, _ in test]) - mean) / std, np.stack([t for _, t in test])))
            print(f"{(time.time() - begin) / 60:5.1f} min  step {n}  songs {len(train)}  train {np.mean(sums):.4f}  held out {score:.4f}", flush=True)
            sums = []
            write(kept, mean, std, a.out)
            train, held = refresh()
    write(kept, mean, std, a.out)


main()
