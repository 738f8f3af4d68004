"""Goal: the page says what was measured and how often, and nothing more; the paper model stands on rows that a node could run.

    python3 bench/lib/bench_test.py
"""
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import model  # noqa: E402
import page  # noqa: E402
import report  # noqa: E402
import rows as table  # noqa: E402
import servers  # noqa: E402


def row(name, server="voiceroomd", **more):
    fields = {"row": name, "server": server, "available": True, "repeats": 3, "rooms": 1, "speakers": 1, "listeners": 500, "failed": 0,
              "cpu_us_per_packet": 6.0, "floor_us": 5.0, "ratio": 1.2, "cpu_us_per_listener_second": 250.0, "cpu_share": 0.13,
              "delivered": 1.0, "delay_p99_ms": 1.0, "rss_kb": 40000, "packets_per_listener_s": 42.0, "packets_per_s": 21000.0, "bytes_per_packet": 110.0,
              "spread": {"cpu_us_per_packet": [5.0, 7.0], "floor_us": [4.0, 6.0], "cpu_us_per_listener_second": [240.0, 260.0]}}
    return {**fields, **more}


def made(rows, **more):
    return {"made": "2026-01-01 00:00 UTC", "command": "make bench-full", "commit": "abc", "cores": 2, "cpu": "a", "memory_gb": 1, "kernel": "k",
            "system": "s", "janus": "", "rows": rows, "growth": model.growth(rows), "paper": model.paper(rows), **more}


class Written(unittest.TestCase):
    def write(self, rows, **more):
        with tempfile.TemporaryDirectory() as folder:
            page.write(made(rows, **more), pathlib.Path(folder))
            self.drawn = {path.stem for path in pathlib.Path(folder, "benchmarks").glob("*.svg")}
            return pathlib.Path(folder, "benchmarks.md").read_text(encoding="utf-8")

    def line(self, text, words):
        return next(line for line in text.splitlines() if words in line)

    def test_one_run_of_each_row_is_no_median(self):
        text = self.write([row("1x500", repeats=1), row("1x200", repeats=1)])
        self.assertIn("each row was run once", text)
        self.assertNotIn("Shown is the median", text)
        self.assertNotIn("brackets", text)

    def test_several_runs_are(self):
        text = self.write([row("1x500"), row("seed-50-users", repeats=1, answer_ms_p95=1.0, up_ms_p95=1.0)])
        self.assertIn("medians of up to 3 runs of a row; 1 of 2 rows were run once", text)
        self.assertIn("in brackets the lowest and highest", text)

    def test_growth_by_rooms_and_nodes_is_drawn_cpu_and_memory(self):
        text = self.write([row("%dr1x9" % n, cpu_share=n / 100, rss_kb=30000 + n) for n in (10, 50, 100)] +
                          [row("1x500-nodes%d" % n, cpu_share=n / 10, rss_kb=40000 * n) for n in (1, 2, 3)])
        for name in ("cpu-by-rooms-of-10", "memory-by-rooms-of-10", "cpu-by-nodes", "memory-by-nodes"):
            self.assertIn("growth-" + name, self.drawn)
            self.assertIn("growth-%s.svg" % name, text)
        self.assertIn("| memory by nodes: voiceroomd | 0 KB | 4e+04 KB | 1.000 |", text)

    def test_two_cores_show_no_throughput_of_two_workers(self):
        text = self.write([row("1x500")])
        self.assertIn("cannot be shown here", self.line(text, "throughput of two media workers"))
        self.assertIn("share 2", text)

    def test_eight_cores_do(self):
        text = self.write([row("1x4000", packets_per_s=100000.0), row("1x8000-workers2", packets_per_s=200000.0, delivered=0.95)], cores=8)
        self.assertIn("| 1.9 | reached |", self.line(text, "throughput of two media workers"))
        self.assertNotIn("cannot be shown", text)

    def test_a_missed_target_of_a_first_scenario_is_told(self):
        seed = {"answer_ms_p95": 20.0, "up_ms_p95": 40.0, "listeners": 47}
        text = self.write([row("seed-50-users", cpu_share=0.0549, **seed), row("seed-10-users", cpu_share=0.024, **seed)])
        told = [line for line in text.splitlines() if line.startswith("| seed-")]
        self.assertTrue(told[0].endswith("| **not reached**: CPU |"), told[0])
        self.assertTrue(told[1].endswith("| reached |"), told[1])

    def test_the_largest_rows_have_figures(self):
        text = self.write([row("1x10000-pack3", media_share=0.87), row("1x18000-pack6", media_share=0.95, delivered=0.99)])
        lines = [line for line in text.splitlines() if "its media worker, % of a core" in line]
        self.assertIn("not measured", lines[0])  # 1x4000
        self.assertIn("| 87 | reached |", lines[1])
        self.assertIn("| 95 | **not reached** |", lines[2])
        self.assertIn("| 99 | **not reached** |", self.line(text, "18 000 packed by 6"))

    def test_hit_rate_of_gso(self):
        text = self.write([row("3x500-gso", gso_share=0.62, packets_per_segmented=2.1), row("3x500", gso_share=0.0),
                           row("3x200-gso", gso_share=0.0, packets_per_segmented=0.0)])
        self.assertIn("`3x500-gso`: 62.0 % of the packets left in segmented datagrams, 2.10 in each", text)
        self.assertIn("`3x200-gso`: 0.0 %", text)
        self.assertNotIn("`3x500`: ", text)

    def test_talkers_beyond_slots(self):
        rows = [row("4x110-steady", speakers=4, listeners=110, packets_per_s=10000.0, cpu_us_per_packet=5.0, cpu_share=0.05),
                row("64x50-steady", speakers=64, listeners=50, packets_per_s=10000.0, cpu_us_per_packet=5.6, cpu_share=0.056, not_chosen_share=0.94, packets_per_listener_s=200.0,
                    speaker_changes_per_s=3.0),
                row("4x500-steady", speakers=4, packets_per_s=100000.0), row("12x500-steady", speakers=12, packets_per_s=100000.0)]
        text = self.write(rows)  # 6000 us beyond 3200 - 200 packets
        self.assertIn("| `64x50-steady` | 64 | 94 | 3.0 | 10000 | 5.60 | 2.00 |", text)
        self.assertIn("within the noise", self.line(text.split("Talkers without a slot")[1], "`12x500-steady`"))
        self.assertNotIn("Talkers without a slot", self.write(rows[1:2]))

    def test_coming_back(self):
        text = self.write([row("resumes-post", join_cpu_us=800.0, resume_cpu_us=600.0, rebind_cpu_us=80.0, answer_ms_p95=9.0, resume_ms_p95=8.0, rebind_ms_p95=2.0)])
        self.assertIn("a resume with an offer (a new transport) 600 µs, 0.75 of a join", text)


class Paper(unittest.TestCase):
    def test_a_row_at_the_end_of_its_core_is_no_model(self):
        rows = [row("1x500", cpu_us_per_listener_second=270.0), row("1x2000", cpu_us_per_listener_second=260.0, cpu_share=0.52),
                row("1x4000", cpu_us_per_listener_second=230.0, cpu_share=0.93), row("1x4000-pack3", delay_p99_ms=66.0, cpu_share=0.42),
                row("1x10000-pack3", delay_p99_ms=66.0, cpu_share=1.09)]
        found = model.ways(rows)
        self.assertEqual(found["20 ms packets"]["row"], "1x2000")
        self.assertEqual(found["packed by 3"]["row"], "1x4000-pack3")

    def test_nor_is_one_that_is_late(self):
        rows = [row("1x2000"), row("1x4000", delay_p99_ms=406.0, cpu_share=0.7)]
        self.assertEqual(model.ways(rows)["20 ms packets"]["row"], "1x2000")
        self.assertIn("Not on the sheet, for want of such a row: packed by 3, packed by 6.", page.assumptions(made(rows)))


class Runs(unittest.TestCase):
    def test_failed_runs_are_made_again_others_not(self):
        lines = [json.dumps({"row": name, "server": "voiceroomd", "repeat": 0, "commit": commit, **more}) for name, commit, more in (
            ("a", "now", {"result": {}}), ("b", "now", {"why": "failed: no end"}), ("c", "now", {"why": "no setting"}), ("d", "before", {"result": {}}))]
        self.assertEqual({key[0] for key in report.kept_runs(lines, "now")}, {"a", "c"})

    def test_a_dirty_state_has_its_own_name(self):
        names = {servers.state_name("abc", diff) for diff in ("", "one", "two")}
        self.assertEqual(len(names), 3)
        self.assertIn("abc", names)

    def test_what_to_type(self):
        self.assertEqual(report.command(["full"]), "make bench-full")
        self.assertEqual(report.command(["full", "--repeats", "1"]), "bench/run full --repeats 1")

    def test_rows_have_one_name_each(self):
        keys = [each.key for each in table.full()]
        self.assertEqual(len(keys), len(set(keys)))


if __name__ == "__main__":
    done = unittest.main(exit=False).result
    bad = len(done.failures) + len(done.errors)
    print("%d passed, %d failed" % (done.testsRun - bad, bad))
    sys.exit(1 if bad else 0)
