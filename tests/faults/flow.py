"""A flow of searches through workers that are kept up, as a supervisor does, and how far behind it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from schemas.fault_point import VARIABLE
from tests.support.worker import Stack, until

TOPIC = "searches"
SUPERVISE_SECONDS = 0.2
UNKNOWN = 1 << 60
Process = subprocess.Popen[bytes]


class Flow:
    """Workers, and a producer of `rate` searches a second, on a stack with topics of its own.

    Whoever ends by itself is started again; `exits` has the status of each that did so and was not killed.
    """

    def __init__(self, stack: Stack, rate: int, *, poison: int = 0) -> None:
        self.stack, self.rate, self.poison = stack, rate, poison
        self.exits: list[int] = []
        self.reports: list[dict[str, Any]] = []
        self._workers: dict[int, Process] = {}
        self._expected: set[int] = set()
        self._traffic: tuple[Process, Path] | None = None
        self._runs = int(time.time()) & 0xFFFFFF
        self._over = threading.Event()
        self._lock = threading.Lock()
        # It joins no group, and asks what the workers' has committed.
        self._reader = Consumer(
            {"bootstrap.servers": stack.kafka, "group.id": stack.settings().group, "log_level": 0}
        )
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    # -- workers -------------------------------------------------------------------------------------

    @property
    def workers(self) -> list[Process]:
        """Those that run."""
        with self._lock:
            return [worker for worker in self._workers.values() if worker.poll() is None]

    def start(self, point: str = "") -> Process:
        """Start one more worker; `point` is where it kills itself."""
        with self._lock:
            worker = self.stack.spawn_worker(**({VARIABLE: point} if point else {}))
            self._workers[worker.pid] = worker
            if point:
                self._expected.add(worker.pid)
        return worker

    def ready(self, count: int) -> None:
        """Wait until so many workers have their partitions."""

        def enough() -> bool:
            pids = {worker.pid for worker in self.workers}
            ready = [sign for sign in self._signs() if sign["pid"] in pids and sign["ready"]]
            return len(ready) >= count

        until(enough, f"{count} workers are ready", 90)

    def kill(self, worker: Process, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends a worker; the supervisor starts another."""
        self._expected.add(worker.pid)
        worker.send_signal(number)

    def retire(self, worker: Process) -> None:
        """Ask a worker to end, and start no other for it."""
        with self._lock:
            self._workers.pop(worker.pid, None)
        worker.terminate()

    def memory(self) -> float:
        """MiB of resident memory of the largest worker."""
        sizes = []
        for worker in self.workers:
            try:
                sizes.append(psutil.Process(worker.pid).memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                continue
        return max(sizes, default=0.0)

    def _signs(self) -> list[dict[str, Any]]:
        try:
            return self.stack.signs()
        except (OSError, ValueError):
            # One ended, and took its sign away.
            return []

    def _supervise(self) -> None:
        while not self._over.wait(SUPERVISE_SECONDS):
            with self._lock:
                ended = [worker for worker in self._workers.values() if worker.poll() is not None]
                for worker in ended:
                    del self._workers[worker.pid]
                    if worker.pid not in self._expected:
                        self.exits.append(int(worker.returncode or 0))
            for _ in ended:
                if not self._over.is_set():
                    self.start()

    # -- traffic -------------------------------------------------------------------------------------

    def begin(self, seconds: float = 3600.0) -> None:
        """Let searches come."""
        self._runs += 1
        report = self.stack.home / f"traffic-{self._runs}.json"
        command = [sys.executable, "-m", "tests.faults.traffic", "--kafka", self.stack.kafka]
        command += ["--topic", f"{self.stack.prefix}{TOPIC}", "--run", str(self._runs)]
        command += ["--rate", str(self.rate), "--seconds", str(seconds), "--poison", str(self.poison)]
        process = subprocess.Popen([*command, "--report", str(report)], stdin=subprocess.PIPE)
        self._traffic = (process, report)

    def end(self, seconds: float = 120.0) -> None:
        """Let no more come, and wait until the broker has acknowledged what came."""
        if self._traffic is None:
            return
        process, report = self._traffic
        if process.stdin is not None:
            process.stdin.close()
        if process.wait(seconds) != 0:
            raise AssertionError(f"the producer ended with {process.returncode}")
        self.reports.append(json.loads(report.read_text()))
        self._traffic = None

    # -- lag -----------------------------------------------------------------------------------------

    @retry(retry=retry_if_exception_type(KafkaException), stop=stop_after_delay(60), wait=wait_fixed(0.2))
    def ends(self) -> dict[int, int]:
        """The end of each partition; waits for leaders to be elected."""
        return {
            tp.partition: self._reader.get_watermark_offsets(tp, timeout=5)[1] for tp in self._partitions()
        }

    def committed(self) -> dict[int, int]:
        """What is stored of each partition: the offset that the group has committed."""
        found = self._reader.committed(self._partitions(), timeout=5)
        return {tp.partition: max(0, int(tp.offset)) for tp in found}

    def _partitions(self) -> list[TopicPartition]:
        name = self.stack.prefix + TOPIC
        found = self._reader.list_topics(name, timeout=5).topics[name]
        return [TopicPartition(name, number) for number in found.partitions]

    def lag(self) -> int:
        """How many searches are not stored; very many where Kafka does not tell."""
        try:
            committed, ends = self.committed(), self.ends()
        except KafkaException:
            return UNKNOWN
        return sum(max(0, end - committed.get(number, 0)) for number, end in ends.items())

    def steady(self, seconds: float = 180.0) -> None:
        """Wait until no more than what comes in two seconds is waiting."""
        until(lambda: self.lag() <= 2 * self.rate, "the lag is small", seconds)

    def usual(self, seconds: float = 3.0) -> int:
        """The most that waits within some seconds, and never less than what comes in two.

        Where brokers, engine and workers share too few cores, more than that waits all the time.
        """
        highest = 2 * self.rate
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            lag = self.lag()
            if lag < UNKNOWN:
                highest = max(highest, lag)
            time.sleep(0.1)
        return highest

    def recovery(self, strike: Callable[[], Any], seconds: float = 600.0, usual: int = 0) -> float:
        """Strike, and return the seconds until all that was there is stored and no more than usual waits.

        `usual` is what waits without the fault; it is measured before the strike where it is not given.
        """
        usual = usual or self.usual()
        before = self.ends()
        strike()
        began = time.monotonic()

        def well() -> bool:
            try:
                committed = self.committed()
            except KafkaException:
                return False
            return all(committed.get(number, 0) >= end for number, end in before.items()) and (
                self.lag() <= usual
            )

        until(well, "what came before the fault is stored", seconds)
        return time.monotonic() - began

    def drain(self, seconds: float = 300.0) -> None:
        """End the traffic, and wait until all of it is stored."""
        self.end()
        until(lambda: self.lag() == 0, "all is stored", seconds)

    def close(self) -> None:
        """End workers and traffic, whatever they are at."""
        self._over.set()
        self._supervisor.join(10)
        if self._traffic is not None:
            self._traffic[0].kill()
            self._traffic[0].wait()
        self.stack.stop_workers()
