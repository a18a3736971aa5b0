/** Numbers for Prometheus. One registry per process, made by whoever needs one: tests run several. */
import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export type Metrics = {
  registry: Registry
  /** @param outcome `done` was handled, `failed` will be delivered again, `refused` did not come from who it says. */
  webhook(source: WebhookSource, outcome: 'done' | 'failed' | 'refused', seconds: number): void
  /** An update that came some other way than by webhook. */
  update(messenger: string, outcome: 'done' | 'failed', seconds: number): void
}

export type WebhookSource = 'telegram' | 'yookassa' | 'cdek'

export function createMetrics(): Metrics {
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
