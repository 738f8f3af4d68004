"""Growth, fitted through measured rows; and on that base a paper model. Least squares, nothing more."""
import re

NODE_CORES = 16
NODE_SHARE = 0.7      # of its media cores that a node is filled to
WIRE = 42             # Ethernet, IPv4 and UDP around a datagram
SHARE_MOST = 0.8      # of a core that a row's server may take, to stand for a node filled to NODE_SHARE
DELAY_MOST = {"": 2.0, "pack3": 70.0, "pack6": 130.0}  # ms, p99: packed frames wait for their datagram's others
WAYS = (("20 ms packets", ""), ("packed by 3", "pack3"), ("packed by 6", "pack6"))  # how a listener is served; the row's lever
SIZES = (1000, 10000, 100000, 1000000)


def fit(points):
    """y = base + slope * x; also the share of the variance explained."""
    n = len(points)
    if n < 3:
        return None
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    sxx = sum((x - mx) ** 2 for x, _ in points)
    slope = sum((x - mx) * (y - my) for x, y in points) / sxx
    base = my - slope * mx
    total = sum((y - my) ** 2 for _, y in points)
    rest = sum((y - base - slope * x) ** 2 for x, y in points)
    return {"base": base, "slope": slope, "r2": 1 - rest / total if total else 1.0, "points": points}


def plain(rows, server, speakers, lever=""):
    pattern = re.compile(r"^%dx(\d+)%s$" % (speakers, "-" + lever if lever else ""))
    found = []
    for row in rows:
        match = pattern.match(row["row"])
        if match and row["server"] == server and row.get("available") and row.get("delivered", 0) > 0.99:
            found.append((int(match.group(1)), row))
    return sorted(found, key=lambda pair: pair[0])


def growth(rows):
    """Each fit: what grows, by how much with each one more, from which base."""
    out = {}

    def put(name, points, unit):
        line = fit(points)
        if line:
            out[name] = {**line, "unit": unit}

    for server in ("voiceroomd", "janus-default", "janus-tuned", "audiobridge"):
        for speakers in (1, 3):
            found = plain(rows, server, speakers)
            label = "%s, %d speaker%s" % (server, speakers, "s" if speakers > 1 else "")
            put("CPU by listeners: " + label, [(n, row["cpu_share"] * 100) for n, row in found], "% of a core")
            if speakers == 1:
                put("memory by listeners: " + server, [(n, row["rss_kb"]) for n, row in found], "KB")
    rooms = [(int(m.group(1)), row) for row in rows if (m := re.match(r"^(\d+)r1x9$", row["row"])) and row.get("available")]
    put("CPU by rooms of 10: voiceroomd", sorted((n, row["cpu_share"] * 100) for n, row in rooms), "% of a core")
    put("memory by rooms of 10: voiceroomd", sorted((n, row["rss_kb"]) for n, row in rooms), "KB")
    nodes = [(int(m.group(1)), row) for row in rows if (m := re.match(r"^1x500-nodes(\d+)$", row["row"])) and row.get("available")]
    put("CPU by nodes: voiceroomd", sorted((n, row["cpu_share"] * 100) for n, row in nodes), "% of a core")
    put("memory by nodes: voiceroomd", sorted((n, row["rss_kb"]) for n, row in nodes), "KB")
    return out


def ways(rows):
    """How a listener of one speaker may be served: cost, packets and bytes a second, all measured, in the largest row that
    a node could run as it is: in time, and not at the end of its core (cost falls there: what waits goes out in one batch)."""
    out = {}
    for name, lever in WAYS:
        found = [(n, row) for n, row in plain(rows, "voiceroomd", 1, lever)
                 if row["cpu_share"] <= SHARE_MOST and row.get("delay_p99_ms", 0) <= DELAY_MOST[lever]]
        if found:
            row = found[-1][1]
            out[name] = {"row": row["row"], "us_per_second": row["cpu_us_per_listener_second"],
                         "packets_per_second": row["packets_per_listener_s"], "bytes": row["bytes_per_packet"] + WIRE}
    return out


def paper(rows):
    """Cores, nodes, memory and bandwidth for one room of so many listeners. Numbers on paper: see the page."""
    memory = growth(rows).get("memory by listeners: voiceroomd")
    table = []
    for name, way in ways(rows).items():
        for listeners in SIZES:
            cores = listeners * way["us_per_second"] / 1e6
            nodes = max(1, -(-cores // ((NODE_CORES - 1) * NODE_SHARE)))
            table.append({
                "way": name, "from_row": way["row"], "listeners": listeners, "cores": round(cores, 2), "nodes": int(nodes),
                "gbit_per_s": round(listeners * way["packets_per_second"] * way["bytes"] * 8 / 1e9, 3),
                "memory_gb": round(listeners * memory["slope"] / 1048576, 2) if memory else None,
                "relay_packets_per_s": round(50 * (nodes - 1)),
            })
    return {"node_cores": NODE_CORES, "filled_to": NODE_SHARE, "table": table}
