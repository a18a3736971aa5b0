/**
 * The pretend carrier's own books: orders that are taken in first and checked a moment later, and the statuses they go
 * through. Shapes and error codes after https://apidoc.cdek.ru and answers of the real one.
 */
import { randomUUID } from 'node:crypto'
import type { ParcelView } from './parcels.ts'
import { type City, citiesByCode, findCityByName, pointsByCode, tariffsByCode } from './parcels-places.ts'

export type CdekError = { code: string; message: string }

export type Order = {
  uuid: string
  account: string
  /** The body as it was sent. */
  request: Record<string, unknown>
  /** The shop's own number. */
  number: string | undefined
  cdekNumber: string | undefined
  createdAt: number
  state: 'ACCEPTED' | 'SUCCESSFUL' | 'INVALID'
  errors: CdekError[]
  removal: { uuid: string; at: number } | undefined
  /** In the order they were set. */
  statuses: { code: string; at: number; city: string }[]
  movedAt: number
}

/** How long the real one takes to check an order, roughly. */
const checkAfterMs = 300

/** What a parcel goes through by itself when the sandbox is given a pace. */
const path = [
  'CREATED',
  'RECEIVED_AT_SHIPMENT_WAREHOUSE',
  'SENT_TO_RECIPIENT_CITY',
  'ACCEPTED_IN_RECIPIENT_CITY',
  'ACCEPTED_AT_PICK_UP_POINT',
  'DELIVERED',
]
const endCodes = new Set(['DELIVERED', 'POSTOMAT_RECEIVED', 'NOT_DELIVERED', 'REMOVED', 'INVALID'])

const statusNames: Record<string, string> = {
  ACCEPTED: 'Принят',
  INVALID: 'Некорректный заказ',
  CREATED: 'Создан',
  REMOVED: 'Удалён',
  RECEIVED_AT_SHIPMENT_WAREHOUSE: 'Принят на склад отправителя',
  READY_TO_SHIP_AT_SENDING_OFFICE: 'Выдан на отправку в г. отправителе',
  READY_FOR_SHIPMENT_IN_SENDER_CITY: 'Выдан на отправку в г. отправителе',
  TAKEN_BY_TRANSPORTER_FROM_SENDER_CITY: 'Сдан перевозчику в г. отправителе',
  SENT_TO_TRANSIT_CITY: 'Отправлен в г. транзит',
  ACCEPTED_IN_TRANSIT_CITY: 'Встречен в г. транзите',
  SENT_TO_RECIPIENT_CITY: 'Отправлен в г. получатель',
  ACCEPTED_IN_RECIPIENT_CITY: 'Встречен в г. получателе',
  ACCEPTED_AT_RECIPIENT_CITY_WAREHOUSE: 'Принят на склад доставки',
  ACCEPTED_AT_PICK_UP_POINT: 'Принят на склад до востребования',
  TAKEN_BY_COURIER: 'Выдан на доставку',
  RETURNED_TO_RECIPIENT_CITY_WAREHOUSE: 'Возвращён на склад доставки',
  IN_CUSTOMS_INTERNATIONAL: 'Таможенное оформление в стране отправления',
  IN_CUSTOMS_LOCAL: 'Таможенное оформление в стране назначения',
  CUSTOMS_COMPLETE: 'Таможенное оформление завершено',
  POSTOMAT_POSTED: 'Заложен в постамат',
  POSTOMAT_RECEIVED: 'Изъят из постамата клиентом',
  DELIVERED: 'Вручен',
  NOT_DELIVERED: 'Не вручен',
}

export type OrderBook = ReturnType<typeof createOrderBook>

/** @param statusSet told of each new status but ACCEPTED. */
export function createOrderBook(options: { now(): number; statusSet(order: Order): void }) {
  const orders = new Map<string, Order>()
  const byCdekNumber = new Map<string, Order>()
  const byNumber = new Map<string, Order[]>()
  const unchecked = new Set<Order>()
  const moving = new Set<Order>()
  let lastCdekNumber = 1_100_000_000

  function checkDue(): void {
    const now = options.now()
    for (const order of unchecked) {
      if (order.createdAt + checkAfterMs > now) break
      check(order)
    }
  }

  function check(order: Order): void {
    unchecked.delete(order)
    order.errors = [...orderErrors(order.request), ...duplicateErrors(order)]
    if (order.errors.length > 0) {
      order.state = 'INVALID'
      setStatus(order, 'INVALID', order.createdAt + checkAfterMs, '')
      return
    }
    order.state = 'SUCCESSFUL'
    lastCdekNumber += 1
    order.cdekNumber = String(lastCdekNumber)
    byCdekNumber.set(order.cdekNumber, order)
    moving.add(order)
    setStatus(order, 'CREATED', order.createdAt + checkAfterMs, originOf(order)?.city ?? '')
  }

  function duplicateErrors(order: Order): CdekError[] {
    if (order.number === undefined) return []
    const others = byNumber.get(numberKey(order.account, order.number)) ?? []
    const isTaken = others.some((other) => other.state === 'SUCCESSFUL' && !other.removal)
    if (!isTaken) return []
    return [
      { code: 'v2_order_already_exists', message: `Order with number ${order.number} already exists` },
      // What the real one says.
      {
        code: 'error_validate_im_dep_number_has_already_had_integration',
        message: 'Введенный номер отправления ИМ не уникальный',
      },
    ]
  }

  /**
   * The carrier's times are in whole seconds. A step in the same second as the one before would leave their order to
   * chance, so it is set a second later.
   */
  function setStatus(order: Order, code: string, at: number | undefined, city: string): void {
    const second = Math.floor((at ?? options.now()) / 1000) * 1000
    const last = order.statuses.at(-1)?.at ?? 0
    const isOrdered = at === undefined || order.statuses.length < 2
    order.statuses.push({ code, at: isOrdered && second <= last ? last + 1000 : second, city })
    order.movedAt = options.now()
    if (endCodes.has(code)) moving.delete(order)
    else if (order.state === 'SUCCESSFUL') moving.add(order)
    options.statusSet(order)
  }

  return {
    checkDue,
    all: (): Iterable<Order> => orders.values(),

    create(account: string, request: Record<string, unknown>): Order {
      const now = options.now()
      const number = request['number'] === undefined || request['number'] === null ? undefined : show(request['number'])
      const order: Order = {
        uuid: randomUUID(),
        account,
        request,
        number,
        cdekNumber: undefined,
        createdAt: now,
        state: 'ACCEPTED',
        errors: [],
        removal: undefined,
        statuses: [{ code: 'ACCEPTED', at: Math.floor(now / 1000) * 1000, city: '' }],
        movedAt: now,
      }
      orders.set(order.uuid, order)
      unchecked.add(order)
      if (number !== undefined) {
        const key = numberKey(account, number)
        byNumber.set(key, [...(byNumber.get(key) ?? []), order])
      }
      return order
    },

    byUuid: (uuid: string): Order | undefined => orders.get(uuid),
    byCdekNumber: (number: string): Order | undefined => byCdekNumber.get(number),
    /** The one that was accepted, if any; otherwise the latest. */
    byNumber(account: string, number: string): Order | undefined {
      const found = byNumber.get(numberKey(account, number)) ?? []
      return found.find((order) => order.state === 'SUCCESSFUL' && !order.removal) ?? found.at(-1)
    },
    /** For a test that does not care whose it is. */
    byAnyNumber(number: string): Order | undefined {
      for (const [key, found] of byNumber) {
        if (key.endsWith(`\n${number}`)) return found.find((order) => order.state === 'SUCCESSFUL') ?? found.at(-1)
      }
      return undefined
    },

    /** @returns an error when it is past that: it can be removed only before it was handed over. */
    remove(order: Order): CdekError | undefined {
      if (order.state === 'ACCEPTED') check(order)
      const latest = order.statuses.at(-1)?.code
      if (order.state === 'INVALID' || latest !== 'CREATED') {
        return { code: 'v2_entity_invalid', message: `Order in status ${latest} cannot be deleted` }
      }
      order.removal = { uuid: randomUUID(), at: options.now() }
      setStatus(order, 'REMOVED', undefined, originOf(order)?.city ?? '')
      return undefined
    },

    /** @returns false when the carrier never took it. */
    move(order: Order, code: string, at: number | undefined, place: string | undefined): boolean {
      if (order.state === 'ACCEPTED') check(order)
      if (order.state === 'INVALID') return false
      setStatus(order, code, at, place ?? placeOf(order, code))
      return true
    },

    /** Moves on by one step whatever has stood still for so long. */
    step(afterMs: number): void {
      const now = options.now()
      for (const order of moving) {
        if (now - order.movedAt < afterMs) continue
        const reached = Math.max(...order.statuses.map(({ code }) => path.indexOf(code)))
        const next = path[reached + 1]
        if (next !== undefined) setStatus(order, next, undefined, placeOf(order, next))
      }
    },

    reset(): void {
      orders.clear()
      byCdekNumber.clear()
      byNumber.clear()
      unchecked.clear()
      moving.clear()
    },
  }
}

function numberKey(account: string, number: string): string {
  return `${account}\n${number}`
}

export function statusName(code: string): string {
  return statusNames[code] ?? code
}

/** Everything that is wrong, as the carrier finds it some time after it took the order in. */
function orderErrors(request: Record<string, unknown>): CdekError[] {
  const errors: CdekError[] = []
  const empty = (field: string): void => {
    errors.push({ code: 'v2_field_is_empty', message: `[${field}] is empty` })
  }
  const recipient = asRecord(request['recipient'])
  if (!isText(recipient['name'])) empty('recipient.name')
  const phones = Array.isArray(recipient['phones']) ? (recipient['phones'] as unknown[]) : []
  if (!phones.some((phone) => isText(asRecord(phone)['number']))) empty('recipient.phones')

  const tariffCode = request['tariff_code']
  const tariff = typeof tariffCode === 'number' ? tariffsByCode.get(tariffCode) : undefined
  if (tariffCode === undefined) empty('tariff_code')
  else if (!tariff)
    errors.push({ code: 'v2_tariff_code_invalid', message: `Tariff [${show(tariffCode)}] is not found` })

  for (const [field, code] of [
    ['shipment_point', 'shipment_location_is_not_recognized'],
    ['delivery_point', 'delivery_location_is_not_recognized'],
  ] as const) {
    const point = request[field]
    if (point !== undefined && point !== null && !pointsByCode.has(show(point))) {
      errors.push({ code, message: `[${field}] ${show(point)} is not found` })
    }
  }
  if (request['shipment_point'] === undefined && !locationToCity(request['from_location'])) {
    errors.push({ code: 'v2_sender_location_not_recognized', message: 'Sender location is not recognized' })
  }
  if (request['delivery_point'] === undefined && !locationToCity(request['to_location'])) {
    errors.push({ code: 'v2_recipient_location_not_recognized', message: 'Recipient location is not recognized' })
  }

  const packages = Array.isArray(request['packages']) ? (request['packages'] as unknown[]) : []
  if (packages.length === 0) empty('packages')
  for (const [index, parcel] of packages.entries()) {
    const weight = asRecord(parcel)['weight']
    if (typeof weight !== 'number' || weight <= 0) {
      errors.push({ code: 've_package_weight_too_small', message: `[packages[${index}].weight] must be above 0` })
    }
  }
  return errors
}

/** By CDEK's code, or by the city's name, or by an address that begins with one. */
export function locationToCity(location: unknown): City | undefined {
  const { code, city_code, city, address } = asRecord(location)
  const number = Number(code ?? city_code ?? NaN)
  if (!Number.isNaN(number)) return citiesByCode.get(number)
  if (isText(city)) return findCityByName(city)
  if (isText(address)) return address.split(',').map(findCityByName).find(Boolean)
  return undefined
}

function originOf({ request }: Order): City | undefined {
  return pointsByCode.get(show(request['shipment_point']))?.city ?? locationToCity(request['from_location'])
}

function destinationOf({ request }: Order): City | undefined {
  return pointsByCode.get(show(request['delivery_point']))?.city ?? locationToCity(request['to_location'])
}

const senderSide = new Set(['CREATED', 'REMOVED', 'SENT_TO_RECIPIENT_CITY', 'ACCEPTED'])

function placeOf(order: Order, code: string): string {
  const isAtSender = senderSide.has(code) || /SENDER|SHIPMENT|SENDING/.test(code)
  return (isAtSender ? originOf(order) : destinationOf(order))?.city ?? ''
}

/** As `GET /orders` tells it; statuses newest first. */
export function orderToJson(order: Order): object {
  const { uuid, request, cdekNumber, number } = order
  const requests = [
    {
      request_uuid: uuid,
      type: 'CREATE',
      date_time: cdekTime(order.createdAt),
      state: order.state,
      ...(order.errors.length > 0 && { errors: order.errors }),
    },
  ]
  if (order.removal) {
    requests.unshift({
      request_uuid: order.removal.uuid,
      type: 'DELETE',
      date_time: cdekTime(order.removal.at),
      state: 'SUCCESSFUL',
    })
  }
  return {
    entity: {
      ...request,
      uuid,
      type: request['type'] ?? 1,
      is_return: false,
      is_reverse: false,
      is_client_return: false,
      ...(cdekNumber !== undefined && { cdek_number: cdekNumber }),
      ...(number !== undefined && { number }),
      from_location: request['from_location'] ?? cityToLocation(originOf(order)),
      to_location: request['to_location'] ?? cityToLocation(destinationOf(order)),
      delivery_detail: { delivery_sum: 0, total_sum: 0 },
      statuses: order.statuses
        .toSorted((a, b) => b.at - a.at)
        .map(({ code, at, city }) => ({ code, name: statusName(code), date_time: cdekTime(at), city })),
    },
    requests,
    related_entities: [],
  }
}

export function orderToWebhook(order: Order): object {
  const last = order.statuses.at(-1)
  const city = last ? findCityByName(last.city) : undefined
  const time = cdekTime(last?.at ?? order.createdAt)
  return {
    type: 'ORDER_STATUS',
    date_time: time,
    uuid: order.uuid,
    attributes: {
      is_return: false,
      is_reverse: false,
      is_client_return: false,
      cdek_number: order.cdekNumber,
      number: order.number,
      code: last?.code,
      status_code: last?.code,
      status_date_time: time,
      city_name: last?.city,
      city_code: city === undefined ? undefined : String(city.code),
    },
  }
}

export function orderToView(order: Order): ParcelView {
  return {
    carrier: 'cdek',
    number: order.cdekNumber ?? '',
    uuid: order.uuid,
    ...(order.number !== undefined && { im_number: order.number }),
    status: order.statuses.at(-1)?.code ?? '',
    statuses: order.statuses.map(({ code, at, city }) => ({
      status: code,
      at: new Date(at).toISOString(),
      place: city,
    })),
  }
}

/** `2026-03-01T10:00:00+0000`: no milliseconds, no colon. */
export function cdekTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}+0000`
}

function cityToLocation(city: City | undefined): object | undefined {
  return city && { code: city.code, city: city.city, country_code: city.country, region: city.region }
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

/** Any JSON value as a short text. */
function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
