import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { fetchUrl, isPublicAddress, type FetchLimits, type FetchWays } from '#gateways/fetch-url.ts'
import { selfSigned } from '../support/certificate.ts'

const { key, cert } = selfSigned()
const servers: Server[] = []
afterAll(() => servers.forEach((server) => server.close().closeAllConnections()))

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const https = (answer: RequestListener) => listen(createHttps({ key, cert }, answer))
const http = (answer: RequestListener) => listen(createHttp(answer))

const loopback = [{ address: '127.0.0.1', family: 4 }]
const ways: FetchWays = { ca: cert, isLoopbackAllowed: true, lookup: async () => loopback }

async function get(url: string, limits: FetchLimits = {}, own: FetchWays = {}): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await fetchUrl(url, limits, { ...ways, ...own })) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
/** What it was refused for, or what came when it was not. */
async function refusalOf(url: string, limits?: FetchLimits, own?: FetchWays): Promise<unknown> {
  return get(url, limits, own).catch((error: unknown) => (error as { reason?: unknown }).reason ?? error)
}

test('a feed is fetched over https, the name kept for the certificate and the host, the query sent', async () => {
  let asked: unknown
  const port = await https((request, response) => {
    asked = [request.headers.host, request.url]
    response.end('<yml/>')
  })
  expect(await get(`https://localhost:${port}/feed.yml?key=1`)).toBe('<yml/>')
  expect(asked).toEqual([`localhost:${port}`, '/feed.yml?key=1'])
})

test('a certificate for another name, or of nobody trusted, is no connection', async () => {
  const port = await https((_request, response) => response.end('x'))
  expect(await refusalOf(`https://elsewhere.example:${port}/`)).toBe('no-connection')
  expect(await refusalOf(`https://localhost:${port}/`, {}, { ca: selfSigned().cert })).toBe('no-connection')
})

test('only https is asked, and http by the switch', async () => {
  const port = await http((_request, response) => response.end('plain'))
  const url = `http://localhost:${port}/`
  expect(await refusalOf(url)).toBe('not-https')
  expect(await get(url, { allowHttp: true })).toBe('plain')
  expect(await refusalOf(`https://localhost:${port}/`)).toBe('no-connection')
  for (const other of ['ftp://a.example/', 'file:///etc/passwd', 'gopher://a.example', 'data:text/plain,x']) {
    expect(await refusalOf(other, { allowHttp: true })).toBe('not-https')
  }
})

test.each([
  ['has-password', 'https://shop:secret@a.example/'],
  ['has-password', 'https://shop@a.example/'],
  ['bad-port', 'https://a.example:22/'],
  ['bad-port', 'https://a.example:6379/'],
  ['not-an-address', 'feed.yml'],
  ['not-an-address', 'https://'],
  ['not-an-address', `https://a.example/${'a'.repeat(2000)}`],
])('%s: %s', async (reason, url) => {
  expect(await refusalOf(url)).toBe(reason)
})

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '224.0.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '240.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '::',
  '::1',
  'fe80::1',
  'fc00::1',
  'fec0::1',
  'ff02::1',
  '::ffff:8.8.8.8',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '2002:7f00:1::',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '2001::1',
  '2001:db8::1',
  '100::1',
  'localhost',
  '',
])('%s is not asked', async (address) => {
  expect(isPublicAddress(address)).toBe(false)
  const lookup = async () => [{ address, family: address.includes(':') ? 6 : 4 }]
  expect(await refusalOf('https://a.example/', {}, { lookup, isLoopbackAllowed: false })).toBe('private-address')
})

test('addresses of the public internet may be asked', () => {
  expect(
    ['8.8.8.8', '93.184.215.14', '2606:4700::1111', '2a02:6b8::2:242'].filter((at) => !isPublicAddress(at)),
  ).toEqual([])
})

test.each([
  'https://127.0.0.1/',
  'https://0x7f.1/',
  'https://2130706433/',
  'https://[::1]/',
  'https://[::ffff:7f00:1]/',
])('an address written as %s is checked without a name server', async (url) => {
  const lookup = async () => Promise.reject(new Error('asked'))
  expect(await refusalOf(url, {}, { lookup, isLoopbackAllowed: false })).toBe('private-address')
})

test('one private address among good ones is reason enough', async () => {
  const lookup = async () => [
    { address: '93.184.215.14', family: 4 },
    { address: '10.0.0.7', family: 4 },
  ]
  expect(await refusalOf('https://a.example/', {}, { lookup })).toBe('private-address')
})

test('a name is asked for once, and the connection goes to that answer', async () => {
  let asked = 0
  const port = await https((_request, response) => response.end('mine'))
  const lookup = async () => {
    asked += 1
    return asked === 1 ? loopback : [{ address: '10.0.0.7', family: 4 }]
  }
  expect(await get(`https://localhost:${port}/`, {}, { lookup })).toBe('mine')
  expect(asked).toBe(1)
})

test('a name that nobody knows is refused', async () => {
  expect(await refusalOf('https://a.example/', {}, { lookup: async () => [] })).toBe('unknown-host')
  const lookup = async () => Promise.reject(new Error('ENOTFOUND'))
  expect(await refusalOf('https://a.example/', {}, { lookup })).toBe('unknown-host')
})

test('three redirects are followed and a fourth is not', async () => {
  const port = await https((request, response) => {
    const left = Number(request.url?.slice(1))
    if (left === 0) response.end('there')
    else response.writeHead(302, { location: `/${left - 1}` }).end()
  })
  expect(await get(`https://localhost:${port}/3`)).toBe('there')
  expect(await refusalOf(`https://localhost:${port}/4`)).toBe('too-many-redirects')
})

test('a redirect is checked anew: private addresses, http and passwords are refused there, too', async () => {
  const plain = await http((_request, response) => response.end('secret'))
  const targets = [
    ['https://169.254.169.254/latest/meta-data', 'private-address'],
    ['https://inside.example/', 'private-address'],
    [`http://localhost:${plain}/`, 'not-https'],
    ['https://a:b@localhost/', 'has-password'],
    ['https://localhost:25/', 'bad-port'],
  ] as const
  const port = await https((request, response) => {
    response.writeHead(307, { location: targets[Number(request.url?.slice(1))]?.[0] ?? '' }).end()
  })
  const lookup = async (host: string) => (host === 'localhost' ? loopback : [{ address: '10.0.0.7', family: 4 }])
  for (const [at, [, reason]] of targets.entries()) {
    expect(await refusalOf(`https://localhost:${port}/${at}`, { allowHttp: true }, { lookup })).toBe(reason)
  }
})

test('a slow drip ends when the whole time is up, and a silent one when the pause is too long', async () => {
  const timers: NodeJS.Timeout[] = []
  const dripping = await https((_request, response) => {
    timers.push(setInterval(() => response.write('.'), 10))
  })
  const silent = await https((_request, response) => response.write('.'))
  const mute = await https(() => {})
  expect(await refusalOf(`https://localhost:${dripping}/`, { ms: 120 })).toBe('too-slow')
  expect(await refusalOf(`https://localhost:${silent}/`, { idleMs: 60 })).toBe('too-slow')
  expect(await refusalOf(`https://localhost:${mute}/`, { idleMs: 60 })).toBe('too-slow')
  const lookup = async () => new Promise<never>(() => {})
  expect(await refusalOf('https://a.example/', { ms: 30 }, { lookup })).toBe('too-slow')
  timers.forEach((timer) => clearInterval(timer))
})

test('an endless body is cut off, and one that says its size is not begun', async () => {
  const endless = await https((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
    }
    response.on('drain', more)
    more()
  })
  expect(await refusalOf(`https://localhost:${endless}/`, { bytes: 100_000 })).toBe('too-large')
  const told = await https((_request, response) => response.writeHead(200, { 'content-length': 100_001 }).write('x'))
  expect(await refusalOf(`https://localhost:${told}/`, { bytes: 100_000 })).toBe('too-large')
})

test('what was compressed for the way is opened, and a bomb in it is cut off', async () => {
  const packed = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }
  let size = 1000
  const port = await https((request, response) => {
    const encoding = request.url?.slice(1) as keyof typeof packed
    response.writeHead(200, { 'content-encoding': encoding }).end(packed[encoding](Buffer.alloc(size, 'a')))
  })
  for (const encoding of Object.keys(packed)) {
    size = 1000
    expect(await get(`https://localhost:${port}/${encoding}`)).toBe('a'.repeat(1000))
    size = 3_000_000
    expect(await refusalOf(`https://localhost:${port}/${encoding}`, { bytes: 100_000 })).toBe('too-large')
  }
})

test('another status, an unknown encoding, broken compression and a body that breaks off are told apart', async () => {
  const port = await https((request, response) => {
    if (request.url === '/404') response.writeHead(404).end('no')
    else if (request.url === '/zstd') response.writeHead(200, { 'content-encoding': 'zstd' }).end('x')
    else if (request.url === '/broken') response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip')
    else {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('half', () => response.destroy())
    }
  })
  const at = (path: string) => refusalOf(`https://localhost:${port}/${path}`)
  expect([await at('404'), await at('zstd'), await at('broken'), await at('half')]).toEqual([
    'bad-answer',
    'bad-answer',
    'bad-answer',
    'no-connection',
  ])
})

test('a refusal never tells the address: it may carry a key', async () => {
  const error: unknown = await get('https://127.0.0.1/feed?key=tresor', {}, { isLoopbackAllowed: false }).catch(
    (e: unknown) => e,
  )
  expect(String(error)).not.toContain('tresor')
})
