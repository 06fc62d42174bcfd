import { Counter, Gauge, Histogram, type Registry } from "@prometheus-io/client";
import type { CommittedBatch } from "../audit/group-commit.ts";
import type { Journal } from "../audit/journal.ts";
import type { MemoryAge } from "../audit/outside/lane.ts";
import type { Clock } from "../clock.ts";
import { readGauge } from "./read-gauge.ts";

/** What is asked when the metrics are read, and not before. */
export interface AuditSources {
  readonly journal: Pick<Journal, "healthy" | "waiting" | "head" | "unsettled">;
  readonly clock: Pick<Clock, "now">;
  /** Operations that may wait for the store. */
  readonly maxQueue: number;
  outside(): readonly Pick<MemoryAge, "name" | "lastSize" | "ageMs" | "failing">[];
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Measures the audit log. */
export function auditMetrics(registry: Registry) {
  const registers = [registry];
  const duration = new Histogram({
    name: "lockkeeper_audit_commit_duration_seconds",
    help: "Time in which the log's store made a batch durable.",
    buckets: SECONDS,
    registers,
  });
  const size = new Histogram({
    name: "lockkeeper_audit_batch_operations",
    help: "Records and other writes that shared a commit.",
    buckets: SIZES,
    registers,
  });
  const failures = new Counter({
    name: "lockkeeper_audit_commit_failures_total",
    help: "Commits of the log that failed, or of which it is not known.",
    registers,
  });
  const poison = new Gauge({
    name: "lockkeeper_audit_poisoned",
    help: "1 when this instance has found the log to be another than it was, and takes no changes until it is started anew.",
    registers,
  });
  const holdsLease = new Gauge({
    name: "lockkeeper_reconciler_active",
    help: "1 when this instance made the last pass over changes of unknown outcome, 0 when it was another's to make.",
    registers,
  });

  return {
    committed({ operations, seconds, ok, poisoned }: CommittedBatch): void {
      duration.observe(seconds);
      if (operations > 0) size.observe(operations);
      if (!ok) failures.inc();
      if (poisoned) poison.set(1);
    },
    passed(held: boolean): void {
      holdsLease.set(held ? 1 : 0);
    },
    /** Shows what can be asked of an open log. To be called once. */
    watch: (sources: AuditSources) => watch(registry, sources),
  };
}

function watch(registry: Registry, { journal, clock, maxQueue, outside }: AuditSources): void {
  const registers = [registry];
  readGauge(registry, "lockkeeper_audit_healthy", "1 when the log takes records, 0 when nothing can be changed.", () =>
    journal.healthy() ? 1 : 0,
  );
  readGauge(registry, "lockkeeper_audit_queue_length", "Operations that wait for the log's store.", () =>
    journal.waiting(),
  );
  readGauge(registry, "lockkeeper_audit_queue_limit", "Operations that may wait; beyond them 503.", () => maxQueue);
  asked(registry, "lockkeeper_audit_log_size", "Records in the log, by its newest signed head.", async () => {
    return (await journal.head())?.size ?? 0;
  });
  asked(
    registry,
    "lockkeeper_audit_unsettled_changes",
    "Changes in the log whose deadline has passed and whose end is not known.",
    () => journal.unsettled(clock.now()),
  );
  const memories = {
    age: new Gauge({
      name: "lockkeeper_outside_checkpoint_age_seconds",
      help: "Time for which the oldest head of the log has waited that this memory does not know; 0 when it has the newest.",
      labelNames: ["memory"],
      registers,
      collect() {
        for (const { name, lastSize, ageMs, failing } of outside()) {
          // Its first word says of which kind it is; what follows names a host or a path.
          const memory = name.split(" ", 1)[0] ?? "";
          this.set({ memory }, ageMs / 1000);
          memories.failing.set({ memory }, failing ? 1 : 0);
          if (lastSize !== undefined) memories.size.set({ memory }, lastSize);
        }
      },
    }),
    size: new Gauge({
      name: "lockkeeper_outside_checkpoint_size",
      help: "Records in the newest head that this memory was given since the start.",
      labelNames: ["memory"],
      registers,
    }),
    failing: new Gauge({
      name: "lockkeeper_outside_checkpoint_failing",
      help: "1 when the last try to give this memory a head has failed.",
      labelNames: ["memory"],
      registers,
    }),
  };
}

/** For how long an answer of the store is good for readers of metrics: however many they are, it is asked this often. */
const GOOD_FOR_MS = 5_000;

/** A gauge that asks the store. When the store does not answer, there is no sample: an old one would be a lie. */
function asked(registry: Registry, name: string, help: string, ask: () => Promise<number>): void {
  let until = 0;
  let answer: Promise<number> = Promise.resolve(0);
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      const now = performance.now();
      if (now >= until) {
        until = now + GOOD_FOR_MS;
        answer = ask();
      }
      try {
        this.set(await answer);
      } catch {
        this.remove();
      }
    },
  });
}
