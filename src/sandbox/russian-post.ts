/**
 * The pretend Russian Post: tracking by SOAP, one parcel at `/russianpost/rtm34` and in batches at `/russianpost/fc`.
 * A barcode is known once `POST /sim/shipments/<barcode>` has moved it by an operation, `{"status": "8:2"}`: type and
 * attribute. Shapes after https://tracking.pochta.ru/specification. There are no webhooks: the real one has none.
 */
import type { FastifyInstance } from 'fastify'
import { addParcelCarrier, type ParcelView } from './parcels.ts'

type Operation = { type: number; attribute: number; at: number; place: string }

const barcodeFormat = /^(\d{14}|[A-Z]{2}\d{9}[A-Z]{2})$/
const ticketReadyAfterMs = 15 * 60_000
const ticketKeptMs = 32 * 3_600_000
const batchMax = 3000

const typeNames: Record<number, string> = {
  1: 'Прием',
  2: 'Вручение',
  3: 'Возврат',
  4: 'Досылка почты',
  5: 'Невручение',
  6: 'Хранение',
  7: 'Временное хранение',
  8: 'Обработка',
  9: 'Импорт международной почты',
  10: 'Экспорт международной почты',
  11: 'Прием на таможню',
  12: 'Неудачная попытка вручения',
  13: 'Регистрация отправки',
  14: 'Таможенное оформление',
  15: 'Передача на временное хранение',
  28: 'Присвоение идентификатора',
  46: 'Утрата',
}
const attributeNames: Record<string, string> = {
  '1:1': 'Единичный',
  '2:1': 'Вручение адресату',
  '8:0': 'Сортировка',
  '8:2': 'Прибыло в место вручения',
  '8:4': 'Покинуло место приёма',
  '8:15': 'Передано почтальону',
}
/** What a parcel goes through by itself when the sandbox is given a pace. */
const path = ['28:0', '1:1', '8:4', '8:2', '2:1']

/**
 * Adds the pretend Russian Post to the sandbox's server.
 * @param options.webhookUrl not used: it has the same options as the other carrier.
 * @param options.now the clock in milliseconds; batch answers are ready 15 minutes of it later.
 */
export function addRussianPost(
  app: FastifyInstance,
  options: { webhookUrl?: string; paceSeconds?: number; publish(kind: string, data: unknown): void; now(): number },
): { reset(): void; close(): void } {
  const parcels = new Map<string, { operations: Operation[]; movedAt: number }>()
  const tickets = new Map<string, { barcodes: string[]; at: number }>()

  function move(barcode: string, operation: Operation): ParcelView {
    const parcel = parcels.get(barcode) ?? { operations: [], movedAt: 0 }
    parcel.operations.push(operation)
    parcel.movedAt = options.now()
    parcels.set(barcode, parcel)
    const view = parcelToView(barcode, parcel.operations)
    options.publish('shipment', view)
    return view
  }

  addParcelCarrier(
    app,
    {
      all: () => Array.from(parcels, ([barcode, { operations }]) => parcelToView(barcode, operations)),
      move(number, { status, at, place }) {
        const barcode = number.toUpperCase()
        if (!barcodeFormat.test(barcode)) return undefined
        const [, type, attribute = '0'] = /^(\d{1,4})(?::(\d{1,4}))?$/.exec(status) ?? []
        if (type === undefined) return { status: 400, error: 'status must be an operation, type:attribute, like 8:2' }
        return move(barcode, {
          type: Number(type),
          attribute: Number(attribute),
          at: at ?? options.now(),
          place: place ?? 'Москва',
        })
      },
    },
    true,
  )

  const paceMs = (options.paceSeconds ?? 0) * 1000
  const timer = setInterval(() => {
    const now = options.now()
    for (const [barcode, { operations, movedAt }] of parcels) {
      if (now - movedAt < paceMs) continue
      const reached = Math.max(...operations.map(({ type, attribute }) => path.indexOf(`${type}:${attribute}`)))
      const [type, attribute] = (path[reached + 1] ?? '').split(':')
      if (attribute === undefined) continue
      move(barcode, { type: Number(type), attribute: Number(attribute), at: now, place: 'Москва' })
    }
  }, 200)
  timer.unref()
  if (paceMs === 0) clearInterval(timer)

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.post('/russianpost/rtm34', (request, reply) => {
      const { status, xml, type } = answerHistory(typeof request.body === 'string' ? request.body : '')
      return reply.code(status).header('content-type', type).send(xml)
    })
    scope.post('/russianpost/fc', (request, reply) => {
      const xml = answerBatch(typeof request.body === 'string' ? request.body : '')
      return reply.header('content-type', 'text/xml; charset=utf-8').send(xml)
    })
  })

  function answerHistory(text: string): { status: number; xml: string; type: string } {
    const isSoap12 = text.includes('http://www.w3.org/2003/05/soap-envelope')
    const type = `${isSoap12 ? 'application/soap+xml' : 'text/xml'}; charset=utf-8`
    const fault = (element: string, reason: string): { status: number; xml: string; type: string } => ({
      status: 500,
      type,
      xml: envelope(isSoap12, faultXml(isSoap12, element, reason)),
    })
    if (!hasElement(text, 'getOperationHistory')) return fault('OperationHistoryFault', 'Неизвестный метод')
    if (!element(text, 'login') || !element(text, 'password')) {
      return fault('AuthorizationFault', 'Неуспешная авторизация: логин или пароль не указаны')
    }
    const barcode = (element(text, 'Barcode') ?? '').toUpperCase()
    if (!barcodeFormat.test(barcode)) {
      return fault('OperationHistoryFault', `Неверный формат идентификатора отправления: ${barcode.slice(0, 40)}`)
    }
    const language = element(text, 'Language') ?? 'RUS'
    if (language !== 'RUS' && language !== 'ENG') return fault('LanguageFault', 'Недопустимый идентификатор языка')
    const operations = inOrder(parcels.get(barcode)?.operations ?? [])
    const records = operations.map((operation) => recordXml(barcode, operation)).join('')
    const body =
      '<ns7:getOperationHistoryResponse xmlns:ns3="http://russianpost.org/operationhistory/data" ' +
      'xmlns:ns7="http://russianpost.org/operationhistory">' +
      `<ns3:OperationHistoryData>${records}</ns3:OperationHistoryData></ns7:getOperationHistoryResponse>`
    return { status: 200, type, xml: envelope(isSoap12, body) }
  }

  function answerBatch(text: string): string {
    const isTicketRequest = hasElement(text, 'ticketRequest')
    const name = isTicketRequest ? 'ticketResponse' : 'answerByTicketResponse'
    const respond = (content: string): string =>
      envelope(
        false,
        `<ns2:${name} xmlns:ns2="http://fclient.russianpost.org/postserver" ` +
          `xmlns:ns3="http://fclient.russianpost.org">${content}</ns2:${name}>`,
      )
    const refuse = (id: number, reason: string): string =>
      respond(`<error ErrorTypeID="${id}" ErrorName="${escape(reason)}"/>`)
    const login = element(text, 'login')
    if (!login || !element(text, 'password')) return refuse(3, 'Неуспешная авторизация клиента при вызове метода')
    const now = options.now()

    if (isTicketRequest) {
      const barcodes = Array.from(text.matchAll(/<(?:[\w.-]+:)?Item\b[^<>]*\bBarcode="([^"]*)"/g), ([, code]) =>
        (code ?? '').toUpperCase(),
      )
      if (barcodes.length === 0) return refuse(2, 'Формат данных запроса не соответствует протоколу')
      if (barcodes.length > batchMax) return refuse(18, 'Превышено допустимое количество отправлений в запросе')
      const stamp = new Date(now).toISOString().replaceAll(/\D/g, '').slice(0, 17)
      let ticket = `${stamp}${login.toUpperCase()}`
      while (tickets.has(ticket)) ticket += 'X'
      tickets.set(ticket, { barcodes, at: now })
      return respond(`<value>${escape(ticket)}</value>`)
    }
    const ticket = tickets.get(element(text, 'ticket') ?? '')
    if (!ticket) return refuse(2, 'Формат данных запроса не соответствует протоколу')
    if (now < ticket.at + ticketReadyAfterMs) return refuse(6, 'Ответ по билету ещё не готов')
    if (now > ticket.at + ticketKeptMs) return refuse(17, 'Время хранения ответа по билету истекло')
    const items = ticket.barcodes.map((barcode) => {
      const operations = inOrder(parcels.get(barcode)?.operations ?? [])
      const content =
        operations.map(batchOperationXml).join('') ||
        '<ns3:Error ErrorTypeID="12" ErrorName="Информация об отправлении отсутствует"/>'
      return `<ns3:Item Barcode="${escape(barcode)}">${content}</ns3:Item>`
    })
    const ready = batchTime(ticket.at + ticketReadyAfterMs)
    return respond(
      `<value FileName="" FileTypeID="2" FileNumber="1" DatePreparation="${ready}">${items.join('')}</value>`,
    )
  }

  return {
    reset() {
      parcels.clear()
      tickets.clear()
    },
    close() {
      clearInterval(timer)
    },
  }
}

function parcelToView(barcode: string, operations: Operation[]): ParcelView {
  const statuses = operations.map(({ type, attribute, at, place }) => ({
    status: `${type}:${attribute}`,
    at: new Date(at).toISOString(),
    place,
  }))
  return { carrier: 'russian-post', number: barcode, status: statuses.at(-1)?.status ?? '', statuses }
}

function inOrder(operations: Operation[]): Operation[] {
  return operations.toSorted((a, b) => a.at - b.at)
}

function recordXml(barcode: string, { type, attribute, at, place }: Operation): string {
  const named = (tag: string, id: number, name: string): string =>
    `<ns3:${tag}><ns3:Id>${id}</ns3:Id><ns3:Name>${escape(name)}</ns3:Name></ns3:${tag}>`
  const russia =
    '<ns3:Id>643</ns3:Id><ns3:Code2A>RU</ns3:Code2A><ns3:Code3A>RUS</ns3:Code3A>' +
    '<ns3:NameRU>Российская Федерация</ns3:NameRU><ns3:NameEN>Russian Federation</ns3:NameEN>'
  const attributeName = attributeNames[`${type}:${attribute}`] ?? ''
  return (
    '<ns3:historyRecord><ns3:AddressParameters>' +
    `<ns3:OperationAddress><ns3:Index>101000</ns3:Index><ns3:Description>${escape(place)}</ns3:Description>` +
    `</ns3:OperationAddress><ns3:MailDirect>${russia}</ns3:MailDirect><ns3:CountryOper>${russia}</ns3:CountryOper>` +
    '</ns3:AddressParameters><ns3:FinanceParameters><ns3:Payment>0</ns3:Payment><ns3:Value>0</ns3:Value>' +
    `</ns3:FinanceParameters><ns3:ItemParameters><ns3:Barcode>${barcode}</ns3:Barcode>` +
    named('MailType', 4, 'Посылка') +
    named('MailCtg', 3, 'Обыкновенное') +
    '<ns3:Mass>1000</ns3:Mass></ns3:ItemParameters><ns3:OperationParameters>' +
    named('OperType', type, typeNames[type] ?? '') +
    named('OperAttr', attribute, attributeName) +
    `<ns3:OperDate>${moscowTime(at)}+03:00</ns3:OperDate></ns3:OperationParameters>` +
    '<ns3:UserParameters/></ns3:historyRecord>'
  )
}

function batchOperationXml({ type, attribute, at }: Operation): string {
  const name = escape(typeNames[type] ?? '')
  return (
    `<ns3:Operation OperTypeID="${type}" OperCtgID="${attribute}" OperName="${name}" ` +
    `DateOper="${batchTime(at)}" IndexOper="101000"/>`
  )
}

/** Moscow has kept UTC+3 since 2014. */
function moscowTime(time: number): string {
  return new Date(time + 3 * 3_600_000).toISOString().slice(0, 23)
}

/** `17.09.2015 17:20:48` */
function batchTime(time: number): string {
  const [date = '', clock = ''] = moscowTime(time).split('T')
  return `${date.split('-').toReversed().join('.')} ${clock.slice(0, 8)}`
}

function envelope(isSoap12: boolean, body: string): string {
  const space = isSoap12 ? 'http://www.w3.org/2003/05/soap-envelope' : 'http://schemas.xmlsoap.org/soap/envelope/'
  return `<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="${space}"><S:Body>${body}</S:Body></S:Envelope>`
}

function faultXml(isSoap12: boolean, element: string, reason: string): string {
  const text = escape(reason)
  const detail = `<ns3:${element}Reason xmlns:ns3="http://russianpost.org/operationhistory/data">${text}</ns3:${element}Reason>`
  return isSoap12
    ? `<S:Fault><S:Code><S:Value>S:Receiver</S:Value></S:Code><S:Reason><S:Text xml:lang="en">${element}</S:Text>` +
        `</S:Reason><S:Detail>${detail}</S:Detail></S:Fault>`
    : `<S:Fault><faultcode>S:Server</faultcode><faultstring>${element}</faultstring><detail>${detail}</detail></S:Fault>`
}

function hasElement(text: string, name: string): boolean {
  return new RegExp(`<(?:[\\w.-]+:)?${name}[\\s>/]`).test(text)
}

/** The text of the first element of that name, in any namespace. */
function element(text: string, name: string): string | undefined {
  const [, content] = new RegExp(`<(?:[\\w.-]+:)?${name}(?:\\s[^<>]*)?>([^<]*)<`).exec(text) ?? []
  return content === undefined ? undefined : unescape(content.trim())
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}
