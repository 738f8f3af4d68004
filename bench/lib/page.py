"""docs/benchmarks.md and its charts, made from a report. Nothing on the page is written by hand."""
import charts
import model

COLUMNS = (  # head, field, form
    ("CPU µs a packet", "cpu_us_per_packet", "%.2f"), ("floor µs", "floor_us", "%.2f"), ("× floor", "ratio", "%.2f"),
    ("delivered %", "delivered", "%.3f"), ("delay p50 ms", "delay_ms_p50", "%.2f"), ("p99", "delay_p99_ms", "%.2f"),
    ("p99.9", "delay_ms_p999", "%.2f"), ("% of a core", "cpu_share", "%.0f"), ("of these, media workers", "media_share", "%.0f"), ("KB a listener", "rss_kb_per_listener", "%.0f"),
    ("threads", "threads", "%d"),
)
JOIN_COLUMNS = (
    ("server CPU a join, µs", "join_cpu_us", "%.0f"), ("answer p50 ms", "answer_ms_p50", "%.1f"), ("p95", "answer_ms_p95", "%.1f"),
    ("connected p50 ms", "up_ms_p50", "%.1f"), ("p95", "up_ms_p95", "%.1f"), ("first audio p50 ms", "first_ms_p50", "%.1f"),
    ("p95", "first_ms_p95", "%.1f"), ("failed", "failed", "%d"), ("all in after s", "join_seconds", "%.1f"),
)
BEYOND_SLOTS = (("4x500-steady", "12x500-steady"), ("4x110-steady", "64x50-steady"))
PERCENT = {"delivered", "cpu_share", "media_share"}
SIGN = {"<=": "≤", ">=": "≥"}
# Below: a server and its client take turns on the same cores, so that two media workers are given no more than one.
CORES_FOR_THROUGHPUT = 4
FIGURES = (  # the table: text, goal, how to find the value, good when at most (or at least)
    ("CPU per forwarded packet, 1 speaker, 500 listeners, × floor", 1.25, ("1x500", "ratio"), "<="),
    ("the same, 2000 listeners", 1.25, ("1x2000", "ratio"), "<="),
    ("3 speakers with GSO, 500 listeners, × floor", 0.7, ("3x500-gso", "ratio"), "<="),
    ("CPU per listener-second packed by 3, share of unpacked", 0.40, ("1x500-pack3", "packed"), "<="),
    ("packed by 6", 0.22, ("1x500-pack6", "packed"), "<="),
    ("times less CPU than Janus as shipped, 1x200", 8, ("janus-default", "against"), ">="),
    ("times less than Janus tuned, 1x200", 4, ("janus-tuned", "against"), ">="),
    ("added delay p99, 1x500, ms", 2, ("1x500", "delay_p99_ms"), "<="),
    ("added delay p99, 3x500 with GSO, ms", 7, ("3x500-gso", "delay_p99_ms"), "<="),
    ("delivered at 1x4000 on one media worker, %", 99.9, ("1x4000", "delivered"), ">="),
    ("its media worker, % of a core", 90, ("1x4000", "media_share"), "<="),
    ("delivered to 10 000 packed by 3 on one media worker, %", 99.9, ("1x10000-pack3", "delivered"), ">="),
    ("its media worker, % of a core", 90, ("1x10000-pack3", "media_share"), "<="),
    ("delivered to 18 000 packed by 6 on one media worker, %", 99.9, ("1x18000-pack6", "delivered"), ">="),
    ("its media worker, % of a core", 90, ("1x18000-pack6", "media_share"), "<="),
    ("memory per listener, media, KB", 10, ("1x2000", "rss_kb_per_listener"), "<="),
    ("memory per listener with WebSocket over TLS, KB", 40, ("1x500-tls", "rss_kb_per_listener"), "<="),
    ("server CPU per join by POST without TLS, µs", 600, ("joins-post", "join_cpu_us"), "<="),
    ("server CPU per join over TLS 1.3, µs", None, ("joins-tls", "join_cpu_us"), "<="),
    ("join p95 in Chromium, as our page does it (connection made while the door is shown), ms", 50, ("mouth-to-ear", "join_prepared_ms_p95"), "<="),
    ("the same with nothing made beforehand, ms", None, ("mouth-to-ear", "join_ms_p95"), "<="),
    ("first audio p95 in Chromium, ms", 150, ("mouth-to-ear", "first_audio_ms_p95"), "<="),
    ("CPU per packet on two media workers, times one's", 1.1, ("1x2000-workers2", "workers"), "<="),
    ("throughput of two media workers, 8000 listeners beside 4000, times one's", 1.8, ("1x8000-workers2", "throughput"), ">="),
    ("CPU per packet below a parent, over kept memory, times alone", None, ("1x500-supervised", "supervised"), "<="),
)


def find(report, name, server="voiceroomd"):
    for row in report["rows"]:
        if row["row"] == name and row["server"] == server and row.get("available"):
            return row
    return None


def value_of(report, name, what):
    if what == "against":
        ours, theirs = find(report, "1x200"), find(report, "1x200", name)
        return theirs["cpu_us_per_packet"] / ours["cpu_us_per_packet"] if ours and theirs and ours["cpu_us_per_packet"] else None
    row = find(report, name)
    if row is None:
        return None
    if what == "packed":
        base = find(report, "1x500")
        return row["cpu_us_per_listener_second"] / base["cpu_us_per_listener_second"] if base else None
    if what == "workers":
        base = find(report, "1x2000")
        return row["cpu_us_per_packet"] / base["cpu_us_per_packet"] if base else None
    if what == "throughput":
        base = find(report, "1x4000")
        return arrived(row) / arrived(base) if base else None
    if what == "supervised":
        base = find(report, "1x500")
        return row["cpu_us_per_packet"] / base["cpu_us_per_packet"] if base else None
    return row.get(what) * (100 if what in PERCENT else 1) if row.get(what) is not None else None


def arrived(row):
    """Packets a second that came in time to be worth something."""
    return row["packets_per_s"] * row["delivered"]


def cell(row, field, form):
    value = row.get(field)
    if value is None:
        return ""
    low, high = row.get("spread", {}).get(field, (None, None))
    scale = 100 if field in PERCENT else 1
    shown = form % (value * scale)
    if low is not None and high > low and field in ("cpu_us_per_packet", "ratio"):
        shown += " (%s–%s)" % (form % low, form % high)
    return shown


def table(rows, columns):
    out = ["| row | server | " + " | ".join(head for head, _, _ in columns) + " |", "| --- " * (len(columns) + 2) + "|"]
    for row in rows:
        if row.get("available"):
            cells = " | ".join(cell(row, field, form) for _, field, form in columns)
            out.append("| `%s` | %s | %s |" % (row["row"], row["server"], cells))
        else:
            out.append("| `%s` | %s | %s" % (row["row"], row["server"], row["why"].replace("\n", " ").replace("|", "/")) + " |" * len(columns))
    return out


def figures(report):
    out = ["| figure | goal | measured | |", "| --- | --- | --- | --- |"]
    for words, goal, (name, what), kind in FIGURES:
        value = value_of(report, name, what)
        aim = "" if goal is None else "%s %g" % (SIGN[kind], goal)
        if value is None:
            few = what == "throughput" and report["cores"] < CORES_FOR_THROUGHPUT
            out.append("| %s | %s | %s | |" % (words, aim, "cannot be shown here" if few else "not measured in this run"))
            continue
        verdict = "" if goal is None else "reached" if (value <= goal if kind == "<=" else value >= goal) else "**not reached**"
        out.append("| %s | %s | %.3g | %s |" % (words, aim, value, verdict))
    if report["cores"] < CORES_FOR_THROUGHPUT:
        out += ["", "Throughput of two media workers needs %d cores or more: here the server and its client share %d, and one media worker with the client already fills them. "
                "What two workers cost for a packet is above, and does not need them." % (CORES_FOR_THROUGHPUT, report["cores"])]
    return out


def seeds(report):
    out = ["| scenario | join p95 (< 500 ms) | connected p95 (< 2 s) | CPU of a core a room (< 5 %) | MB a participant (< 10) | delivered % | failed (0) | |",
           "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in report["rows"]:
        if row["row"].startswith("seed-") and row.get("available"):
            core = row["cpu_share"] * 100 / row["rooms"]
            memory = row["rss_kb"] / 1024 / max(row["listeners"] * row["rooms"], 1)
            targets = (("join", row["answer_ms_p95"] < 500), ("connected", row["up_ms_p95"] < 2000), ("memory", memory < 10), ("failed", row["failed"] == 0),
                       ("CPU", core < 5 or "delivered" not in row))  # that of coming and going is no room's
            missed = [name for name, good in targets if not good]
            out.append("| %s | %.1f ms | %.1f ms | %.2f %% | %.3f | %s | %d | %s |" % (
                row.get("note", row["row"]), row["answer_ms_p95"], row["up_ms_p95"], core, memory,
                "%.3f" % (row["delivered"] * 100) if "delivered" in row else "", row["failed"],
                "**not reached**: " + ", ".join(missed) if missed else "reached"))
    ear = find(report, "mouth-to-ear")
    if ear:
        out += ["", "Mouth to ear between two Chromium pages (target < 300 ms): p50 %.0f ms, p95 %.0f ms over %d taps. Join in Chromium: p50 %.0f, p95 %.0f ms; "
                "first audio decoded: p50 %.0f, p95 %.0f ms." % (ear["mouth_to_ear_ms_p50"], ear["mouth_to_ear_ms_p95"], ear["taps"],
                                                                 ear["join_ms_p50"], ear["join_ms_p95"], ear["first_audio_ms_p50"], ear["first_audio_ms_p95"])]
        if "join_prepared_ms_p50" in ear:
            out[-1] += (" That is with nothing made beforehand. As our page does it (`prepare()` called while the door is shown, and ended): p50 %.0f, p95 %.0f ms; first audio p50 %.0f, p95 %.0f ms. "
                        "Counted from the call of `join()` to its answer being set, %d joins of each kind in turns, each the first of a fresh page." % (
                            ear["join_prepared_ms_p50"], ear["join_prepared_ms_p95"], ear["first_audio_prepared_ms_p50"], ear["first_audio_prepared_ms_p95"], ear["joins"]))
        if "join_bare_ms_p50" in ear:  # runs from before it was measured have none
            out[-1] += (" Of a join, the request from its first byte to its answer's: p50 %.0f, p95 %.0f ms; the browser's same steps in a fresh page, without a server: "
                        "p50 %.0f, p95 %.0f ms." % (ear["join_request_ms_p50"], ear["join_request_ms_p95"], ear["join_bare_ms_p50"], ear["join_bare_ms_p95"]))
    return out


def gso(report):
    """Hit rate of segmented datagrams: which part of the packets found company on its way to the same listener."""
    out = []
    for row in report["rows"]:
        if "gso" in row["row"] and "gso_share" in row:
            out.append("- `%s`: %.1f %% of the packets left in segmented datagrams, %.2f in each of these; of one speaker's alone none can." % (
                row["row"], row["gso_share"] * 100, row["packets_per_segmented"]))
    return ["GSO on real speech (VBR, pauses), from the server's own counters at both ends of the window:", "", *out, ""] if out else []


def beyond_slots(report):
    """What talkers cost who are not heard: pairs of rows that differ in nothing else (talkers hear as well, so that each packet
    goes to as many)."""
    out = []
    for few, many in BEYOND_SLOTS:
        base, row = find(report, few), find(report, many)
        if not base or not row:
            continue
        for each in (base, row):
            out.append("| `%s` | %d | %.0f | %.1f | %.0f | %.2f | %s |" % (
                each["row"], each["speakers"], each.get("not_chosen_share", 0) * 100, each.get("speaker_changes_per_s", 0), each["packets_per_s"],
                each["cpu_us_per_packet"], unheard_us(base, row) if each is row else ""))
    return ["Talkers without a slot are not decrypted (but one packet in a few thousand). In these rows nobody pauses, so that all four slots are always taken:", "",
            "| row | talkers | of what came in, not chosen % | changes of a slot's speaker a second | forwarded a second | CPU µs a forwarded packet | CPU µs a packet not chosen, its way in included |",
            "| --- | --- | --- | --- | --- | --- | --- |", *out, ""] if out else []


def unheard_us(base, row):
    """The server's CPU beyond what forwarding costs in the row without them, for each packet that was left; none where
    that is lost in the noise of the forwarding."""
    left = 50 * row["speakers"] - row["packets_per_listener_s"]
    beyond = row["cpu_share"] * 1e6 - row["packets_per_s"] * base["cpu_us_per_packet"]
    return "within the noise of forwarding" if left * 10 < row["packets_per_s"] else "%.2f" % (beyond / left)


def resumes(report):
    """Coming back beside coming, in the same run."""
    row = find(report, "resumes-post")
    if not row or "resume_cpu_us" not in row:
        return []
    return ["Coming back, `resumes-post`, server CPU: a join %.0f µs; a resume with an offer (a new transport) %.0f µs, %.2f of a join; a resume without (the transport goes on) %.0f µs, %.2f of a join. "
            "Answer p95: %.1f, %.1f and %.1f ms." % (
                row["join_cpu_us"], row["resume_cpu_us"], row["resume_cpu_us"] / row["join_cpu_us"], row["rebind_cpu_us"], row["rebind_cpu_us"] / row["join_cpu_us"],
                row["answer_ms_p95"], row["resume_ms_p95"], row["rebind_ms_p95"]), ""]


def others(report):
    out = []
    idle, actors, durable, kept = (find(report, n) for n in ("idle-10000", "actor-messages", "durable-changes", "kept-memory"))
    crowd = find(report, "joins-2000-talking")
    if crowd and "delivered_while_joining" in crowd:
        out.append("- While 1900 joined a room that talks, the first 100 heard %.3f %% of the speech, added delay p99 %.1f ms."
                   % (crowd["delivered_while_joining"] * 100, crowd["delay_p99_while_joining_ms"]))
    if idle:
        out.append("- %d idle WebSockets over TLS: %.1f KB each, %.2f %% of a core, all open after %.1f s."
                   % (idle["open"], idle["rss_kb_per_socket"], idle["cpu_share"] * 100, idle["open_seconds"]))
    if kept:
        out.append("- Kept over the death of the process: %d bytes a peer, %d a gate; %d peers go on after %.0f ms, their contexts take %.1f µs each with their first packet. "
                   "A packet to seven listeners costs %.3f times that without a keep (keep_bench, clients included; counted in instructions: docs/architecture.md)."
                   % (kept["kept_bytes_per_peer"], kept["kept_bytes_per_gate"], kept["kept_peers"], kept["restore_ms"], kept["kept_context_us"], kept["kept_share"]))
    if actors:
        out += ["- Actor messages: " + "; ".join("%s %.2f M/s" % (what, n / 1e6) for what, n in actors["messages_per_s"].items()) + "."]
    if durable:
        out += ["- Durable changes, %d at a time: %.0f a second, p50 %.2f ms, p99 %.2f ms." % (d["submitters"], d["changes_per_s"], d["p50_us"] / 1000, d["p99_us"] / 1000)
                for d in durable["durable"]]
    return out


def growth(report):
    out = ["| what | base | each one more | fit (R²) |", "| --- | --- | --- | --- |"]
    for name, line in report["growth"].items():
        out.append("| %s | %.4g %s | %.4g %s | %.3f |" % (name, line["base"], line["unit"], line["slope"], line["unit"], line["r2"]))
    return out if len(out) > 2 else ["Too few rows for a fit: `make bench-full` makes them."]


def paper(report):
    sheet = report["paper"]
    out = ["| way | listeners | cores | nodes of %d cores | Gbit/s out | GB of memory | relayed packets a second and speaker |" % sheet["node_cores"],
           "| --- | --- | --- | --- | --- | --- | --- |"]
    for line in sheet["table"]:
        out.append("| %s (`%s`) | %s | %.4g | %d | %.4g | %s | %d |" % (
            line["way"], line["from_row"], "{:,}".format(line["listeners"]), line["cores"], line["nodes"], line["gbit_per_s"],
            "" if line["memory_gb"] is None else line["memory_gb"], line["relay_packets_per_s"]))
    return out


ASSUMPTIONS = """The numbers above are multiplication, not measurement. They assume: one speaker; the cost of a listener stays that of the largest measured row whose server took
at most %d %% of a core and whose p99 was in time (%s; what a core at its end costs is no guide: late packets leave in larger batches) (one media worker, loopback, no network card: a card's interrupts come on top, its offloads may help); it is spread evenly over workers and
nodes (the row with two workers shows how well); a node's media cores are filled to %d %%, one core is left for the rest; a node's link carries its share
of the bandwidth; each node is sent each speaker's packets once; nobody joins or leaves in that second. Nothing here says how a cluster of that
size behaves when it changes: that is not measured."""

def how_often(report):
    """What a figure stands for: the page tells of medians only when there are some."""
    counts = [row["repeats"] for row in report["rows"] if row.get("available") and row.get("repeats")]
    most, once = max(counts, default=0), counts.count(1)
    if most <= 1:
        return "each row was run once: no medians, no spread"
    return "medians of up to %d runs of a row%s" % (most, "; %d of %d rows were run once" % (once, len(counts)) if once else "")


def repeats_told(report):
    if max((row.get("repeats", 0) for row in report["rows"]), default=0) <= 1:
        return "- Each row was run once. Differences below 20 % mean little on a shared machine, still less of one run."
    return ("- Repeats are interleaved: all rows once, then all again. Shown is the median; in brackets the lowest and highest (CPU of a packet, and × floor). "
            "Differences below 20 % mean little on a shared machine.")


def assumptions(report):
    limits = "; ".join("%s ms %s" % ("%g" % most, "packed by " + lever[4:] if lever else "unpacked") for lever, most in model.DELAY_MOST.items())
    text = ASSUMPTIONS % (100 * model.SHARE_MOST, limits, 100 * report["paper"]["filled_to"])
    told = {line["way"] for line in report["paper"]["table"]}
    missing = [name for name, _ in model.WAYS if name not in told]
    return text + ("\n\nNot on the sheet, for want of such a row: %s." % ", ".join(missing) if missing else "")


METHOD = """- One client process (`bench/`): a UDP socket, ICE checks and a real DTLS-SRTP handshake for each member, over loopback, on the same machine as the server.
- Real speech: espeak-ng, encoded once by libopus as a browser does (20 ms, 32 kbit/s VBR, DTX), with pauses. Speakers send 5 ms apart.
- Listeners' sockets are read in turn, each every 21 ms, and never waited on: on loopback the receiver's waking is charged to the sender.
- CPU is that of the whole server process (all threads, kernel time included: on loopback that of the receive path up to the socket as well), over all RTP packets that arrived in the window. RTCP, consent checks and
  everything else a server does is in it.
- The floor is measured right before each run: a plain program sends datagrams of the same sizes, at the same times, to the same sockets by `sendmmsg`. For packed rows it sends the packed datagrams.
- Delay is from the client's send to the kernel's receive timestamp of the listener's socket, found by the bytes of the Opus frame, on 100 listeners. Packed rows count each frame, waiting included.
- Delivered: the worse of two views, packets of every listener against the one who got most, and frames of speech that the sampled listeners decrypted against those sent.
- What a thread is for stands in its name: media workers' CPU is that of the threads `media-N`.
%s
- Janus is Debian's package. `janus-default`: as shipped, AES-CM. `janus-tuned`: `event_loops = 2`, AES-GCM. `audiobridge`: mixing at 48 kHz."""


# From profiles, not from this report: what a goal is up against, whatever a run says.
WAY = """What profiles say of the goals that are hard to reach (perf and callgrind, November 2026; a run on another machine may pass or miss them):

- Packing. A listener-second packed by 6 is 8.3 packets of some 4.5 µs and what is beside speech, the same as without packing: 0.4 checks of his consent, a question whether he hears and its answer (each fourth second for
  whom frames are packed by 6 or by a fixed `media_pack`; each second in the runs up to commit `7774a02`), 0.25 sender reports. Each comes or leaves alone, wakes the worker (much of its cost), is authenticated (HMAC-SHA1 in libnice) and answered. With nothing beside speech, in both, the share would be below 0.18; the rate of the checks is the browsers'.
  Of the steady CPU of `1x500-pack6` sending was 51 %, waiting for the next datagram and waking 16 % (270 wakes a second, some 25 µs each on this virtual machine; perf, load 14). Since commit `b7bdc6b` what is not urgent is read in bunches:
  313 wakes a second became 78, and CPU a packet 0.94 of what it was, packed by 3 0.95 (medians of nine and six pairs in turns beside other work, load 1 to 17; pairs from 0.84 to 1.06). The table above, where its commit is older, is from before.
- One speaker, 500 listeners. Sending is 80 % of the server's steady CPU, waking 5 % (350 wakes a second where the floor has 50; by the code, checks and answers to the question whether somebody hears come one by one, wakes were not split by cause), timers 3 %; encryption, numbers and the walk
  the rest (perf, load 14). Since `b7bdc6b` 495 wakes became 60 (50 of them are the speaker's packets); CPU a packet 0.93 of before where load was below 5 (nine pairs of `1x500` and `joins-post`, 0.91 to 1.02; three of them without the early ticks), the same above, where wakes find several anyway. Both send by `sendmmsg` from one socket that is not connected to the same sockets. With more listeners a wake finds several: `1x4000`.
- GSO. Three speakers 5 ms apart (0, 5, 10 of 20 ms) within a hold of 5 ms leave as two datagrams, not one; 6.6 ms would be two as well, 10 ms one, beyond the 7 ms allowed. At phases by chance it is 1.9 datagrams in the mean, with 6.6 ms 1.7 (computed).
  A datagram costs some 2.8 µs and each packet in it 1.1, so two are 0.76 of the floor, one is 0.52, before any work of ours (numbers, encryption, the walk: 0.25 to 0.3). `3x500-gso-2ms` shows three in one.
- Joins. 5.4 million instructions (5.9 up to commit `90a2f34`; callgrind, 150 joins): 3.4 the DTLS handshake (verifying the client's signature 0.85, ECDHE 1.1, reading his certificate 0.38, signing 0.25), 0.55 the request, 0.65 room and session, 0.18 his checks; and a commit to disk. Of the handshake's CPU (some 280 µs, before 330, by a loop of handshakes) about 110 are the four operations on curves, the rest is what OpenSSL 3.0 does around them. `joins-post` of both, in turns beside other work: all of it 762 µs before and 700 after (medians of five, load 10), 1022 and 886 (of eight, load 10 to 16).
- Memory. Of a listener with a socket over TLS, by caller of malloc: OpenSSL 12 KB (its SSL structure alone 7.6), wslay's two buffers 8.7, session, person and gate 3, contexts of ciphers 2. What stood there for nothing (the last join in each
  socket 9.3, empty write buffers 2.3, contexts for speech that a listener never sends 2) went after commit `7774a02`: 54.8 to 40.0 KB at 500 listeners, media alone 10.5 to 8.6 KB at 2000.
- 10 000 listeners. Up to commit `7774a02` their joins took longer than the row's limit: a process of the client that only listens waited half a second in each window of joins for speech that nobody spoke yet, and all sockets were read each millisecond. Mended: 10 000 are in
  after 33 s, 18 000 after 79 s. On two cores with the client's two processes the server has to go before them (nice -10 in these rows): one run each beside other work, 10 000 packed by 3 had 100 % at 0.78 of a core, 18 000 packed by 6 100 % at 0.88; where a third program took half a core,
  10 000 had 54 to 89 % within the window. What the media worker itself took was read from ticks of 10 ms up to commit `c961443`, and told too low by up to a half where speech beats with them;
  the share of a core of the whole server, in the table below, is from its clock and holds: no media worker had more.
- A join in Chromium. Up to commit `f1149ee` (p50 55, p95 78 ms) about 10 of some 60 ms were the request to the server; the rest was the browser's: transport and transceivers 12, offer 3, descriptions 12, a `replaceTrack` that changed nothing 8, and turns of its loops between
  them. Since then that `replaceTrack` is left out, and `prepare()` makes transport, transceivers and offer while the door is shown, so that the local description is set beside the request. In turns beside other work (load 3 to 22), three runs of 60 joins each, p50/p95: the library before 63/158,
  48/129 and 61/265 ms, now without `prepare()` 46/108, 44/106 and 62/238, with it 27/70, 23/124 and 32/122. `join_bare_ms` are the browser's steps on the connection alone, nothing prepared, in the same run."""


def chart_files(report):
    out = {}
    pairs = [(row, i) for i, server in enumerate(("voiceroomd", "janus-tuned", "janus-default")) for row in [find(report, "1x200", server)] if row]
    if len(pairs) > 1:
        items = [(row["server"], row["cpu_us_per_packet"], *row["spread"]["cpu_us_per_packet"], i) for row, i in pairs]
        floor = pairs[0][0]
        items.insert(0, ("floor: plain sendmmsg", floor["floor_us"], *floor["spread"]["floor_us"], 5))
        out["servers"] = charts.bars("1 speaker, 200 listeners: CPU for a forwarded packet", "µs, all threads, kernel included" + ("; line: spread of the repeats" if floor.get("repeats", 1) > 1 else ""), items)
    series = []
    for server in ("voiceroomd", "janus-tuned", "janus-default"):
        for speakers in (1, 3):
            found = model.plain(report["rows"], server, speakers)
            if len(found) > 1:
                series.append(("%s, %d" % (server, speakers), [(n, row["cpu_us_per_packet"]) for n, row in found], False))
    ours = model.plain(report["rows"], "voiceroomd", 1)
    if len(ours) > 1:
        series.append(("floor", [(n, row["floor_us"]) for n, row in ours], True))
        out["packet-by-listeners"] = charts.lines("CPU for a forwarded packet as rooms grow (server, speakers)", "listeners", "µs a packet", series, log_x=True, log_y=True)
    levers = [(name, find(report, name)) for name in ("1x500", "1x500-pack3", "1x500-pack6", "3x500", "3x500-gso")]
    items = [(name, row["cpu_us_per_listener_second"], *row["spread"]["cpu_us_per_listener_second"], 0 if i < 3 else 2) for i, (name, row) in enumerate(levers) if row]
    if len(items) > 2:
        out["levers"] = charts.bars("The levers: CPU for a listener", "µs in each second", items)
    for kind, title, along in (("by listeners", "as rooms grow", "listeners"), ("by rooms of 10", "as rooms of 10 become more", "rooms"),
                               ("by nodes", "as one room of 500 is spread over nodes", "nodes")):
        for what, head, unit in (("CPU", "CPU", "% of a core"), ("memory", "Memory", "KB")):
            lines = [(name.split(": ")[1], fit["points"], False) for name, fit in report["growth"].items() if name.startswith("%s %s: " % (what, kind))]
            if lines:
                log = along == "listeners"
                out["growth-%s-%s" % (what.lower(), kind.replace(" ", "-"))] = charts.lines("%s %s" % (head, title), along, unit, lines[:6], log_x=log, log_y=log)
    ways = {}
    for line in report["paper"]["table"]:
        ways.setdefault(line["way"], []).append((line["listeners"], max(line["cores"], 0.001)))
    if ways:
        out["paper"] = charts.lines("On paper: cores for one room", "listeners", "cores", [(way, points, True) for way, points in ways.items()], log_x=True, log_y=True)
    return out


def write(report, docs):
    folder = docs / "benchmarks"
    folder.mkdir(exist_ok=True)
    drawn = chart_files(report)
    for old in folder.glob("*.svg"):
        if old.stem not in drawn:
            old.unlink()
    for name, picture in drawn.items():
        (folder / (name + ".svg")).write_text(picture, encoding="utf-8")

    def picture(name, words):
        return ["![%s](benchmarks/%s.svg)" % (words, name), ""] if name in drawn else []
    load = [r for r in report["rows"] if not r["row"].startswith(("seed-", "joins-", "idle-", "mouth", "actor", "durable", "kept"))]
    joins = [r for r in report["rows"] if r.get("join_cpu_us") is not None and not r["row"].startswith("seed-")]
    lines = ["# Benchmarks", "",
             "Made by `%s` on %s, commit `%s`; %s. This page is written by the bench; `bench/README.md` says how to run it and how a server is added to it." % (
                 report["command"], report["made"], report["commit"], how_often(report)), "",
             "Machine: %d × %s, %d GB, Linux %s, %s; Janus %s." % (report["cores"], report["cpu"], report["memory_gb"], report["kernel"], report["system"], report["janus"] or "not installed"), "",
             "## Side by side", "", *picture("servers", "CPU of a packet, by server"), *picture("packet-by-listeners", "CPU of a packet by listeners"),
             "## Figures to reach", "", *figures(report), "", WAY, "",
             "## Speech", "", *table(load, COLUMNS), "", *picture("levers", "CPU of a listener with each lever"), *gso(report), *beyond_slots(report),
             "## The first scenarios, with their targets", "", *seeds(report), "",
             "## Joins", "", "In rows where somebody talks the CPU of a join holds the speech forwarded meanwhile, and first audio waits for a pause to end; `joins-` rows are quiet or without pauses.", "",
             *table([r for r in joins if r.get("available")], JOIN_COLUMNS), "", *resumes(report)]
    extra = others(report)
    lines += ["## Beside speech", "", *extra, ""] if extra else []
    lines += ["## Growth", "", *growth(report), ""]
    for name in drawn:
        if name.startswith("growth-"):
            lines += picture(name, name.replace("-", " "))
    if report["paper"]["table"]:
        lines += ["## On paper: up to a million listeners", "", *paper(report), "", *picture("paper", "cores on paper"), assumptions(report), ""]
    lines += ["## How it is measured", "", METHOD % repeats_told(report), ""]
    (docs / "benchmarks.md").write_text("\n".join(lines), encoding="utf-8")
