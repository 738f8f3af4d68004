#!/usr/bin/python3
"""A WebRTC client that is not ours: joins by a WHIP-shaped POST, plays a tone, listens for another.

    aiortc_client.py URL TOKEN ROOM TONE_HZ LISTEN_HZ

Prints one JSON line per event: {"joined": ms}, {"connected": ms}, {"first_frame": ms}, and {"heard_db": loudness of
LISTEN_HZ against the whole} whenever it was never so loud. Stays until its stdin ends, then says how many frames it got,
leaves by DELETE and prints {"left": status}.
"""
import asyncio
import fractions
import json
import math
import sys
import time
import urllib.request

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

RATE = 48000
FRAME = 960


def say(**what):
    print(json.dumps(what), flush=True)


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, frequency):
        super().__init__()
        self.frequency, self.sample, self.start = frequency, 0, time.monotonic()

    async def recv(self):
        wait = self.start + self.sample / RATE - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        step = 2 * math.pi * self.frequency / RATE
        data = b"".join(int(12000 * math.sin(step * (self.sample + i))).to_bytes(2, "little", signed=True)
                        for i in range(FRAME))
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(data)
        frame.pts, frame.sample_rate, frame.time_base = self.sample, RATE, fractions.Fraction(1, RATE)
        self.sample += FRAME
        return frame


def goertzel(samples, frequency):
    """Power of one frequency against the power of everything, in dB."""
    coefficient = 2 * math.cos(2 * math.pi * frequency / RATE)
    a = b = total = 0.0
    for x in samples:
        a, b = x + coefficient * a - b, a
        total += x * x
    power = (a * a + b * b - coefficient * a * b) / max(len(samples), 1)
    return 10 * math.log10(max(power, 1e-9) / max(total / 2, 1e-9)) if total > len(samples) else -200.0


class Ear:
    def __init__(self, frequency, start):
        self.frequency, self.start, self.frames, self.best = frequency, start, 0, -200.0
        self.window = []

    async def listen(self, track):
        while True:
            try:
                frame = await track.recv()
            except Exception:
                return
            if self.frames == 0:
                say(first_frame=round(1000 * (time.monotonic() - self.start)))
            self.frames += 1
            raw = bytes(frame.planes[0])
            channels = len(frame.layout.channels)
            step = 2 * channels
            self.window += [int.from_bytes(raw[i:i + 2], "little", signed=True)
                            for i in range(0, frame.samples * step, step)]
            if len(self.window) >= RATE // 5:
                loud = goertzel(self.window, self.frequency)
                self.window = []
                if loud > self.best:
                    self.best = loud
                    say(heard_db=round(loud, 1))


def request(method, url, token, body=None):
    head = {"Authorization": "Bearer " + token}
    if body is not None:
        head["Content-Type"] = "application/sdp"
    with urllib.request.urlopen(urllib.request.Request(url, body, head, method=method), timeout=30) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def main():
    url, token, room, tone, listen = sys.argv[1:6]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    start = time.monotonic()
    ear = Ear(float(listen), start)
    connection.on("track", lambda track: asyncio.ensure_future(ear.listen(track)))

    @connection.on("connectionstatechange")
    def changed():
        say(**{connection.connectionState: round(1000 * (time.monotonic() - start))})

    connection.addTransceiver(Tone(float(tone)), direction="sendonly")
    for _ in range(4):
        connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    loop = asyncio.get_event_loop()
    start = ear.start = time.monotonic()
    _, headers, answer = await loop.run_in_executor(
        None, request, "POST", f"{url}/v1/rooms/{room}/join", token, connection.localDescription.sdp.encode())
    say(joined=round(1000 * (time.monotonic() - start)))
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await loop.run_in_executor(None, sys.stdin.read)
    say(frames=ear.frames)
    status, _, _ = await loop.run_in_executor(None, request, "DELETE", url + headers["Location"], token)
    say(left=status)
    await connection.close()


asyncio.run(main())
