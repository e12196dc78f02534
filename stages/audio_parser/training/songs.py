"""Composes songs with exact beats: the only data that the network of `audio_parser` has ever heard.

A song is a list of notes `(instrument, pitch, velocity, start, length)` in beats, plus the time of every
beat. Everything follows from the seed. Instruments are General MIDI programs; drums are program 128.
"""
import numpy as np

MODES = {"major": [0, 2, 4, 5, 7, 9, 11], "minor": [0, 2, 3, 5, 7, 8, 10]}
# Scale degrees (0 = tonic) of one turn of a harmony; longer ones are cut, shorter ones repeated.
TURNS = {
    "major": ["0 4 5 3", "0 3 4 4", "0 5 3 4", "0 5 1 4", "3 4 0 0", "0 0 3 4", "5 3 0 4", "0 3 0 4", "0 2 3 4", "1 4 0 0", "0 0 0 0", "0 4 0 4"],
    "minor": ["0 5 2 6", "0 3 4 0", "0 6 5 6", "0 5 3 4", "0 0 3 3", "0 2 6 3", "0 6 5 4", "0 0 0 0", "5 6 0 0", "0 3 0 4", "0 0 5 4"],
}
KEYS, GUITARS, STRINGS, WINDS, LEADS, BASSES, PADS = (
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18, 19, 21], [24, 25, 26, 27, 28, 29, 30, 31],
    [40, 41, 42, 44, 45, 46, 48, 49, 50, 51], [52, 56, 57, 58, 60, 61, 62, 64, 65, 66, 68, 71, 72, 73, 74, 75, 79],
    [80, 81, 82, 83, 84, 85, 87, 53, 98, 99], [32, 33, 34, 35, 36, 37, 38, 39], [48, 49, 50, 51, 52, 53, 54, 88, 89, 90, 91, 92, 93, 94, 95])
KICK, SNARE, RIM, CLAP, HAT, PEDAL, OPEN, CRASH, RIDE, TOMS, SHAKER, TAMB, COW = 36, 38, 37, 39, 42, 44, 46, 49, 51, [41, 45, 48, 50], 70, 54, 56

# bpm range, weights of bars (beats: weight; None as ternary), drums, basses, accompaniment, chance of drums
STYLES = {
    "rock": ((85, 185), {4: 9, 3: 1}, ["rock", "rock", "half", "train"], ["eighths", "root", "kick", "walk"], ["strum", "stabs", "power", "pad"], .95),
    "pop": ((80, 140), {4: 1}, ["rock", "pop", "four"], ["root", "kick", "sync", "eighths"], ["pad", "arp", "stabs", "strum", "block"], .9),
    "metal": ((110, 215), {4: 8, 3: 1}, ["rock", "double", "train", "half"], ["eighths", "sixteenths", "kick"], ["power", "chug"], .95),
    "ballad": ((50, 84), {4: 8, 3: 2}, ["rock", "soft", "pop"], ["root", "long"], ["arp", "pad", "block", "arp"], .55),
    "house": ((112, 140), {4: 1}, ["four"], ["off", "sync", "kick"], ["stabs", "off", "pad", "arp"], .93),
    "trance": ((126, 150), {4: 1}, ["four"], ["off", "gallop"], ["arp", "pad", "arp"], .9),
    "dnb": ((160, 182), {4: 1}, ["dnb"], ["long", "sync", "reese"], ["pad", "stabs"], .97),
    "hiphop": ((66, 104), {4: 1}, ["boom", "trap"], ["sync", "long", "kick"], ["block", "arp", "pad"], .97),
    "funk": ((88, 126), {4: 1}, ["funk"], ["sync", "sync", "kick"], ["scratch", "stabs", "off"], .97),
    "reggae": ((64, 96), {4: 1}, ["onedrop", "four"], ["sync", "root"], ["skank", "skank"], .95),
    "latin": ((90, 200), {4: 8, 2: 3}, ["latin", "bossa"], ["tumbao", "root5"], ["montuno", "stabs", "block"], .9),
    "jazz": ((90, 230), {4: 8, 3: 2}, ["ride"], ["walk"], ["comp", "comp", "block"], .85),
    "shuffle": ((70, 150), {4: 1}, ["shuffle"], ["walk", "boogie"], ["comp", "stabs", "off"], .9),
    "waltz": ((80, 200), {3: 1}, ["waltz"], ["root"], ["oompah", "arp", "block"], .4),
    "march": ((88, 140), {2: 2, 4: 1}, ["march"], ["root5"], ["oompah", "stabs"], .6),
    "polka": ((100, 150), {2: 1}, ["march"], ["root5"], ["oompah"], .5),
    "six": ((44, 84), {2: 3, 4: 2}, ["six"], ["root", "long"], ["arp", "block", "strum"], .6),
    "jig": ((90, 140), {2: 1}, ["none"], ["root"], ["none", "block"], 0.),
    "reel": ((85, 125), {4: 1, 2: 1}, ["none"], ["root"], ["none", "none", "oompah"], .1),
    "chorale": ((60, 110), {4: 3, 3: 1}, ["none"], ["quarters"], ["chorale"], 0.),
    "quartet": ((60, 170), {4: 3, 3: 2, 2: 2}, ["none"], ["quarters", "root", "eighths"], ["chorale", "arp", "pulse", "block"], 0.),
    "piano": ((56, 168), {4: 3, 3: 2, 2: 1}, ["none"], ["none", "root"], ["alberti", "arp", "block", "pulse"], 0.),
    "film": ((60, 150), {4: 4, 3: 1}, ["toms", "none", "march"], ["long", "pulse8", "root"], ["pad", "pulse", "arp"], .5),
    "ambient": ((55, 110), {4: 4, 3: 1}, ["soft", "none"], ["long", "none"], ["pad", "arp"], .3),
    "odd": ((100, 190), {5: 5, 7: 2, 6: 2}, ["odd"], ["root", "kick", "eighths"], ["block", "arp", "power", "stabs"], .85),
    "seven8": ((190, 290), {7: 1}, ["odd"], ["root", "kick"], ["block", "arp", "stabs"], .85),
    "slow": ((52, 98), {4: 9, 3: 1}, ["rock", "pop", "soft", "half"], ["eighths", "sixteenths", "root", "sync"], ["arp16", "strum", "arp", "pulse", "power"], .85),
    "heavy": ((56, 104), {4: 1}, ["rock", "half", "train"], ["eighths", "sixteenths", "gallop"], ["chug", "power", "strum"], .95),
    "synth": ((84, 142), {4: 1}, ["four", "pop", "boom"], ["sync", "off", "eighths", "long"], ["arp", "arp16", "stabs", "off", "pad"], .55),
    "air": ((56, 130), {4: 3, 2: 2, 3: 2}, ["none"], ["root", "none"], ["none", "none", "alberti", "block"], 0.),
    "click": ((40, 240), {4: 6, 3: 3, 2: 1, 5: 1, 6: 1, 7: 1}, ["click"], ["none"], ["none"], 1.),
    "chip": ((100, 180), {4: 6, 3: 1, 2: 1}, ["rock", "four", "train"], ["eighths", "gallop", "root5", "sixteenths"], ["arp16", "arp", "stabs"], .85),
}
WEIGHTS = {"rock": 3, "pop": 2, "metal": 2, "ballad": 2, "film": 1.5, "quartet": 1.5, "piano": 1.5, "chip": 1.5, "chorale": 1.2, "jazz": 1.2, "reel": 1.0, "odd": 1.2, "seven8": .5, "house": 1.4, "jig": .9, "polka": .6, "march": .8,
           "slow": 3, "heavy": 2.5, "synth": 2.5, "air": 1.2, "click": 1.}
TERNARY = {"six", "jig"}
SWUNG = {"jazz": 1., "shuffle": 1., "hiphop": .3, "funk": .15, "pop": .05, "reel": .25, "rock": .05, "house": .1}


class Song:
    def __init__(self, seed, style=None):
        r = self.r = np.random.default_rng(seed)
        names = list(STYLES)
        w = np.array([WEIGHTS.get(n, 1.) for n in names])
        self.style = style or str(r.choice(names, p=w / w.sum()))
        bpm, metres, self.drums, self.basses, self.comps, drummed = STYLES[self.style]
        m = list(metres)
        p = np.array([metres[k] for k in m], float)
        self.metre = int(r.choice(m, p=p / p.sum()))
        self.ternary = self.style in TERNARY
        self.div = 3 if self.ternary else 4  # steps a beat
        self.swing = r.uniform(.56, .68) if r.random() < SWUNG.get(self.style, 0) else .5
        self.bpm = float(np.exp(r.uniform(np.log(bpm[0]), np.log(bpm[1]))))
        self.has_drums = r.random() < drummed
        self.tonic = int(r.integers(12))
        self.mode = "minor" if r.random() < (.65 if self.style in ("metal", "hiphop", "dnb", "trance", "film") else .45) else "major"
        self.notes, self.sections = [], []
        self.kit = int(r.choice([0, 0, 0, 8, 16, 24, 25, 25, 32, 40]))
        self.human = 0. if self.style in ("house", "trance", "dnb", "chip") and r.random() < .8 else r.choice([0., .003, .006, .01, .014])
        self.compose(r.uniform(38, 62))
        self.time_beats()

    # --- form -------------------------------------------------------------------------------------
    def compose(self, seconds):
        r, m = self.r, self.metre
        bars_wanted = int(np.ceil(seconds * self.bpm / 60 / m)) + 1
        pick = lambda xs: int(r.choice(xs))
        orchestral = self.style in ("quartet", "film", "chorale")
        self.programs = {
            "bass": pick([42, 43, 58, 70, 19, 0] if orchestral else ([38, 39, 87, 81] if self.style in ("house", "trance", "dnb", "chip") else BASSES)),
            "comp": pick({"quartet": [40, 41, 48], "chorale": [19, 48, 52, 20, 0], "piano": [0, 0, 1, 6], "metal": [29, 30], "chip": [80, 81], "film": STRINGS, "ambient": PADS}.get(self.style, KEYS + GUITARS + [PADS[0], 90, 62, 81])),
            "pad": pick(PADS), "lead": pick({"piano": [0], "chip": [80, 81, 82], "reel": [40, 73, 21, 105, 22, 24], "air": [0, 6, 40, 42, 46, 71, 73, 24], "jig": [40, 73, 21, 109, 22, 24]}.get(self.style, WINDS + LEADS + KEYS[:12] + GUITARS + STRINGS)),
            "lead2": pick(WINDS + LEADS + STRINGS + GUITARS)}
        kinds = {}
        form = list(r.choice(["ABAB", "AABA", "ABAC", "ABCB", "AABB", "ABCA", "ABAB"]))
        # Where a song begins is anywhere: before the drums, within a part, or with a pick-up.
        intro = r.random() < .35
        total, first = 0, True
        pickup = r.random() < .12
        self.bar_starts, self.at = [], float(r.integers(1, m)) if pickup else 0.
        if pickup:
            self.melody_bar(None, 0., self.at, kinds.setdefault("A", self.part()), sparse=True)
        if r.random() < .15:  # a count-in
            if self.has_drums and not pickup:
                for b in range(m):
                    self.hit(pick([RIM, HAT, 75, 31]), 90, b)
                self.bar_starts.append(self.at)
                self.at += m
        shift = 0
        while total < bars_wanted:
            for label in form:
                part = kinds.setdefault(label, self.part())
                length = pick([4, 4, 8, 8, 8, 16, 6, 7]) if not first else pick([2, 4, 8])
                start = self.at
                layers = dict(part["layers"])
                if first and intro:
                    for name in ("drums", "bass"):
                        layers[name] = layers[name] and r.random() < .3
                if not first and r.random() < .1:  # a break
                    layers["drums"] = False
                    layers["bass"] = layers["bass"] and r.random() < .4
                if total > bars_wanted * .6 and shift == 0 and r.random() < .08:
                    shift = pick([1, 2])
                for bar in range(length):
                    self.bar(part, layers, bar, length, shift)
                    total += 1
                self.sections.append((label if not (first and intro) else "intro", start, self.at))
                first = False
                if total >= bars_wanted:
                    break
        self.beats_total = int(round(self.at))

    def part(self):
        r, m = self.r, self.metre
        turn = [int(x) for x in str(r.choice(TURNS[self.mode])).split()]
        rhythm = str(r.choice(["bar", "bar", "bar", "two", "half"] if m in (4, 6) else ["bar", "bar", "two"]))
        drum = str(r.choice(self.drums))
        p = {
            "turn": turn, "rhythm": rhythm, "drum": drum, "bass": str(r.choice(self.basses)), "comp": str(r.choice(self.comps)),
            "layers": {"drums": self.has_drums and drum != "none" and r.random() < .93, "bass": r.random() < .88, "comp": r.random() < .88, "pad": r.random() < .3, "lead": r.random() < .65, "lead2": r.random() < .15},
            "octave": int(r.choice([0, 0, 12])), "dense": r.uniform(.25, .9), "syncopation": r.uniform(0, .7) if self.style not in ("chorale", "piano", "reel", "jig") else r.uniform(0, .25),
            "hat": str(r.choice(["8", "8", "16", "4", "off", "none", "ride"])), "louder": r.uniform(.75, 1.1),
        }
        if self.style in ("chorale",):
            p["layers"].update(bass=True, comp=True, lead=False)
        if self.style == "click":
            p["layers"] = dict.fromkeys(p["layers"], False) | {"drums": True}
        if self.style in ("reel", "jig", "air"):
            p["layers"].update(lead=True, bass=r.random() < .3)
            p["dense"] = .95
        if not any(p["layers"][x] for x in ("drums", "bass", "comp", "lead")):
            p["layers"]["comp"] = True
        steps = m * self.div
        p["kick"], p["snare"] = self.kick_snare(drum, steps)
        p["motifs"] = [self.rhythm_line(steps, p["dense"], p["syncopation"]) for _ in range(2)]
        p["stab"] = [s for s in range(steps) if r.random() < (.45 if s % self.div == 0 else .25 * p["syncopation"] + .04)] or [0]
        p["bassline"] = [0] + [s for s in range(1, steps) if r.random() < (.35 if s % self.div == 0 else .35 * p["syncopation"] + .03)]
        p["contour"] = [int(x) for x in r.integers(-2, 3, size=64)]
        return p

    def kick_snare(self, drum, n):
        r, d, m = self.r, self.div, self.metre
        beat = lambda b: b * d
        back = [beat(b) for b in range(1, m, 2)]
        kick, snare = [0], back
        if drum in ("rock", "pop", "soft", "boom", "funk"):
            kick = [0] + [s for s in range(2, n) if s not in back and r.random() < (.5 if s % d == 0 else .28 if s % 2 == 0 else (.18 if drum in ("funk", "boom") else .05))]
        elif drum == "half":
            snare = [beat(m // 2)]
            kick = [0] + [s for s in range(2, n, 2) if s not in snare and r.random() < .3]
        elif drum == "double":
            kick = [s for s in range(n) if r.random() < .8]
        elif drum == "train":
            kick, snare = [beat(b) for b in range(m)], [beat(b) + d // 2 for b in range(m)] if r.random() < .5 else back
        elif drum == "four":
            kick, snare = [beat(b) for b in range(m)], back if r.random() < .75 else []
        elif drum == "dnb":
            kick, snare = [[0, 10], [0, 2, 10], [0, 5, 10], [0, 8, 10]][int(r.integers(4))], [4, 12] + ([7] if r.random() < .4 else []) + ([9] if r.random() < .4 else [])
        elif drum == "trap":
            snare = [beat(m // 2)] if r.random() < .35 else back
            kick = [0] + [s for s in range(1, n) if s not in snare and r.random() < .2]
        elif drum == "onedrop":
            kick, snare = [beat(m // 2)], [beat(m // 2)]
        elif drum in ("latin", "bossa"):
            kick = [s for s in range(n) if s % 8 in (0, 6) or (s % 8 == 3 and r.random() < .2)]
            snare = [s for s in ([0, 3, 6, 10, 12] if r.random() < .5 else [2, 4, 8, 11, 14]) if s < n]
        elif drum in ("ride", "shuffle"):
            kick = [beat(b) for b in range(m) if b % 2 == 0 or r.random() < .2]
            snare = back if drum == "shuffle" else [s for s in range(n) if r.random() < .07]
        elif drum == "waltz":
            snare = [beat(b) for b in range(1, m)]
        elif drum == "march":
            kick = [beat(b) for b in range(0, m, 2)] if m > 2 else [0]
            snare = [s for s in range(n) if s % d == 0 and s not in kick or r.random() < .25]
        elif drum == "six":
            snare = [beat(b) for b in range(1, m, 2)]
            kick = [beat(b) for b in range(0, m, 2)] + [s for s in range(n) if r.random() < .1]
        elif drum == "toms":
            kick, snare = [s for s in range(n) if s % d == 0 and r.random() < .6], []
        elif drum == "odd":
            groups = {5: [[3, 2], [2, 3]], 7: [[4, 3], [2, 2, 3], [3, 2, 2]], 6: [[3, 3], [4, 2], [2, 4]]}.get(m, [[m]])
            g = groups[int(r.integers(len(groups)))]
            starts = np.cumsum([0] + g[:-1])
            kick = [beat(int(b)) for b in starts]
            snare = [beat(int(s) + k) for s, l in zip(starts, g) for k in range(1, l) if k % 2 == 1]
            kick += [s for s in range(n) if s not in snare and r.random() < .06]
        return sorted(set(kick)), sorted(set(s for s in snare if s < n))

    def rhythm_line(self, n, dense, sync):
        r, d = self.r, self.div
        weight = lambda s: 1. if s == 0 else .85 if s % d == 0 else (.55 if s % max(1, d // 2) == 0 else .2)
        line = [s for s in range(n) if r.random() < dense * (weight(s) * (1 - sync) + sync * .5)]
        return line or [0]

    # --- bars -------------------------------------------------------------------------------------
    def chord(self, part, bar, place):
        turn, rhythm = part["turn"], part["rhythm"]
        at = bar // 2 if rhythm == "two" else bar * 2 + (1 if place >= self.metre / 2 else 0) if rhythm == "half" else bar
        return turn[at % len(turn)]

    def pitch(self, degree, low, shift=0):
        scale = MODES[self.mode]
        octave, step = divmod(degree, 7)
        base = self.tonic + shift + scale[step] + 12 * octave
        return low + (base - low) % 12 if 0 <= degree < 7 else low + (self.tonic + shift - low) % 12 + scale[step] + 12 * octave

    def triad(self, degree, low, shift):
        root = self.pitch(degree % 7, low, shift)
        scale = MODES[self.mode]
        step = lambda k: (scale[(degree + k) % 7] - scale[degree % 7]) % 12
        third, fifth = step(2), step(4)
        if self.mode == "minor" and degree % 7 == 4 and self.major_fifth:
            third = 4
        return [root, root + third, root + fifth]

    def note(self, program, pitch, velocity, start, length):
        r = self.r
        self.notes.append((int(program), int(np.clip(pitch, 12, 115)), int(np.clip(velocity + r.normal(0, 6), 15, 127)), self.swung(start), max(.05, length)))

    def swung(self, at):
        if self.swing == .5 or self.ternary:
            return at
        beat = np.floor(at + 1e-6)
        f = at - beat
        s = self.swing
        return beat + (f / .5 * s if f < .5 else s + (f - .5) / .5 * (1 - s))

    def hit(self, drum, velocity, step_beats):
        self.note(128, drum, velocity, self.at + step_beats, .1)

    def bar(self, part, layers, bar, length, shift):
        r, m, d = self.r, self.metre, self.div
        self.bar_starts.append(self.at)
        self.major_fifth = (part["contour"][0] % 2 == 0)
        v = part["louder"]
        if layers["drums"]:
            self.drum_bar(part, bar, length, v)
        if layers["bass"]:
            self.bass_bar(part, bar, shift, v)
        if layers["comp"]:
            self.comp_bar(part, bar, shift, v)
        if layers["pad"]:
            places = [0] if part["rhythm"] != "half" else [0, m / 2]
            for place in places:
                for p in self.triad(self.chord(part, bar, place), 55, shift):
                    self.note(self.programs["pad"], p, 60 * v, self.at + place, m / len(places))
        if layers["lead"]:
            self.melody_bar(bar, self.at, m, part, shift=shift)
        if layers["lead2"]:
            self.melody_bar(bar, self.at, m, part, shift=shift, program=self.programs["lead2"], low=60, motif=1)
        self.at += m

    def drum_bar(self, part, bar, length, v):
        r, m, d, drum = self.r, self.metre, self.div, part["drum"]
        n, last = m * d, bar == length - 1
        if drum == "click":
            return self.clicks(v)
        fill = last and r.random() < .5 or (bar % 4 == 3 and r.random() < .2)
        cut = n - int(r.integers(1, max(2, n // 2))) if fill else n
        snare_key = {"soft": RIM, "bossa": RIM, "latin": RIM, "four": CLAP if part["octave"] else SNARE, "trap": CLAP}.get(drum, SNARE)
        for s in part["kick"]:
            if s < cut and r.random() < .97:
                self.hit(TOMS[0] if drum == "toms" else KICK, 105 * v, s / d)
        for s in part["snare"]:
            if s < cut and r.random() < .97:
                self.hit(snare_key, (100 if s % d == 0 or drum == "train" else 60) * v, s / d)
        hat = "ride" if drum == "ride" else "off" if drum == "four" and part["hat"] in ("4", "8") else part["hat"]
        cymbal = RIDE if hat == "ride" else HAT
        if hat == "ride" and self.swing > .5:
            steps = [s for b in range(m) for s in ([b * d] + ([b * d + d // 2] if b % 2 == 1 else []))]
        elif self.ternary:
            steps = list(range(n))
        else:
            steps = {"8": range(0, n, 2), "16": range(n), "4": range(0, n, d), "off": range(d // 2, n, d), "none": [], "ride": range(0, n, 2 if part["contour"][1] > 0 else d)}[hat]
        for s in steps:
            if s < cut or r.random() < .3:
                self.hit(OPEN if hat == "off" and part["contour"][2] > 0 else cymbal, (75 if s % d == 0 else 60) * v, s / d)
        if part["contour"][3] == 2:
            for s in range(0, n, 1 if part["contour"][4] > 0 else 2):
                self.hit(SHAKER if part["contour"][5] > 0 else TAMB, 50 * v, s / d)
        if fill:
            for s in range(cut, n):
                if r.random() < .75:
                    self.hit(int(r.choice([SNARE] + TOMS)), 90 * v, s / d)
        if bar == 0 and r.random() < .6 or (bar % 4 == 0 and r.random() < .08):
            self.hit(int(r.choice([CRASH, 57, 52])), 100 * v, 0)

    def clicks(self, v):
        """A metronome: the first of a bar is higher, louder, or another sound; eighths may be heard between."""
        r = self.r
        if not hasattr(self, "metronome"):
            one = int(r.choice([RIM, COW, 31, 33, 75, 76, 37, HAT]))
            tuned = r.random() < .5
            self.metronome = {
                "program": int(r.choice([80, 12, 13, 9, 115, 79])) if tuned else 128,
                "plain": int(r.integers(70, 90)) if tuned else one,
                "first": None, "quiet": r.uniform(.5, 1.), "eighths": r.random() < .25}
            self.metronome["first"] = self.metronome["plain"] + int(r.choice([0, 5, 7, 12, 12, 12])) if tuned else int(r.choice([one, {76: 77, 33: 34}.get(one, KICK), 34, 76, KICK]))
            if self.metronome["first"] == self.metronome["plain"]:
                self.metronome["quiet"] = r.uniform(.4, .7)
        w = self.metronome
        for b in range(self.metre):
            self.note(w["program"], w["first"] if b == 0 else w["plain"], 110 * v * (1 if b == 0 else w["quiet"]), self.at + b, .06)
            if w["eighths"]:
                self.note(w["program"], w["plain"], 50 * v, self.at + b + .5, .06)

    def bass_bar(self, part, bar, shift, v):
        r, m, d, kind, prog = self.r, self.metre, self.div, part["bass"], self.programs["bass"]
        root = lambda place: self.pitch(self.chord(part, bar, place) % 7, 33, shift)
        put = lambda at, p, l, w=1.: self.note(prog, p, 92 * v * w, self.at + at, l)
        if kind in ("root", "long"):
            for place in ([0, m / 2] if part["rhythm"] == "half" or kind == "root" and m == 4 and part["contour"][6] > 0 else [0]):
                put(place, root(place), (m if kind == "long" else 1.) * .9)
        elif kind in ("eighths", "pulse8", "sixteenths", "gallop", "quarters"):
            steps = {"eighths": np.arange(0, m, 1 / 3 if self.ternary else .5), "pulse8": np.arange(0, m, .5), "sixteenths": np.arange(0, m, .25), "quarters": np.arange(0, m, 1.), "gallop": [b + x for b in range(m) for x in (0, .5, .75)]}[kind]
            for at in steps:
                p = root(at)
                if kind == "quarters" and at % 2:
                    p += int(r.choice([0, 7, -5, 4]))
                put(at, p, .23 if kind in ("sixteenths", "gallop") else .45 if kind != "quarters" else .9, 1. if at % 1 == 0 else .85)
        elif kind == "off":
            for b in range(m):
                put(b + .5, root(b), .4)
        elif kind in ("kick", "sync", "tumbao", "reese"):
            steps = part["kick"] if kind == "kick" else [s for s in (6, 12) if s < m * d] if kind == "tumbao" else part["bassline"]
            for s in steps:
                put(s / d, root(s / d) + (12 if kind == "sync" and part["contour"][s % 64] == 2 else 7 if kind == "sync" and part["contour"][s % 64] == -2 else 0), .5)
        elif kind in ("walk", "boogie"):
            scale = [0, 4, 7, 9, 10, 9, 7, 4] if kind == "boogie" else None
            for b in range(m):
                put(b, root(b) + (scale[(b + m * (bar % 2)) % 8] if scale else 0 if b == 0 else int(r.choice([3, 4, 5, 7, -1, -3, 2, 9]))), .85)
        elif kind == "root5":
            for b in range(0, m):
                if m == 2 or b % 2 == 0:
                    put(b, root(b) + (0 if (b // (1 if m == 2 else 2)) % 2 == 0 else -5), .6)

    def comp_bar(self, part, bar, shift, v):
        r, m, d, kind, prog = self.r, self.metre, self.div, part["comp"], self.programs["comp"]
        chord = lambda place: self.triad(self.chord(part, bar, place), 55, shift)

        def put(at, l, w=1., notes=None):
            for k, p in enumerate(notes if notes is not None else chord(at)):
                self.note(prog, p, 72 * v * w, self.at + at + (.012 * k if kind == "strum" else 0), l)
        changes = [0, m / 2] if part["rhythm"] == "half" else [0]
        if kind in ("pad", "block"):
            for c in (changes if kind == "pad" or m not in (4,) or part["contour"][7] > 0 else [0, 1, 2, 3]):
                put(c, m / len(changes) * .95)
        elif kind == "pulse":
            for at in np.arange(0, m, 1 / 3 if self.ternary else .5):
                put(at, .3, 1. if at % 1 == 0 else .8)
        elif kind in ("strum", "scratch", "chug", "power"):
            for s in range(m * d):
                on = s % 2 == 0 or self.ternary
                if kind == "chug":
                    on = r.random() < .8
                if kind == "power":
                    on = s in part["stab"] or s == 0
                if kind == "scratch":
                    on = r.random() < .6
                if on:
                    notes = [chord(s / d)[0] - 12, chord(s / d)[2] - 12] if kind in ("chug", "power") else None
                    put(s / d, .2 if kind in ("chug", "scratch") else .5, 1.1 if s % d == 0 else .75, notes)
        elif kind == "stabs":
            for s in part["stab"]:
                put(s / d, .3)
        elif kind in ("off", "skank"):
            for b in range(m):
                if kind == "off" or b % 2 == 1 or part["contour"][8] > 0:
                    put(b + (.5 if kind == "off" or part["contour"][8] > 0 else 0), .25)
        elif kind == "comp":
            for s in part["stab"] if bar % 2 else part["stab"][::-1][:2]:
                put(s / d, .4, .9)
        elif kind == "montuno":
            for s in ([0, 3, 6, 8, 11, 14] if bar % 2 == 0 else [2, 4, 7, 10, 13]):
                if s < m * d:
                    put(s / d, .3)
        elif kind == "oompah":
            for b in range(m):
                if m == 2:
                    put(b + .5, .35)
                elif (b % 2 == 1 if m == 4 else b > 0):
                    put(b, .5)
        elif kind in ("arp", "arp16", "alberti"):
            c = None
            step = (1 / 3 if self.ternary else .25 if kind == "arp16" or part["contour"][9] == 2 else .5)
            for k, at in enumerate(np.arange(0, m - 1e-6, step)):
                c = chord(at)
                order = [0, 2, 1, 2] if kind == "alberti" else [[0, 1, 2, 1], [0, 1, 2, 3], [2, 1, 0, 1], [0, 2, 3, 2]][part["contour"][10] % 4]
                o = order[k % 4]
                self.note(prog, c[o % 3] + 12 * (o // 3), (78 if at % 1 == 0 else 66) * v, self.at + at, step * 1.5)
        elif kind == "chorale":
            for b in range(m):
                if b == 0 or r.random() < .85:
                    c = chord(b)
                    put(b, 1.9 if r.random() < .1 else .95, 1., [c[0], c[1], c[2] + (0 if r.random() < .7 else 12), self.pitch(int(r.choice([0, 2, 4])) + self.chord(part, bar, b), 70, shift)])
                    if r.random() < .35:
                        self.note(prog, self.pitch(int(r.integers(0, 7)), 65, shift), 64 * v, self.at + b + .5, .45)

    def melody_bar(self, bar, at, length, part, shift=0, program=None, low=67, motif=0, sparse=False):
        r, d = self.r, self.div
        line = part["motifs"][motif if bar is None or bar % 2 == 0 else 0]
        if bar is not None and bar % 4 == 3 and r.random() < .5:
            line = [s for s in line if s < len(line) // 2 + 4]
        steps = [s for s in line if s < length * d]
        degree = 0
        for k, s in enumerate(steps):
            degree = int(np.clip(degree + part["contour"][(k + (0 if bar is None or r.random() < .7 else 7)) % 64], -4, 8))
            chord = self.chord(part, bar or 0, s / d)
            pitch = self.pitch((chord + degree) if s % d == 0 and degree % 2 == 0 else degree, low, shift)
            nxt = (steps[k + 1] if k + 1 < len(steps) else length * d) / d
            self.note(program or self.programs["lead"], pitch, (88 if s % d == 0 else 80) * part["louder"], at + s / d, min(2., nxt - s / d) * r.choice([.5, .95]))

    # --- time -------------------------------------------------------------------------------------
    def time_beats(self):
        r, n = self.r, self.beats_total + 2
        interval = np.full(n, 60. / self.bpm)
        loose = self.style in ("piano", "quartet", "chorale", "film", "ballad", "ambient", "waltz")
        kind = r.random()
        if loose and kind < .35 or kind < .06:  # rubato: slow waves
            wave = np.convolve(r.normal(0, 1, n + 16), np.hanning(17) / np.hanning(17).sum(), "valid")[:n]
            interval *= np.exp(wave / (wave.std() + 1e-9) * r.uniform(.01, .07))
        elif kind < .42:  # a live band drifts
            interval *= np.exp(np.cumsum(r.normal(0, .004, n)))
        elif kind < .5:  # ramps
            interval *= np.linspace(1, r.uniform(.72, 1.35), n)
        elif kind < .56:  # a new tempo at a bar line
            at = int(r.choice(self.bar_starts))
            interval[at:] *= r.uniform(.7, 1.4)
        elif loose and kind < .66:  # slows down at the end
            k = max(4, n // 8)
            interval[-k:] *= np.linspace(1, r.uniform(1.2, 1.7), k)
        lead = r.uniform(0, .6) if r.random() < .6 else r.uniform(0, 3)
        self.beat_times = lead + np.concatenate([[0], np.cumsum(interval)])
        self.duration = float(self.seconds(self.beats_total)) + r.uniform(0, 1.5)

    def seconds(self, beat):
        return np.interp(beat, np.arange(len(self.beat_times)), self.beat_times)

    def truth(self):
        beats = [float(x) for x in self.beat_times[: self.beats_total]]
        starts = [int(round(b)) for b in self.bar_starts if b < self.beats_total]
        return {"style": self.style, "duration": self.duration, "tempo_bpm": 60 / float(np.median(np.diff(beats))), "meter": self.metre, "beats": beats,
                "downbeats": [beats[s] for s in starts], "key": ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"][self.tonic] + " " + self.mode,
                "segments": [{"start": float(self.seconds(a)), "end": float(self.seconds(b)), "label": l} for l, a, b in self.sections]}

    def events(self):
        """Notes in seconds: (program, pitch, velocity, start, end), each a little early or late."""
        late = {}
        for p, k, v, s, l in self.notes:
            push = late.setdefault((p, k if p == 128 else 0), self.r.normal(0, self.human * .5))
            a = float(self.seconds(s)) + push + self.r.normal(0, self.human)
            yield p, k, v, max(0., a), max(a + .04, float(self.seconds(s + l)))
