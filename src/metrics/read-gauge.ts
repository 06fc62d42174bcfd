import { Gauge, type Registry } from "@prometheus-io/client";

/** A gauge without labels that is read when the metrics are, and not before. */
export function readGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
