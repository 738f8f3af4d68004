"""From runs to a report: medians and spreads of repeats, fits of growth, and the rows that are not load."""
import json
import re
import shlex
import statistics
import subprocess
import time

import model
import servers

SPREAD = ("cpu_us_per_packet", "floor_us", "ratio", "delay_p99_ms", "rss_kb_per_listener", "join_cpu_us",
          "cpu_us_per_listener_second", "up_ms_p95")


def say(result):
    """A few words for the one who watches."""
    words = []
    if result.get("cpu_us_per_packet"):
        words.append("%.2f us/packet" % result["cpu_us_per_packet"])
    if result.get("ratio"):
        words.append("%.2f x floor %.2f" % (result["ratio"], result["floor_us"]))
    if "delivered" in result:
        words.append("%.3f %% delivered" % (100 * result["delivered"]))
    if result.get("delay_p99_ms"):
        words.append("p99 %.1f ms" % result["delay_p99_ms"])
    if result.get("failed"):
        words.append("%d FAILED" % result["failed"])
    return ", ".join(words) or json.dumps(result)[:160]


# ---- rows that are no load on speech ----

def run_text(command, seconds):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds,
                              cwd=servers.ROOT, preexec_fn=servers.die_with_parent, check=False)
    except FileNotFoundError as error:
        raise servers.Unavailable("%s is not built" % command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise RuntimeError("no end after %d s" % seconds) from error
    if done.returncode != 0:
        raise RuntimeError((done.stderr or done.stdout).strip()[-600:])
    return done.stdout


def actors(bench):
    text = run_text([bench.build / "actors" / "runtime" / "runtime_bench", "1"], 120)
    return {"messages_per_s": {what.strip(): float(n) for what, n in re.findall(r"^(.+?)\s+([0-9.]+) messages/s", text, re.M)}}


def journal(bench):
    text = run_text([bench.build / "store" / "journal_bench", "2", servers.ROOT / "build"], 60)
    found = re.findall(r"^\s*(\d+) submitters:\s+([0-9.]+) commits/s, p50\s+(\d+) us, p99\s+(\d+) us", text, re.M)
    return {"durable": [{"submitters": int(n), "changes_per_s": float(rate), "p50_us": int(p50), "p99_us": int(p99)}
                        for n, rate, p50, p99 in found]}


def keep(bench):
    """What the parent's memory costs: a packet with it and without, both before and after each other, and 5000 peers going on."""
    program = bench.build / "actors" / "media" / "keep_bench"
    forward = {}
    for way in ((), ("keep",), ("keep",), ()):
        text = run_text([program, "forward", 5000, *way], 60)
        forward.setdefault(way, []).append(float(re.search(r": ([0-9.]+) us each", text).group(1)))
    text = run_text([program, "restore", 5000], 60)
    peers, ms, size, gate = re.search(r"of (\d+) peers go on after ([0-9.]+) ms; (\d+) bytes each .* a gate (\d+)", text).groups()
    return {"kept_peers": int(peers), "restore_ms": float(ms), "kept_bytes_per_peer": int(size), "kept_bytes_per_gate": int(gate),
            "kept_context_us": float(re.search(r"comes: ([0-9.]+) us each", text).group(1)),
            "kept_share": round(min(forward[("keep",)]) / min(forward[()]), 4)}


def ear(bench):
    env = ["env", "VOICEROOMD=%s" % (bench.build / "nodes" / "voiceroomd")]
    text = run_text(env + ["node", "bench/ear.mjs"], 80)
    return json.loads(text.strip().splitlines()[-1])


def idle(bench, row):
    server = servers.make("voiceroomd", bench.build, row.flags, row.tls)
    try:
        server.start()
        url = server.url.replace("http", "ws", 1)
        args = ["--url", url, "--key", server.key, "--pid", server.pid]
        return bench.client(row, args, "voiceroom-idle")
    finally:
        server.stop()


def special(row, bench):
    kinds = {"actors": lambda: actors(bench), "journal": lambda: journal(bench), "ear": lambda: ear(bench),
             "keep": lambda: keep(bench),
             "idle": lambda: idle(bench, row)}
    return kinds[row.kind]()


# ---- the report ----

def kept_runs(lines, commit):
    """Runs of an earlier call that need not be made again: of this state of the tree, and not failed."""
    done = {}
    for line in lines:
        run = json.loads(line)
        if run["commit"] == commit and not run.get("why", "").startswith("failed"):
            done[(run["row"], run["server"], run["repeat"])] = run
    return done


def command(argv):
    """What to type to get the same."""
    made = {("quick",): "make bench", ("full",): "make bench-full"}
    return made.get(tuple(argv)) or shlex.join(["bench/run", *argv])


def middle(results):
    """Medians of all numbers; lists and texts as in the first."""
    out = {}
    for name, value in results[0].items():
        numbers = [r[name] for r in results if isinstance(r.get(name), (int, float)) and not isinstance(r.get(name), bool)]
        out[name] = round(statistics.median(numbers), 6) if numbers and isinstance(value, (int, float)) else value
    return out


def summary(runs):
    results = [run["result"] for run in runs if "result" in run]
    head = {"row": runs[0]["row"], "server": runs[0]["server"]}
    if runs[0].get("note"):
        head["note"] = runs[0]["note"]
    if not results:
        return {**head, "available": False, "why": runs[-1].get("why", "")}
    out = {**head, "available": True, "repeats": len(results), **middle(results)}
    out["spread"] = {name: [min(r[name] for r in results), max(r[name] for r in results)]
                     for name in SPREAD if all(isinstance(r.get(name), (int, float)) for r in results)}
    if "delivered" in out:
        out["delivered_worst"] = min(r["delivered"] for r in results)
    broken = [run["why"] for run in runs if "why" in run]
    if broken:
        out["broken_repeats"] = broken
    return out


def build(bench):
    groups = {}
    for run in bench.done.values():
        groups.setdefault((run["row"], run["server"]), []).append(run)
    rows = [summary(sorted(runs, key=lambda run: run["repeat"])) for runs in groups.values()]
    return {
        "made": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "command": command(bench.argv), "argv": bench.argv, "repeats": max((row.get("repeats", 0) for row in rows), default=0),
        **bench.versions, "rows": rows, "growth": model.growth(rows), "paper": model.paper(rows),
    }
