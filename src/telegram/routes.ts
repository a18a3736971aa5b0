/** Where each kind of update goes: a boundary that nothing escapes, then the kinds, then the step that asked. */
import { Router } from '@grammyjs/router'
import { Composer, type Context, type MiddlewareFn } from 'telegraf'
import type { Front, Step } from '#chat/front.ts'
import type { Log } from './api.ts'
import { describeDefect } from './errors.ts'
import type { createInline } from './inline.ts'
import { answerInvoiceAsked } from './invoices.ts'
import type { Post } from './send.ts'
import type { TapAnswers } from './tap-answer.ts'
import { readUpdate, toLastingRef } from './update.ts'
import { apologise, openVisit, showReply, type Visit } from './visit.ts'

export type Ctx = Context & { visit?: Visit }

type Kinds = Visit['incoming']['kind']

export type Surroundings = {
  front: Front
  post: Post
  inline: ReturnType<typeof createInline>
  tapAnswers: Pick<TapAnswers, 'of'>
  bot: { id: number; username: string }
  token: string
  log: Log
}

/**
 * A tap not answered within about 15 s keeps spinning. In private the screen itself shows what came of it, so the
 * spinner is stopped early; on a shared card the answer is all they will see, and it can be given only once.
 */
const tapPatienceMs = { private: 2000, shared: 8000 }

/**
 * All of the bot. Rejects only when the update could not be looked up or marked as done (the database is away), or when
 * a payment that it tells of could not be written down: it is to be handled again.
 */
export function createRoutes(around: Surroundings): Composer<Ctx> {
  const { front, post, inline, bot, log } = around
  const tools = { post, username: bot.username, log }
  const routes = new Composer<Ctx>()
  routes.use(boundary(around))
  routes.use(
    Composer.dispatch<Ctx, Record<Kinds, MiddlewareFn<Ctx>>>((ctx) => visitOf(ctx).incoming.kind, {
      command: on('command', async ({ name, payload }, visit) => {
        await showReply(visit, await front.onCommand(visit.visitor, name, payload), tools)
      }),
      tap: on('tap', async ({ act, place, ref }, visit) => {
        const spinning = setTimeout(() => void visit.stopSpinning(), tapPatienceMs[place])
        try {
          await showReply(visit, await front.onTap(visit.visitor, act, place, ref), tools)
        } finally {
          clearTimeout(spinning)
        }
      }),
      inline: on('inline', async ({ queryId, query, offset }, visit) => {
        try {
          await inline.answer(queryId, await front.onInline(visit.visitor, query, offset))
        } catch (error) {
          // Nothing found is better than a search that never ends.
          await inline.answer(queryId, { cards: [], nextOffset: '', personal: true })
          throw error
        }
        await visit.finish()
      }),
      chosen: on('chosen', async ({ cardId, ref }, visit) => {
        await front.onInlineChosen(visit.visitor, cardId, ref)
        await visit.finish()
      }),
      'invoice-paid': on('invoice-paid', async ({ updateId, invoice, charge }, visit) => {
        log.info({ updateId, ...charge }, 'Telegram says that an invoice was paid')
        await showReply(visit, await front.onInvoicePaid(visit.visitor, invoice, charge), tools)
      }),
      blocked: on('blocked', async ({ blocked }, visit) => {
        await front.onBlocked(visit.visitor, blocked)
        await visit.finish()
      }),
      channel: on('channel', async ({ channel, isAdmin }, visit) => {
        await front.onChannel(visit.visitor, channel, isAdmin)
        await visit.finish()
      }),
      answer: stepRouter(front, tools),
    }),
  )
  return routes
}

/** Free text, photo, contact or location: to the step that asked for it. */
function stepRouter(front: Front, tools: { post: Post; username: string; log: Log }): MiddlewareFn<Ctx> {
  const to = (step: Step) =>
    on('answer', async ({ answer }, visit) => {
      await showReply(visit, await front.onAnswer(visit.visitor, step, answer), tools)
    })
  // Named one by one, and by our own words only: a key such as `constructor` would misbehave in the router.
  const steps: Record<Step, MiddlewareFn<Ctx>> = {
    none: to('none'),
    search: to('search'),
    city: to('city'),
    name: to('name'),
    phone: to('phone'),
    amount: to('amount'),
    term: to('term'),
    question: to('question'),
    answer: to('answer'),
    catalogue: to('catalogue'),
    synonym: to('synonym'),
  }
  const router = new Router<never>((ctx: Ctx) => visitOf(ctx).visitor.step, steps)
  router.otherwise(to('none'))
  // The router is grammY's and speaks of grammY's Context; it only hands ours on, seen running inside telegraf.
  return router.middleware() as unknown as MiddlewareFn<Ctx>
}

/** Looks the update up, opens the visit, and is the one place where a defect is caught, logged and apologised for. */
function boundary({ front, post, tapAnswers, bot, token, log }: Surroundings): MiddlewareFn<Ctx> {
  return async (ctx, next) => {
    const incoming = readUpdate(ctx.update, bot)
    if (!incoming) return
    if (incoming.kind === 'invoice-asked') return answerInvoiceAsked(incoming, { front, post, token, log })
    const isPressed = incoming.kind === 'tap' && incoming.place === 'private'
    const arrival = {
      sender: incoming.sender,
      updateId: String(incoming.updateId),
      ...(isPressed && { pressed: toLastingRef(incoming.ref) }),
    }
    const begun = await front.begin(arrival, incoming.opensChat)
    const held = tapAnswers.of(ctx.update)
    if (begun.handled) {
      if (incoming.kind === 'tap') await post.answerTap(incoming.queryId, {}, held)
      return
    }
    const visit = openVisit(incoming, arrival, begun.visitor, { front, post, held })
    ctx.visit = visit
    try {
      await next()
    } catch (error) {
      log.error({ updateId: incoming.updateId, ...describeDefect(error, token) }, 'an update could not be handled')
      // Money was taken: it comes again until it is written down.
      if (incoming.kind === 'invoice-paid' && !visit.isFinished()) throw error
      await visit.finish()
      const answerTap: Visit['answerTap'] = async (answer) => visit.answerTap(answer)
      await apologise(incoming, front.apology(begun.visitor, incoming.sender), { post, answerTap })
    }
  }
}

function on<Kind extends Kinds>(
  kind: Kind,
  handle: (incoming: Extract<Visit['incoming'], { kind: Kind }>, visit: Visit) => Promise<void>,
): MiddlewareFn<Ctx> {
  return async (ctx) => {
    const visit = visitOf(ctx)
    if (isKind(visit.incoming, kind)) await handle(visit.incoming, visit)
  }
}

function isKind<Kind extends Kinds>(
  incoming: Visit['incoming'],
  kind: Kind,
): incoming is Extract<Visit['incoming'], { kind: Kind }> {
  return incoming.kind === kind
}

function visitOf(ctx: Ctx): Visit {
  if (!ctx.visit) throw new Error('the boundary comes first')
  return ctx.visit
}
