import { performance } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "@prometheus-io/client";
import { readGauge } from "./read-gauge.ts";

/**
 * What the process takes, under the names that Prometheus knows. The client's own collection of these starts timers and
 * observers of garbage collection that nothing ends; these cost nothing until they are read.
 */
export function processMetrics(registry: Registry, version: string): void {
  const registers = [registry];
  new Gauge({
    name: "lockkeeper_build_info",
    help: "Always 1; which Lockkeeper runs on which Node.js.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  new Gauge({
    name: "process_start_time_seconds",
    help: "When the process began, seconds since the epoch.",
    registers,
  }).set(performance.timeOrigin / 1000);
  readGauge(registry, "process_resident_memory_bytes", "Memory that the process has resident.", () =>
    process.memoryUsage.rss(),
  );
  let spent = 0;
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system time that the process has spent.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system) / 1e6 - spent);
      spent = (user + system) / 1e6;
    },
  });
  let before = performance.eventLoopUtilization();
  new Gauge({
    name: "nodejs_eventloop_utilization",
    help: "Share of the time since this was read last in which the event loop was busy, 0 to 1.",
    registers,
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    },
  });
}
