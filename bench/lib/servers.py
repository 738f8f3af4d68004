"""The servers that the bench starts: voiceroomd, and Janus in its shapes. Each row gets a fresh process.

A server is started by `start()`, ended by `stop()`, and says what voiceroom-bench needs to reach it: `args`.
To add one (mediasoup, LiveKit): a class like Janus here, a driver in bench/drivers, rows in rows.py.
"""
import ctypes
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Unavailable(Exception):
    """A row cannot be run here; the text says why, and stands in the report."""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def own_address():
    """An address of this machine that is not 127.0.0.1 (libnice gathers none there); speech stays on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def free_port(kind=socket.SOCK_STREAM, address="127.0.0.1"):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def go_before(pid):
    """The server's threads before its client's, where we may. Without: the client starves what it measures."""
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread), -10)
        except OSError:
            return


class Process:
    """A child with its own folder, ended for sure."""

    def __init__(self):
        self.child, self.folder = None, None

    def spawn(self, command, folder_name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=folder_name))
        self.log = open(self.folder / "log", "wb")
        self.child = subprocess.Popen(command(self.folder), stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                                      # What is measured by its number is the node, not a parent above it.
                                      env=dict(os.environ, VOICEROOM_SUPERVISE="false"))

    def wait_for(self, ready, what, seconds=15):
        end = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None or time.monotonic() > end:
                raise RuntimeError("%s does not come up:\n%s" % (what, self.tail()))
            time.sleep(0.02)

    def tail(self):
        text = (self.folder / "log").read_text(errors="replace")
        wrong = [line for line in text.splitlines() if "ERR" in line or "FATAL" in line]
        return "\n".join(wrong[-8:]) or text[-1500:]

    def stop(self):
        if self.child is not None:
            self.child.terminate()
            try:
                self.child.wait(8)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
            self.child = None
        if self.folder is not None:
            self.log.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    @property
    def pid(self):
        return self.child.pid


class Voiceroomd(Process):
    name = "voiceroomd"

    def __init__(self, build, flags=None, tls=False):
        super().__init__()
        self.binary, self.flags, self.tls = build / "nodes" / "voiceroomd", flags or {}, tls
        # A bench asks what the machine can do: no brakes, where this build has them.
        self.brakes = {"joins_per_second_max": 0} if "joins_per_second_max" in self.settings(build) else {}
        self.address = own_address()

    @staticmethod
    def settings(build):
        """Names of the settings that this build knows."""
        text = subprocess.run([build / "nodes" / "voiceroomd", "--help"], capture_output=True, text=True, check=False).stdout
        return re.findall(r"^  ([a-z][a-z0-9_]*) +VOICEROOM_", text, re.M)

    def start(self):
        self.port = free_port()
        self.tls_port = free_port() if self.tls else 0
        # Below the ports that the kernel gives to the clients.
        media = 20000 + os.getpid() % 12000 // 100 * 100 + int(time.monotonic()) % 90
        flags = {"http_address": "127.0.0.1", "http_port": self.port, "https_address": "127.0.0.1", "https_port": self.tls_port,
                 "tls_self_signed": "true" if self.tls else "false",
                 "media_addresses": self.address, "media_port": media, "media_workers": 1, "shard_peers_max": 100000,
                 "capacity_max": 100000, "connections_max": 1000000, "connections_per_address": 1000000,
                 "rate_per_address": 0, "rate_per_identity": 0, "log_level": "warn",
                 "web": ROOT / "web" / "app" / "dist", "docs": ROOT / "docs", **self.brakes, **self.flags}
        self.spawn(lambda folder: [self.binary, "--data", folder / "data"] +
                   [str(word) for name, value in flags.items() for word in ("--" + name.replace("_", "-"), value)],
                   "voiceroom-bench-")
        self.wait_for(self.ready, "voiceroomd")

    def ready(self):
        return answers("http://127.0.0.1:%d/readyz" % self.port)

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.tls_port if self.tls else "http://127.0.0.1:%d" % self.port

    @property
    def key(self):
        return self.folder / "data" / "admin-key.json"

    @property
    def pid(self):
        """The node's, also below a parent."""
        if self.flags.get("supervise") != "true":
            return self.child.pid
        children = pathlib.Path("/proc/%d/task/%d/children" % (self.child.pid, self.child.pid)).read_text().split()
        if len(children) != 1:
            raise RuntimeError("%d processes below the parent" % len(children))
        return int(children[0])

    @property
    def args(self):
        return ["--driver", "voiceroomd", "--url", self.url, "--key", self.key, "--pid", self.pid, "--address", self.address]


class Cluster:
    """Some nodes with one etcd member; members are spread over them, and what they use is added up."""
    name = "voiceroomd"

    def __init__(self, build, nodes, flags):
        self.build, self.count, self.flags = build, nodes, flags
        self.etcd, self.nodes = Process(), []

    def start(self):
        if "cluster_etcd" not in Voiceroomd.settings(self.build):
            raise Unavailable("this build of voiceroomd has no clusters")
        if shutil.which("etcd") is None:
            raise Unavailable("etcd is not installed (tools/setup bench)")
        client, peer = ("http://127.0.0.1:%d" % free_port() for _ in range(2))
        self.etcd.spawn(lambda folder: [
            "etcd", "--name", "bench", "--data-dir", folder / "data", "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", "bench=" + peer, "--logger", "zap"], "voiceroom-etcd-")
        self.etcd.wait_for(lambda: answers(client + "/health"), "etcd")
        secret = self.etcd.folder / "cluster-secret"
        subprocess.run([self.build / "nodes" / "voiceroomd", "--data", self.etcd.folder / "maker", "--cluster-secret", secret],
                       check=True, capture_output=True)
        for index in range(self.count):
            node = Voiceroomd(self.build, {
                **self.flags, "node": "bench-%d" % index, "cluster_etcd": client, "cluster_address": "127.0.0.1",
                "cluster_secret_file": secret, "cluster_port": free_port(), "cluster_speech_port": free_port(socket.SOCK_DGRAM),
                "media_port": 41000 + 100 * index})
            self.nodes.append(node)
            node.start()

    def stop(self):
        for node in reversed(self.nodes):
            node.stop()
        self.etcd.stop()

    @property
    def args(self):
        out = ["--driver", "voiceroomd", "--key", self.nodes[0].key, "--address", self.nodes[0].address]
        for node in self.nodes:
            out += ["--url", node.url, "--pid", node.pid]
        return out


JANUS_PLUGINS = "duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
JANUS_TRANSPORTS = "http mqtt nanomsg rabbitmq websockets"
JANUS_CONF = """general: {
    configs_folder = "%(folder)s"
    plugins_folder = "%(lib)s/plugins"
    transports_folder = "%(lib)s/transports"
    events_folder = "%(lib)s/events"
    loggers_folder = "%(lib)s/loggers"
    debug_level = 4
    session_timeout = 0
%(loops)s}
media: { }
nat: {
    nice_debug = false
    ice_enforce_list = "%(address)s"
}
plugins: { disable = "%(plugins)s" }
transports: { disable = "%(transports)s" }
"""


class Janus(Process):
    """Debian's package; what is not used of it is left out, the rest is as shipped. `loops`: event loops instead of a
    thread for each handle."""

    def __init__(self, name, driver, loops=0):
        super().__init__()
        self.name, self.driver, self.loops = name, driver, loops
        self.address = own_address()

    def start(self):
        found = glob.glob("/usr/lib/*/janus/plugins")
        if shutil.which("janus") is None or not found:
            raise Unavailable("the Debian package janus is not installed (tools/setup bench)")
        if self.address.startswith("127."):
            raise Unavailable("Janus gathers no candidates on 127.0.0.1, and this machine has no other address")
        self.spawn(lambda folder: ["janus", "-F", self.write(folder, pathlib.Path(found[0]).parent), "-o"], "voiceroom-janus-")
        self.wait_for(lambda: (self.folder / "api").exists(), "janus")
        time.sleep(0.3)

    def write(self, folder, lib):
        def names(kind):
            return ",".join("libjanus_%s.so" % name for name in kind.split())
        (folder / "janus.jcfg").write_text(JANUS_CONF % {
            "folder": folder, "lib": lib, "address": self.address, "plugins": names(JANUS_PLUGINS),
            "transports": names(JANUS_TRANSPORTS), "loops": "    event_loops = %d\n" % self.loops if self.loops else ""})
        (folder / "janus.transport.pfunix.jcfg").write_text(
            'general: {\n    enabled = true\n    json = "compact"\n    path = "%s/api"\n}\n' % folder)
        return folder

    @property
    def args(self):
        return ["--driver", self.driver, "--url", self.folder / "api", "--pid", self.pid, "--address", self.address]


def make(name, build, flags=None, tls=False, nodes=0):
    if nodes:
        return Cluster(build, nodes, flags or {})
    if name == "voiceroomd":
        return Voiceroomd(build, flags, tls)
    if name == "janus-default":
        return Janus(name, "videoroom-cm")
    if name == "janus-tuned":
        return Janus(name, "videoroom-gcm", loops=2)
    if name == "audiobridge":
        return Janus(name, "audiobridge")
    raise KeyError(name)


def state_name(commit, diff):
    """The commit; with what has changed since, so that no figure is taken for one of another state."""
    return commit + ("+changes-" + hashlib.sha256(diff.encode()).hexdigest()[:8] if diff else "")


def versions():
    """What the figures belong to."""
    def ask(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=ROOT, check=False).stdout.strip()
        except OSError:
            return ""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {
        "commit": state_name(ask("git", "rev-parse", "--short=12", "HEAD"), ask("git", "diff", "HEAD", "--binary", "--", ":!docs")),
        "cpu": cpu.group(1) if cpu else "unknown", "cores": os.cpu_count(),
        "memory_gb": round(int(memory.group(1)) / 1048576) if memory else 0,
        "kernel": os.uname().release,
        "system": (re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text()) or [0, "unknown"])[1],
        "janus": ask("dpkg-query", "-W", "-f", "${Version}", "janus"),
    }


def write_json(path, value):
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(value, indent=1) + "\n")
    unfinished.replace(path)
