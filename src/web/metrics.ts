/** Numbers for Prometheus. One registry per process, made by whoever needs one: tests run several. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export type Metrics = {
  registry: Registry
  /** @param outcome `done` was handled, `failed` will be delivered again, `refused` did not come from who it says. */
  webhook(source: WebhookSource, outcome: 'done' | 'failed' | 'refused', seconds: number): void
  /** An update that came some other way than by webhook. */
  update(messenger: string, outcome: 'done' | 'failed', seconds: number): void
}

export type WebhookSource = 'telegram' | 'yookassa' | 'cdek'

/** What the newest comparisons of money found: by provider and how many days they looked back. */
export type FoundDifferences = () => Promise<{ provider: string; days: number; count: number }[]>

/** @param differences asked at every scrape; without it there is no such number. */
export function createMetrics(differences?: FoundDifferences): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const buckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10]
  const webhooks = new Counter({
    name: 'vmeste_webhooks_total',
    help: 'Webhook requests by source and outcome',
    labelNames: ['source', 'outcome'],
    registers: [registry],
  })
  const webhookSeconds = new Histogram({
    name: 'vmeste_webhook_seconds',
    help: 'Seconds from a webhook request to its answer',
    labelNames: ['source'],
    buckets,
    registers: [registry],
  })
  const updates = new Counter({
    name: 'vmeste_updates_total',
    help: 'Messenger updates handled, by messenger and outcome',
    labelNames: ['messenger', 'outcome'],
    registers: [registry],
  })
  const updateSeconds = new Histogram({
    name: 'vmeste_update_seconds',
    help: 'Seconds to handle a messenger update, waiting for the same person included',
    labelNames: ['messenger'],
    buckets,
    registers: [registry],
  })
  if (differences) {
    const gauge = new Gauge({
      name: 'vmeste_reconciliation_differences',
      help: 'Differences between our books and the provider, in the newest comparison',
      labelNames: ['provider', 'days'],
      registers: [registry],
      async collect() {
        const found = await differences().catch(() => undefined)
        // A number that cannot be read is missing, and takes no other with it.
        gauge.reset()
        for (const { provider, days, count } of found ?? []) gauge.set({ provider, days: String(days) }, count)
      },
    })
  }
  return {
    registry,
    webhook(source, outcome, seconds) {
      webhooks.inc({ source, outcome })
      webhookSeconds.observe({ source }, seconds)
    },
    update(messenger, outcome, seconds) {
      updates.inc({ messenger, outcome })
      updateSeconds.observe({ messenger }, seconds)
    },
  }
}
