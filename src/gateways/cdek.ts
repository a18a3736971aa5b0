/**
 * CDEK, API v2 (https://apidoc.cdek.ru). Plain HTTP and not the npm client: that one has no time-outs, asks for a token
 * per parallel call, never refreshes it after a 401, and loses the HTTP status of most errors (see DECISIONS.md).
 */
import { z } from 'zod'
import { moneyToDecimal } from '#domain/money.ts'
import type {
  Carrier,
  CarrierResult,
  CarrierShipment,
  City,
  NewShipment,
  Parcel,
  PickupPoint,
  Quote,
} from './carriers.ts'
import {
  hintSchema,
  invalidity,
  isNotFound,
  isNumberTaken,
  orderSchema,
  placeSchema,
  pointSchema,
  readAnswer,
  readOrder,
  refusal,
  suggestionSchema,
  tariffsSchema,
  tokenSchema,
  unauthorized,
  unknown,
  zoneSchema,
} from './cdek-answers.ts'
import { callJson, cutText } from './json-call.ts'

export type CdekOptions = {
  clientId: string
  clientSecret: string
  endpoint?: string
  /** For one HTTP call; an operation may make three (token, call, call again with a new token). */
  timeoutMs?: number
  /** Milliseconds; for the age of the token. */
  now?: () => number
}

/** A token this near its end is replaced before use. */
const tokenMarginMs = 60_000
/** Warehouse to warehouse: the only mode that ends at a manned pickup point. 7 ends in a locker. */
const toPickupPoint = 4
/** CDEK's limit for our number; ASCII only. */
const maxKey = 40
/** Farther away than this, a "nearest" city is none. */
const nearKm = 100

/**
 * @param options the endpoint is the real one unless given.
 * `create` asks for our number first: two POSTs with one number can make two orders, as validation comes later.
 */
export function createCdek(options: CdekOptions): Carrier {
  const endpoint = (options.endpoint ?? 'https://api.cdek.ru/v2').replace(/\/+$/, '')
  const timeoutMs = options.timeoutMs ?? 15_000
  const now = options.now ?? Date.now

  let token: { value: string; endsAt: number } | undefined
  let tokenOnItsWay: Promise<CarrierResult<string>> | undefined

  async function getToken(): Promise<CarrierResult<string>> {
    if (token && token.endsAt - tokenMarginMs > now()) return { ok: true, value: token.value }
    tokenOnItsWay ??= fetchToken().finally(() => {
      tokenOnItsWay = undefined
    })
    return tokenOnItsWay
  }

  async function fetchToken(): Promise<CarrierResult<string>> {
    const askedAt = now()
    const answer = await callJson({
      url: `${endpoint}/oauth/token`,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: options.clientId,
        client_secret: options.clientSecret,
      }).toString(),
      timeoutMs,
    })
    if ('failure' in answer) return unknown(answer.failure)
    if (answer.status === 400 || answer.status === 401 || answer.status === 403) return unauthorized
    const parsed = tokenSchema.safeParse(answer.body)
    if (answer.status !== 200 || !parsed.success) return unknown(`no token: HTTP ${answer.status}`)
    token = { value: parsed.data.access_token, endsAt: askedAt + parsed.data.expires_in * 1000 }
    return { ok: true, value: token.value }
  }

  /** A 401 is not an answer to the question: nothing was done, so asking again with a new token is safe for POST too. */
  async function call<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    body?: unknown,
  ): Promise<CarrierResult<T>> {
    for (const isLastTry of [false, true]) {
      const current = await getToken()
      if (!current.ok) return current
      const answer = await callJson({
        url: endpoint + path,
        method,
        headers: {
          authorization: `Bearer ${current.value}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        timeoutMs,
      })
      if ('failure' in answer) return unknown(answer.failure)
      if (answer.status === 401 && !isLastTry) {
        // Only the token that failed is dropped: a parallel call may have brought a new one meanwhile.
        if (token?.value === current.value) token = undefined
        continue
      }
      return readAnswer(answer.status, answer.body, schema)
    }
    return unauthorized
  }

  async function findByKey(key: string): Promise<CarrierResult<CarrierShipment | undefined>> {
    const found = await call('GET', `/orders?${new URLSearchParams({ im_number: key }).toString()}`, orderSchema)
    if (found.ok) return readOrder(found.value)
    return found.kind === 'refused' && isNotFound(found.code) ? { ok: true, value: undefined } : found
  }

  return {
    name: 'cdek',
    capabilities: { push: true, batchMax: 1, minPollMinutes: 1, asyncCreate: true },

    async findCities(words, limit) {
      if (words.trim() === '') return { ok: true, value: [] }
      const query = new URLSearchParams({ name: words.trim() })
      const found = await call('GET', `/location/suggest/cities?${query.toString()}`, z.array(suggestionSchema))
      if (!found.ok) return found
      const inRussia = found.value.filter(({ country_code }) => country_code === 'RU')
      const abroad = found.value.filter(({ country_code }) => country_code !== 'RU')
      return { ok: true, value: withoutDoubles([...inRussia, ...abroad].map(suggestionToCity)).slice(0, limit) }
    },

    async findCityNear(latitude, longitude) {
      const query = new URLSearchParams({ latitude: String(latitude), longitude: String(longitude) })
      const found = await call('GET', `/location/coordinates?${query.toString()}`, placeSchema)
      if (!found.ok) {
        return found.kind === 'refused' && isNotFound(found.code) ? { ok: true, value: undefined } : found
      }
      const near = [found.value]
        .flat()
        .map((place) => ({ place, km: distanceKm({ latitude, longitude }, place) }))
        .filter(({ km }) => km <= nearKm)
        .sort((a, b) => a.km - b.km)[0]?.place
      return { ok: true, value: near && { code: near.code, name: near.city, region: near.region ?? '' } }
    },

    async timeZoneOf(cityCode) {
      const found = await call('GET', `/location/cities?code=${cityCode}&size=1`, z.array(zoneSchema))
      if (!found.ok) return found
      return { ok: true, value: found.value.find(({ code }) => code === cityCode)?.time_zone ?? undefined }
    },

    async pickupPoints(cityCode, limit) {
      const query = new URLSearchParams({ city_code: String(cityCode), type: 'PVZ', is_handout: 'true' })
      const found = await call('GET', `/deliverypoints?${query.toString()}`, z.array(pointSchema))
      if (!found.ok) return found
      const points = found.value
        .filter(({ type, is_handout }) => type === 'PVZ' && is_handout !== false)
        .map(({ code, location, work_time }): PickupPoint => {
          const { address, latitude, longitude } = location
          return { code, address, hours: work_time ?? '', latitude, longitude }
        })
        .sort((a, b) => (a.code < b.code ? -1 : 1))
      return { ok: true, value: points.slice(0, limit) }
    },

    /** The list price of carriage: CDEK's invoice adds insurance of the declared value, which this call cannot be given. */
    async quote(fromCityCode, toCityCode, parcel) {
      const found = await call('POST', '/calculator/tarifflist', tariffsSchema, {
        type: 1,
        currency: 1,
        lang: 'rus',
        from_location: { code: fromCityCode },
        to_location: { code: toCityCode },
        packages: [toPackage(parcel)],
      })
      if (!found.ok) return found
      const { tariff_codes, errors } = found.value
      if (!tariff_codes?.length && errors?.length) return refusal(errors) ?? unknown('CDEK could not calculate')
      const quotes = (tariff_codes ?? [])
        .filter(({ delivery_mode }) => delivery_mode === toPickupPoint)
        .map(tariffToQuote)
        .sort((a, b) => compare(a.cost.amount, b.cost.amount) || a.daysMax - b.daysMax || a.tariffCode - b.tariffCode)
      return { ok: true, value: quotes }
    },

    async create(shipment) {
      if (!/^[!-~]+$/.test(shipment.key) || shipment.key.length > maxKey) {
        throw new Error(`a shipment's key is 1..${maxKey} ASCII characters without spaces`)
      }
      const present = await findByKey(shipment.key)
      if (!present.ok) return present
      // One that was refused earlier is no parcel, and what is sent now may be better.
      if (present.value && present.value.acceptance !== 'refused') return { ok: true, value: present.value }

      const made = await call('POST', '/orders', orderSchema, toOrder(shipment))
      const errors = made.ok ? invalidity(made.value) : undefined
      const answer = made.ok && errors ? (refusal(errors) ?? unknown('CDEK could not validate')) : made
      if (answer.ok) return readOrder(answer.value)
      if (answer.kind === 'unknown' || !isNumberTaken(answer)) return answer
      const existing = await findByKey(shipment.key)
      if (existing.ok && existing.value && existing.value.acceptance !== 'refused') {
        return { ok: true, value: existing.value }
      }
      return existing.ok ? unknown('CDEK says that the number is taken and does not show the order') : existing
    },

    findByKey,

    async find(externalId) {
      const found = await call('GET', `/orders/${encodeURIComponent(externalId)}`, orderSchema)
      if (!found.ok) return found
      const number = found.value.entity?.number
      // The loser of two creations with one number: the shipment is the other one.
      if (number && invalidity(found.value)?.some(isNumberTaken)) {
        const other = await findByKey(number)
        if (!other.ok) return other
        if (other.value && other.value.acceptance !== 'refused') return { ok: true, value: other.value }
      }
      return readOrder(found.value)
    },

    webhookHint(body) {
      const hint = hintSchema.safeParse(body)
      return hint.success ? hint.data.uuid : undefined
    },
  }
}

function toPackage({ weightGrams, lengthCm, widthCm, heightCm }: Parcel): Record<string, number> {
  return { weight: weightGrams, length: lengthCm, width: widthCm, height: heightCm }
}

function toOrder(shipment: NewShipment): unknown {
  return {
    type: 1,
    number: shipment.key,
    tariff_code: shipment.tariffCode,
    from_location: { code: shipment.fromCityCode },
    delivery_point: shipment.pickupPointCode,
    sender: { company: shipment.sender.name, name: shipment.sender.name },
    recipient: { name: shipment.recipient.name, phones: [{ number: shipment.recipient.phone }] },
    ...(shipment.dueAtDoor && {
      delivery_recipient_cost: { value: Number(moneyToDecimal(shipment.dueAtDoor.delivery)) },
    }),
    packages: [
      {
        number: '1',
        ...toPackage(shipment.parcel),
        items: shipment.lines.map((line) => ({
          name: cutText(line.title, 255),
          ware_key: cutText(line.sku, 50),
          // What was paid in the chat already is not collected at the counter.
          payment: { value: shipment.dueAtDoor ? Number(moneyToDecimal(line.unitPrice)) : 0 },
          // CDEK wants a JSON number. The shortest one that reads back as the same double is the decimal itself.
          cost: Number(moneyToDecimal(line.unitPrice)),
          weight: line.weightGrams,
          amount: line.quantity,
        })),
      },
    ],
  }
}

function tariffToQuote(tariff: NonNullable<z.infer<typeof tariffsSchema>['tariff_codes']>[number]): Quote {
  return {
    tariffCode: tariff.tariff_code,
    title: tariff.tariff_name,
    cost: tariff.delivery_sum,
    daysMin: tariff.period_min,
    daysMax: tariff.period_max,
  }
}

/** `Новосибирск, Новосибирская область, Россия`: the first is the name, the last the country. */
function suggestionToCity({ code, full_name }: z.infer<typeof suggestionSchema>): City {
  const [name = full_name, ...rest] = full_name.split(',').map((part) => part.trim())
  return { code, name, region: (rest.length > 1 ? rest.slice(0, -1) : rest).join(', ') }
}

/** CDEK's directory has some cities twice under two codes; people cannot tell them apart, and the first is the used one. */
function withoutDoubles(cities: City[]): City[] {
  const byWords = new Map<string, City>()
  for (const city of cities) {
    const words = `${city.name}\n${city.region}`
    if (!byWords.has(words)) byWords.set(words, city)
  }
  return [...byWords.values()]
}

/** Zero for a place without coordinates: CDEK found it, and there is nothing to check it by. */
function distanceKm(
  from: { latitude: number; longitude: number },
  to: { latitude?: number | null | undefined; longitude?: number | null | undefined },
): number {
  if (typeof to.latitude !== 'number' || typeof to.longitude !== 'number') return 0
  const radians = Math.PI / 180
  const north = (to.latitude - from.latitude) * radians
  const east = (to.longitude - from.longitude) * radians * Math.cos(((to.latitude + from.latitude) / 2) * radians)
  return 6371 * Math.hypot(north, east)
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
