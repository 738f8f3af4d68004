"""The rows of the bench: which server, with which settings, under which load.

A row is named PxN[-lever]: P speakers, N listeners. `levers` are names that a build of voiceroomd may lack; then the
row is reported as not available, never guessed.
"""
import os
import re

import page


class Row:
    def __init__(self, name, server="voiceroomd", args=(), flags=None, levers=None, seconds=4.0, kind="bench", tls=False,
                 repeats=3, note="", nodes=0, floor=1.5, settle=0.5, limit=150, before_client=False):
        self.name, self.server, self.args, self.flags = name, server, list(args), flags or {}
        self.levers, self.seconds, self.kind, self.tls = levers or {}, seconds, kind, tls
        self.before_client = before_client  # the server's priority is above its client's
        self.repeats, self.note, self.nodes, self.floor, self.settle, self.limit = repeats, note, nodes, floor, settle, limit

    @property
    def key(self):
        return "%s %s" % (self.name, self.server)


# lever -> what the setting's name looks like, and its value when the lever is not meant
LEVERS = {"gso": (r"(^|_)gso$", "false"), "pack": (r"(^|_)pack(ing)?$", "off")}


def lever_flags(levers, settings):
    """Flags of voiceroomd that set the levers, the others off; and the first lever that this build has not."""
    flags, missing = {}, None
    for lever, (pattern, off) in LEVERS.items():
        found = [name for name in settings if re.search(pattern, name)]
        if found:
            flags[found[0]] = levers.get(lever, off)
        elif lever in levers:
            missing = missing or lever
    return flags, missing


def load(speakers, listeners, lever="", server="voiceroomd", levers=None, extra=(), **more):
    name = "%dx%d%s" % (speakers, listeners, "-" + lever if lever else "")
    args = ["--speakers", speakers, "--listeners", listeners, *extra]
    if speakers * listeners >= 4000 and server == "voiceroomd":
        args.append("--quiet-joins")  # their client shares these cores: joins while somebody talks have a row of their own
    return Row(name, server, args, levers=levers, **more)


def gso(speakers, listeners, lever_name="gso", **more):
    return load(speakers, listeners, lever_name, levers={"gso": "true"}, **more)


def pack(speakers, listeners, frames, extra=(), **more):
    words = "pack60" if frames == 3 else "pack60,pack120"
    return load(speakers, listeners, "pack%d" % frames, levers={"pack": str(frames)},
                extra=["--pack", frames, "--capabilities", words, *extra], **more)


def seeds():
    """The scenarios of the first wish, with its targets (page.py)."""
    steady = ["--steady"]
    return [
        Row("seed-10-users", args=["--speakers", 3, "--listeners", 7, "--sampled", 7, *steady], note="10 users in a room, 3 of them speak", floor=0, repeats=1),
        Row("seed-50-users", args=["--speakers", 3, "--listeners", 47, "--sampled", 47, *steady], note="50 users in a room, 3 of them speak", floor=0, repeats=1),
        Row("seed-10-rooms", args=["--rooms", 10, "--speakers", 2, "--listeners", 8, "--sampled", 80, *steady], note="10 rooms of 10 at once, 2 speak in each", floor=0, repeats=1),
        Row("seed-join-leave", kind="churn", args=["--speakers", 1, "--listeners", 400, "--sampled", 0, "--join-rate", 100, "--leave-after", 1, *steady],
            note="400 people join at 100 a second, each leaves after 1 s", floor=0, repeats=1),
    ]


def beyond_slots():
    """Pairs with as many speakers as slots, and with more: what those cost who are not heard. Nobody pauses."""
    note = "no pauses; a listener has 4 slots"
    return [load(speakers, listeners, "steady", extra=["--steady", *more], note=note)
            for speakers, listeners, more in ((4, 500, ()), (12, 500, ()), (4, 110, ("--stagger-ms", 1.25)), (64, 50, ("--stagger-ms", 1.25)))]


def quick():
    return [
        load(1, 50), load(1, 200), load(1, 200, server="janus-default"), load(1, 200, server="janus-tuned"), load(1, 500),
        pack(1, 500, 3), pack(1, 500, 6), load(3, 500), gso(3, 500), load(1, 2000), *seeds(),
        Row("mouth-to-ear", kind="ear", repeats=1, note="two Chromium pages", limit=180),
    ]


def full():
    rows = []
    for speakers in (1, 3):
        for listeners in (50, 200, 500, 2000, 4000):
            rows.append(load(speakers, listeners, limit=400))
    for speakers, listeners in ((1, 50), (1, 200), (1, 500), (3, 50), (3, 200), (3, 500)):
        rows.append(load(speakers, listeners, server="janus-default"))
        rows.append(load(speakers, listeners, server="janus-tuned"))
    for listeners in (20, 50, 100):
        rows.append(load(3, listeners, server="audiobridge", repeats=2))
    rows += [gso(3, n, limit=400) for n in (50, 200, 500, 2000)]
    rows += [pack(1, n, frames, limit=400) for frames in (3, 6) for n in (500, 2000, 4000)]
    # Three processes that are all busy on two cores: a server of its own would not share its core with its clients.
    huge = {"extra": ["--processes", 2, "--read-ms", 63], "repeats": 1, "limit": 400, "settle": 2.0, "before_client": True,
            "note": "the server before its client where cores are few"}
    rows += [
        pack(1, 10000, 3, **huge),
        pack(1, 18000, 6, **huge),
        Row("100r1x9", args=["--rooms", 100, "--speakers", 1, "--listeners", 9], note="100 rooms of 10"),
        Row("10r1x9", args=["--rooms", 10, "--speakers", 1, "--listeners", 9], note="10 rooms of 10"),
        Row("50r1x9", args=["--rooms", 50, "--speakers", 1, "--listeners", 9], note="50 rooms of 10"),
        load(1, 500, "rtcp", extra=["--reports"], note="reports from every listener each 5 s"),
        load(1, 500, "loss5", extra=["--reports", "--drop", 0.05], note="5 % of the way up is lost"),
        load(1, 500, "muted500", extra=["--muted", 500], note="500 muted with DTX beside", limit=300),
        load(1, 2000, "workers2", flags={"media_workers": 2, "shard_peers_max": 1000}, limit=400),
        *beyond_slots(),
        load(1, 500, "supervised", flags={"supervise": "true"}, note="as shipped: below its parent, over kept memory; CPU of the node"),
        load(1, 500, "tls", tls=True, extra=["--sockets"], note="joins by TLS, a WebSocket over TLS each"),
        Row("joins-500/s", args=["--speakers", 1, "--listeners", 1000, "--sampled", 0, "--join-rate", 500, "--quiet-joins", "--steady"],
            floor=0, note="500 joins a second into one room, nobody talks"),
        Row("joins-tls", tls=True, args=["--speakers", 1, "--listeners", 500, "--sampled", 0, "--quiet-joins", "--steady"], floor=0,
            note="joins by POST over TLS 1.3"),
        Row("joins-post", args=["--speakers", 1, "--listeners", 500, "--sampled", 0, "--quiet-joins", "--steady"], floor=0,
            note="joins by POST without TLS"),
        Row("resumes-post", args=["--speakers", 1, "--listeners", 500, "--sampled", 0, "--quiet-joins", "--steady", "--resume"], floor=0,
            note="500 join by POST, come back with an offer, then without"),
        Row("joins-2000-talking", args=["--speakers", 1, "--listeners", 2000, "--steady", "--early", 100], floor=0, limit=300,
            note="2000 join while the room talks"),
        Row("idle-10000", kind="idle", args=["--count", 10000], tls=True, repeats=1, limit=200, note="WebSockets over TLS that only live"),
        *[load(1, 500, "nodes%d" % n, nodes=n, note="one room over %d nodes, CPU of all" % n, limit=200, repeats=2) for n in (1, 2, 3)],
        gso(3, 500, lever_name="gso-2ms", extra=["--stagger-ms", 2], note="speakers 2 ms apart instead of 5"),
        *seeds(),
        Row("mouth-to-ear", kind="ear", repeats=1, note="two Chromium pages", limit=180),
        Row("kept-memory", kind="keep", note="what outlives the death of the process"),
        Row("actor-messages", kind="actors", repeats=1),
        Row("durable-changes", kind="journal", repeats=1),
    ]
    if (os.cpu_count() or 1) >= page.CORES_FOR_THROUGHPUT:
        rows.append(load(1, 8000, "workers2", flags={"media_workers": 2, "shard_peers_max": 4000}, extra=["--processes", 2, "--read-ms", 63], limit=400))
    return rows


def self_test():
    return [load(1, 50, seconds=2.0, floor=1.0, repeats=1)]
