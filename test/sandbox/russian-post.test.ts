import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { addCdek } from '../../src/sandbox/cdek.ts'
import { addRussianPost } from '../../src/sandbox/russian-post.ts'

const start = Date.parse('2026-03-01T10:00:00Z')
let now = start
let app: FastifyInstance
let post: ReturnType<typeof addRussianPost>
let cdek: ReturnType<typeof addCdek>
const published: string[] = []

beforeAll(() => {
  app = fastify()
  const options = { publish: (kind: string) => published.push(kind), now: () => now }
  post = addRussianPost(app, options)
  cdek = addCdek(app, options)
})

beforeEach(() => {
  post.reset()
  now = start
})

afterAll(async () => {
  post.close()
  cdek.close()
  await app.close()
})

async function move(barcode: string, status: string, extra: object = {}): Promise<number> {
  const payload = { status, ...extra }
  return (await app.inject({ method: 'POST', url: `/sim/shipments/${barcode}`, payload })).statusCode
}

const history = (barcode: string, login = 'me', language = 'RUS'): string =>
  `<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:oper="http://russianpost.org/operationhistory"
    xmlns:data="http://russianpost.org/operationhistory/data" xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Header/><soap:Body><oper:getOperationHistory><data:OperationHistoryRequest>
    <data:Barcode>${barcode}</data:Barcode><data:MessageType>0</data:MessageType><data:Language>${language}</data:Language>
    </data:OperationHistoryRequest><data:AuthorizationHeader soapenv:mustUnderstand="1"><data:login>${login}</data:login>
    <data:password>secret</data:password></data:AuthorizationHeader></oper:getOperationHistory></soap:Body></soap:Envelope>`

async function ask(payload: string, path = 'rtm34'): Promise<{ status: number; xml: string; type: unknown }> {
  const response = await app.inject({
    method: 'POST',
    url: `/russianpost/${path}`,
    payload,
    headers: { 'content-type': path === 'fc' ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8' },
  })
  return { status: response.statusCode, xml: response.body, type: response.headers['content-type'] }
}

test('a parcel tells its operations, the oldest first', async () => {
  await move('80080812345678', '8:2', { place: 'Казань & край' })
  await move('80080812345678', '1:1', { at: '2026-02-27T10:00:00Z' })
  const { status, xml, type } = await ask(history('80080812345678'))
  expect([status, type]).toEqual([200, 'application/soap+xml; charset=utf-8'])
  const operations = [...xml.matchAll(/<ns3:OperType><ns3:Id>(\d+)<.*?<ns3:OperAttr><ns3:Id>(\d+)</g)]
  expect(operations.map(([, type, attribute]) => `${type}:${attribute}`)).toEqual(['1:1', '8:2'])
  expect(xml).toContain('<ns3:OperDate>2026-03-01T13:00:00.000+03:00</ns3:OperDate>')
  expect(xml).toContain('Казань &amp; край')
  expect(xml).toContain('xmlns:ns7="http://russianpost.org/operationhistory"')
})

test('an unknown parcel has no operations; a wrong barcode, login or language is a fault', async () => {
  expect((await ask(history('RA644000001RU'))).xml).toContain('<ns3:OperationHistoryData></ns3:OperationHistoryData>')
  expect(await ask(history('123'))).toMatchObject({
    status: 500,
    xml: expect.stringContaining('OperationHistoryFault'),
  })
  expect((await ask(history('RA644000001RU', ''))).xml).toContain('AuthorizationFaultReason')
  expect((await ask(history('RA644000001RU', 'me', 'CHI'))).xml).toContain('LanguageFaultReason')
  expect((await ask('not xml')).xml).toContain('OperationHistoryFaultReason')
})

test('a batch is ready after a quarter of an hour and kept for 32 hours', async () => {
  await move('ra644000001ru', '2:1')
  const credentials = '<login>me</login><password>secret</password>'
  const request = `<pos:ticketRequest xmlns:pos="http://fclient.russianpost.org/postserver"><request>
    <fcl:Item Barcode="RA644000001RU"/><fcl:Item Barcode="80080812345678"/></request>${credentials}</pos:ticketRequest>`
  const [, ticket = ''] = /<value>(\d{17}ME)<\/value>/.exec((await ask(request, 'fc')).xml) ?? []
  expect(ticket).toMatch(/^20260301100000000ME$/)
  const collect = async (): Promise<string> =>
    (await ask(`<pos:answerByTicketRequest><ticket>${ticket}</ticket>${credentials}</pos:answerByTicketRequest>`, 'fc'))
      .xml
  now += 15 * 60_000 - 1
  expect(await collect()).toContain('ErrorTypeID="6"')
  now += 1
  const ready = await collect()
  expect(ready).toContain(
    '<ns3:Operation OperTypeID="2" OperCtgID="1" OperName="Вручение" DateOper="01.03.2026 13:00:00"',
  )
  expect(ready).toContain('<ns3:Item Barcode="80080812345678"><ns3:Error ErrorTypeID="12"')
  now += 33 * 3_600_000
  expect(await collect()).toContain('ErrorTypeID="17"')
  expect((await ask('<ticketRequest></ticketRequest>', 'fc')).xml).toContain('ErrorTypeID="3"')
})

test('only barcodes and operations are taken, and the other carrier’s numbers stay its own', async () => {
  expect(await move('12345', '8:2')).toBe(404)
  expect(await move('80080812345678', 'DELIVERED')).toBe(400)
  const token = await app.inject({
    method: 'POST',
    url: '/cdek/v2/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b',
  })
  const authorization = `Bearer ${token.json<{ access_token: string }>().access_token}`
  await app.inject({
    method: 'POST',
    url: '/cdek/v2/orders',
    headers: { authorization },
    payload: {
      number: '80080812345678',
      tariff_code: 136,
      shipment_point: 'MOS441',
      delivery_point: 'KAZ4241',
      recipient: { name: 'Anna', phones: [{ number: '+79000000000' }] },
      packages: [{ weight: 100 }],
    },
  })
  expect(await move('80080812345678', 'DELIVERED')).toBe(200)
  expect(published.at(-1)).toBe('shipment')
})

test('a hostile text is answered soon', async () => {
  const startedAt = performance.now()
  await ask(`<ticketRequest><login>a</login><password>b</password>${'<Item '.repeat(150_000)}`, 'fc')
  await ask(`<getOperationHistory>${'<Barcode '.repeat(100_000)}`)
  expect(performance.now() - startedAt).toBeLessThan(3000)
})
