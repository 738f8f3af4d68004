#!/usr/bin/python3
"""What goes over the loopback interface from and to a media port, judged as it was on the wire.

    sniff.py PORT

Listens from its line "listening" on until its input ends, then says one line of JSON: for each flow of RTP (direction, client,
SSRC) its packets, the longest time without one in ms, what is missing in its sequence, and `reused`: an index that two different
packets had, which would give their contents away. The same for SRTCP by its own index. Needs root.
"""
import json
import select
import socket
import struct
import sys
import time

PORT = int(sys.argv[1])
OUTGOING = 4  # linux/if_packet.h: on the loopback interface each packet is seen twice


def udp(frame):
    """(source port, destination port, payload) of UDP over IPv4 or IPv6; else None."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 17:
        at = 14 + (frame[14] & 15) * 4
    elif kind == b"\x86\xdd" and frame[20] == 17:
        at = 54
    else:
        return None
    source, target = struct.unpack(">HH", frame[at:at + 4])
    return source, target, frame[at + 8:]


class Flow:
    def __init__(self):
        self.first = self.last = self.high = None
        self.packets = self.again = self.reused = 0
        self.longest = 0.0
        self.longest_at = 0.0
        self.seen = {}

    def take(self, index, data, now):
        kept = hash(data)
        if index in self.seen:
            if self.seen[index] == kept:
                self.again += 1  # the very same packet once more tells nobody anything
            else:
                self.reused += 1
            return
        self.seen[index] = kept
        self.packets += 1
        if self.last is not None and now - self.last > self.longest:
            self.longest, self.longest_at = now - self.last, now
        self.last = now
        self.first = index if self.first is None else min(self.first, index)
        self.high = index if self.high is None else max(self.high, index)

    def tell(self, of):
        return {"way": of[0], "client": of[1], "ssrc": of[2], "kind": of[3], "packets": self.packets, "longest_ms": round(self.longest * 1000, 1),
                "longest_at": round(self.longest_at, 3), "missing": self.high - self.first + 1 - self.packets, "again": self.again, "reused": self.reused}


def extended(flow, number):
    """The sequence number with its rollovers, next to the highest seen."""
    if flow.high is None:
        return number + 65536
    base = flow.high - (flow.high & 65535) + number
    return min((base - 65536, base, base + 65536), key=lambda i: abs(i - flow.high))


def main():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
    sock.bind(("lo", 0))
    sock.setblocking(False)
    flows = {}
    print("listening", flush=True)
    while True:
        ready = select.select([sock, sys.stdin], [], [])[0]
        try:
            while sock in ready:
                frame, (_, _, kind, _, _) = sock.recvfrom(4096)
                packet = udp(frame) if kind == OUTGOING else None
                if packet is None or PORT not in packet[:2]:
                    continue
                source, target, data = packet
                if len(data) < 12 or not 128 <= data[0] < 192:
                    continue
                way, client = ("down", target) if source == PORT else ("up", source)
                rtcp = 192 <= data[1] <= 223
                ssrc = struct.unpack(">I", data[4:8] if rtcp else data[8:12])[0]
                of = (way, client, ssrc, "rtcp" if rtcp else "rtp")
                flow = flows.setdefault(of, Flow())
                if rtcp:  # AES-GCM: the index are the last four bytes
                    index = struct.unpack(">I", data[-4:])[0] & 0x7fffffff
                else:
                    index = extended(flow, struct.unpack(">H", data[2:4])[0])
                flow.take(index, data, time.time())
        except BlockingIOError:
            pass
        if sys.stdin in ready and sys.stdin.readline() == "":
            break
    _, drops = struct.unpack("II", sock.getsockopt(263, 6, 8))  # PACKET_STATISTICS
    print(json.dumps({"flows": [flow.tell(of) for of, flow in flows.items()], "drops": drops}))


main()
