/** `/sim/shipments`: one way to move a parcel, whichever pretend carrier has it. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

/** A parcel as `/sim/shipments` shows it and `publish('shipment', …)` tells it. */
export type ParcelView = {
  carrier: 'cdek' | 'russian-post'
  /** The number for people to track. */
  number: string
  uuid?: string
  im_number?: string
  status: string
  statuses: { status: string; at: string; place: string }[]
}

/** @property at when it happened, in milliseconds; now when left out. */
export type Move = { status: string; at: number | undefined; place: string | undefined }

/** `move` gives undefined for a number that the carrier does not know, and an error for a parcel that cannot be moved. */
export type ParcelCarrier = {
  move(number: string, move: Move): ParcelView | { error: string; status: 400 | 409 } | undefined
  all(): ParcelView[]
}

const carriersByServer = new WeakMap<object, ParcelCarrier[]>()

const moveSchema = z.object({
  status: z.string().min(1).max(100),
  at: z.iso.datetime({ offset: true }).optional(),
  place: z.string().min(1).max(200).optional(),
})

/**
 * Makes a carrier's parcels movable; the first carrier of a server brings the routes.
 * @param isLastResort for a carrier that takes any number of its own format: it is asked after those that know theirs.
 */
export function addParcelCarrier(app: FastifyInstance, carrier: ParcelCarrier, isLastResort: boolean): void {
  const known = carriersByServer.get(app.server)
  const carriers = known ?? []
  if (isLastResort) carriers.push(carrier)
  else carriers.unshift(carrier)
  if (known) return
  carriersByServer.set(app.server, carriers)

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) =>
      reply.code(error.statusCode ?? 500).send({ error: error.message }),
    )
    scope.get('/sim/shipments', () => ({ items: carriers.flatMap((carrier) => carrier.all()) }))
    scope.post<{ Params: { number: string } }>('/sim/shipments/:number', (request, reply) => {
      const parsed = moveSchema.safeParse(parseBody(request.body))
      if (!parsed.success) {
        const issue = parsed.error.issues[0]
        return reply.code(400).send({ error: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}` })
      }
      const { status, at, place } = parsed.data
      const move: Move = { status, at: at === undefined ? undefined : Date.parse(at), place }
      for (const carrier of carriers) {
        const moved = carrier.move(request.params.number, move)
        if (moved && 'error' in moved) return reply.code(moved.status).send({ error: moved.error })
        if (moved) return reply.send(moved)
      }
      return reply.code(404).send({ error: 'no such shipment' })
    })
  })
}

function parseBody(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '')
  } catch {
    return undefined
  }
}
