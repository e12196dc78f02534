"""Renders songs: half of them by FluidSynth with a sound font, the others by oscillators of our own.

    python render.py OUT FIRST COUNT [--font FluidR3_GM.sf2]

Writes OUT/<seed>.wav (16 bit, 44.1 kHz, mono) and OUT/<seed>.json, the truth.
"""
import argparse, json, os, struct, subprocess, tempfile, wave
import numpy as np
from songs import Song

RATE = 44100


def midi(song, path):
    """A MIDI file with one tick a millisecond, so that every time is in seconds."""
    channels, events = {}, []
    for p, k, v, a, b in song.events():
        if p == 128:
            c = 9
        else:
            free = [x for x in range(16) if x != 9]
            c = channels.setdefault(p, free[len(channels) % 15])
        events += [(int(a * 1000), 1, bytes([0x90 | c, k, v])), (int(b * 1000), 0, bytes([0x80 | c, k, 0]))]
    r = song.r
    head = [(0, 0, bytes([0xC0 | c, p])) for p, c in channels.items()] + [(0, 0, bytes([0xC9, song.kit]))]
    for c in list(channels.values()) + [9]:
        head += [(0, 0, bytes([0xB0 | c, 7, int(r.integers(60, 127))])), (0, 0, bytes([0xB0 | c, 91, int(r.integers(0, 100))]))]
    body, now = b"\x00\xff\x51\x03" + struct.pack(">I", 500000)[1:], 0

    def delta(n):
        out = [n & 127]
        while n > 127:
            n >>= 7
            out.append(128 | n & 127)
        return bytes(out[::-1])
    for t, _, data in sorted(head + events, key=lambda e: (e[0], e[1])):
        body += delta(t - now) + data
        now = t
    body += delta(1500) + b"\xff\x2f\x00"
    with open(path, "wb") as f:
        f.write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 500) + b"MTrk" + struct.pack(">I", len(body)) + body)


def by_font(song, font):
    with tempfile.TemporaryDirectory() as d:
        midi(song, d + "/s.mid")
        subprocess.run(["fluidsynth", "-niq", "-g", "0.5", "-R", str(int(song.r.random() < .7)), "-C", str(int(song.r.random() < .3)), "-o", "synth.dynamic-sample-loading=1", "-r", str(RATE), "-T", "wav", "-F", d + "/s.wav", font, d + "/s.mid"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with wave.open(d + "/s.wav") as w:
            x = np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768
    return x.reshape(-1, 2).mean(1)


def by_oscillators(song):
    """Each program has a timbre drawn from the song's seed; drums are noise and gliding sines."""
    r, out, voices = song.r, np.zeros(int((song.duration + 3) * RATE), np.float32), {}
    for p, k, v, a, b in song.events():
        key = (p, k) if p == 128 else p
        if key not in voices:
            voices[key] = dict(n=int(r.choice([1, 2, 3, 6, 12, 20])), roll=r.uniform(.5, 2.2), odd=r.random() < .4, attack=r.choice([.002, .004, .01, .03, .08]), decay=r.uniform(.08, 1.5), sustain=r.choice([0, .3, .7]), detune=r.uniform(0, .006), gain=r.uniform(.4, 1.2), tone=r.uniform(.5, 1.6), seed=int(r.integers(1 << 30)), vibrato=r.choice([0, 0, .004]))
            if p == 128:
                voices[key]["sound"] = drum(k, voices[key])
        w = voices[key]
        at = int(a * RATE)
        if p == 128:
            s = w["sound"] * (v / 127) ** 1.5 * .5
        else:
            n = int((b - a + .08) * RATE)
            t = np.arange(n, dtype=np.float32) / RATE
            f = 440 * 2 ** ((k - 69) / 12)
            phase = 2 * np.pi * f * (t + w["vibrato"] * np.sin(2 * np.pi * 5.5 * t) / 30)
            s = np.zeros(n, np.float32)
            for h in range(1, w["n"] + 1):
                if (w["odd"] and h % 2 == 0) or f * h > 16000:
                    continue
                s += (np.sin(h * phase) + (np.sin(h * phase * (1 + w["detune"])) if w["detune"] > .003 else 0)) / h ** w["roll"]
            env = np.minimum(1, t / w["attack"]) * (w["sustain"] + (1 - w["sustain"]) * np.exp(-t / w["decay"])) * np.clip((b - a + .08 - t) / .08, 0, 1)
            s *= env * w["gain"] * .12 * (v / 127) ** 1.5
        end = min(len(out), at + len(s))
        if end > at:
            out[at:end] += s[: end - at]
    if r.random() < .6:  # an echo, or a room of noise
        room = int(RATE * r.uniform(.2, 1.2))
        ir = (r.normal(0, 1, room) * np.exp(-np.arange(room) / (room / 5.)) * r.uniform(.003, .02)).astype(np.float32)
        n = 1 << int(np.ceil(np.log2(len(out) + room)))
        out = out + np.fft.irfft(np.fft.rfft(out, n) * np.fft.rfft(ir, n), n)[: len(out)].astype(np.float32)
    return np.tanh(out * r.choice([1., 1., 2.5]))


def drum(k, w):
    g = np.random.default_rng(w["seed"])
    length = {36: .25, 42: .06, 44: .05, 46: .25, 49: 1.2, 57: 1.2, 52: 1., 51: .5, 70: .05, 54: .1}.get(k, .18) * w["tone"]
    t = np.arange(int(RATE * length * 2.5)) / RATE
    env = np.exp(-t / length * 3)
    noise = g.normal(0, 1, len(t))
    if k == 36 or k in (41, 45, 48, 50):
        f0 = {36: 50, 41: 90, 45: 120, 48: 160, 50: 200}[k] * w["tone"]
        s = np.sin(2 * np.pi * np.cumsum(f0 * (1 + 4 * np.exp(-t / .02))) / RATE) * env + noise * np.exp(-t / .004) * .2
    elif k in (38, 37, 39, 40):
        s = np.sin(2 * np.pi * 190 * w["tone"] * t) * np.exp(-t / .05) * .5 + noise * env * .6
    else:
        s = np.diff(noise, prepend=0) * env * .35
    return s.astype(np.float32) * w["gain"]


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("out"); a.add_argument("first", type=int); a.add_argument("count", type=int)
    a.add_argument("--font", default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    for seed in range(a.first, a.first + a.count):
        song = Song(seed)
        ours = song.r.random() < (.7 if song.style in ("house", "trance", "dnb", "chip") else .25)
        x = by_oscillators(song) if ours else by_font(song, a.font)
        x = x[: int(song.duration * RATE)]
        x = x / (np.abs(x).max() + 1e-9) * .8
        # As on the road: some songs are noisy, some pressed flat.
        c = song.r.random()
        if c < .12:
            x = x + song.r.normal(0, 1, len(x)) * x.std() * 10 ** (-song.r.uniform(3, 30) / 20)
        elif c < .3:
            x = np.tanh(x * song.r.uniform(2, 8)) * .8
        with wave.open(f"{a.out}/{seed}.part", "wb") as w:
            w.setnchannels(1); w.setsampwidth(2); w.setframerate(RATE)
            w.writeframes((np.clip(x, -1, 1) * 32767).astype(np.int16).tobytes())
        truth = song.truth()
        truth["duration"] = len(x) / RATE
        truth["id"] = str(seed)
        json.dump(truth, open(f"{a.out}/{seed}.json", "w"))
        os.rename(f"{a.out}/{seed}.part", f"{a.out}/{seed}.wav")


main()
