/** Three languages, one set of sentences: flat JSON, one key per sentence, plural forms as i18next names them. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

type Words = Record<string, unknown>
type Source = { path: string; text: string }

const languages = ['ru', 'en', 'zh'] as const
const root = join(import.meta.dirname, '..')
const folder = join(root, 'locales')

describe('the words', () => {
  test('are in exactly the three languages', () => {
    expect(readdirSync(folder).sort()).toEqual(languages.map((language) => `${language}.json`).sort())
  })

  test('are whole and well-formed in every language', () => {
    expect(check(readWords())).toEqual([])
  })

  test('are all used by chat/, and chat/ uses none that is missing', () => {
    const sources = readdirSync(join(root, 'src', 'chat'))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ path: `src/chat/${name}`, text: readFileSync(join(root, 'src', 'chat', name), 'utf8') }))
    expect(sources.length).toBeGreaterThan(3)
    expect(checkUse(readWords().ru ?? {}, sources)).toEqual([])
  })
})

function readWords(): Record<string, Words> {
  return Object.fromEntries(
    languages.map((language) => {
      const text = readFileSync(join(folder, `${language}.json`), 'utf8')
      // JSON.parse keeps the last of two equal keys without a word.
      const names = [...text.matchAll(/^\s*("(?:[^"\\]|\\.)*")\s*:/gm)].map(([, name]) => name)
      const twice = names.filter((name, at) => names.indexOf(name) !== at)
      expect(twice, `keys written twice in ${language}.json`).toEqual([])
      return [language, JSON.parse(text) as Words]
    }),
  )
}

const pluralSuffix = /_(zero|one|two|few|many|other)$/

/** @returns one sentence for each fault, with language and key. */
function check(words: Record<string, Words>): string[] {
  const names = Object.keys(words)
  const bases = [...new Set(names.flatMap((language) => Object.keys(words[language] ?? {}).map(baseOf)))]
  const problems = names.flatMap((language) =>
    Object.entries(words[language] ?? {}).flatMap(([key, value]) =>
      checkValue(value).map((fault) => `${language}: ${key} ${fault}`),
    ),
  )
  for (const base of bases) {
    const forms = Object.fromEntries(names.map((language) => [language, formsOf(words[language] ?? {}, base)]))
    const isPlural = Object.values(forms).some((form) => [...form.keys()].some((category) => category !== ''))
    const wanted = new Set(names.flatMap((language) => [...(forms[language]?.values() ?? [])].flatMap(placeholdersOf)))
    for (const [language, form] of Object.entries(forms)) {
      const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories as string[]
      const expected = isPlural ? categories : ['']
      const suffix = (category: string) => (category === '' ? base : `${base}_${category}`)
      for (const category of expected)
        if (!form.has(category)) problems.push(`${language}: ${suffix(category)} is missing`)
      for (const category of form.keys())
        if (!expected.includes(category))
          problems.push(`${language}: ${suffix(category)} is a form that this key has not in this language`)
      for (const [category, value] of form) {
        const has = placeholdersOf(value)
        const optional = isOneNumber(language, category) ? ['count'] : []
        const lost = [...wanted].filter((name) => !has.includes(name) && !optional.includes(name))
        for (const name of lost) problems.push(`${language}: ${suffix(category)} leaves out {{${name}}}`)
      }
    }
  }
  return problems
}

function checkValue(value: unknown): string[] {
  if (typeof value !== 'string') return ['is not a string: locale files are flat']
  const problems: string[] = []
  if (value.trim() === '') problems.push('is empty')
  const open: string[] = []
  for (const [tag] of value.matchAll(/<[^>]*>?/g)) {
    const [, slash, name = ''] = /^<(\/?)([bis])>$/.exec(tag) ?? []
    if (slash === undefined) problems.push(`has ${tag}: only <b>, <i> and <s> are known`)
    else if (slash === '') open.push(name)
    else if (open.pop() !== name) problems.push(`closes ${tag} where it is not open`)
  }
  for (const name of open) problems.push(`never closes <${name}>`)
  const braces = value.replaceAll(/\{\{\w+\}\}/g, '')
  if (/[{}]/.test(braces)) problems.push('has a brace that is no {{placeholder}}')
  return problems
}

/** Says nothing of languages: the keys are the same in all of them by then. */
function checkUse(words: Words, sources: Source[]): string[] {
  const code = sources.map(({ text }) => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')).join('\n')
  const quoted = new Set([...code.matchAll(/(['"`])([\w.-]+)\1/g)].map(([, , text = '']) => text))
  // `order.state.${state}`: every key that fits is used.
  const patterns = [...code.matchAll(/`([\w.-]*(?:\$\{[^`}]*\}[\w.-]*)+)`/g)]
    .map(([, text = '']) => text)
    .filter((text) => /^[\w-]+\./.test(text))
    .map((text) => new RegExp(`^${text.replaceAll('.', '\\.').replaceAll(/\$\{[^}]*\}/g, '[\\w.-]+')}$`))
  const bases = new Set(Object.keys(words).map(baseOf))
  const unused = [...bases].filter((base) => !quoted.has(base) && !patterns.some((pattern) => pattern.test(base)))
  const asked = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/\b(?:key:|t\(|say\()\s*'([\w.-]+)'/g)].map(([, key = '']) => ({ path, key })),
  )
  return [
    ...unused.map((base) => `${base} is in no file of src/chat/: use it or delete it`),
    ...asked.filter(({ key }) => !bases.has(key)).map(({ path, key }) => `${path} asks for ${key}, which has no words`),
  ]
}

function baseOf(key: string): string {
  return key.replace(pluralSuffix, '')
}

/** Category → words; the category of a key without plural forms is empty. */
function formsOf(words: Words, base: string): Map<string, string> {
  const found = Object.entries(words).filter(([key]) => baseOf(key) === base)
  return new Map(found.map(([key, value]) => [pluralSuffix.exec(key)?.[1] ?? '', String(value)]))
}

function placeholdersOf(text: string): string[] {
  return [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)
}

/** English "one" is 1 and nothing else, so that "one more" needs no figure; Russian "one" is also 21. */
function isOneNumber(language: string, category: string): boolean {
  return (numbersByCategory[language]?.[category] ?? 0) === 1
}

const numbersByCategory = Object.fromEntries(
  languages.map((language) => {
    const rules = new Intl.PluralRules(language)
    const counts: Record<string, number> = {}
    for (let number = 0; number < 1_000; number++)
      counts[rules.select(number)] = (counts[rules.select(number)] ?? 0) + 1
    return [language, counts]
  }),
)

describe('the check can fail:', () => {
  const whole = {
    ru: {
      a: '<b>{{x}}</b>',
      n_one: '{{count}} раз',
      n_few: '{{count}} раза',
      n_many: '{{count}} раз',
      n_other: '{{count}}',
    },
    en: { a: '<b>{{x}}</b>', n_one: 'once', n_other: '{{count}} times' },
    zh: { a: '<b>{{x}}</b>', n_other: '{{count}} 次' },
  }
  const withEn = (words: Words) => ({ ...whole, en: { ...whole.en, ...words } })

  test('words that are whole pass', () => {
    expect(check(whole)).toEqual([])
  })

  test.each<[fault: string, words: Record<string, Words>, problems: string[]]>([
    ['a key in one language only', withEn({ b: 'x' }), ['ru: b is missing', 'zh: b is missing']],
    [
      'a plural form that the language has not',
      withEn({ n_few: '{{count}}' }),
      ['en: n_few is a form that this key has not in this language'],
    ],
    ['a missing plural form', { ...whole, zh: { a: whole.zh.a } }, ['zh: n_other is missing']],
    [
      'a plain key beside its plural forms',
      withEn({ n: '{{count}}' }),
      ['en: n is a form that this key has not in this language'],
    ],
    ['a lost placeholder', withEn({ a: '<b>x</b>' }), ['en: a leaves out {{x}}']],
    [
      'a figure left out where the form is of many numbers',
      { ...whole, ru: { ...whole.ru, n_one: 'раз' } },
      ['ru: n_one leaves out {{count}}'],
    ],
    [
      'another placeholder',
      withEn({ a: '{{y}}' }),
      ['ru: a leaves out {{y}}', 'en: a leaves out {{x}}', 'zh: a leaves out {{y}}'],
    ],
    [
      'an unknown tag',
      withEn({ a: '<u>{{x}}</u>' }),
      ['en: a has <u>: only <b>, <i> and <s> are known', 'en: a has </u>: only <b>, <i> and <s> are known'],
    ],
    ['a tag left open', withEn({ a: '<b>{{x}}' }), ['en: a never closes <b>']],
    [
      'crossed tags',
      withEn({ a: '<b><i>{{x}}</b></i>' }),
      ['en: a closes </b> where it is not open', 'en: a closes </i> where it is not open'],
    ],
    ['a stray <', withEn({ a: '{{x}} < 3' }), ['en: a has < 3: only <b>, <i> and <s> are known']],
    ['a broken placeholder', withEn({ a: '{{x}} {y}' }), ['en: a has a brace that is no {{placeholder}}']],
    ['an empty value', withEn({ n_one: ' ' }), ['en: n_one is empty']],
    [
      'a nested value',
      withEn({ a: { b: '{{x}}' } }),
      ['en: a is not a string: locale files are flat', 'en: a leaves out {{x}}'],
    ],
  ])('%s', (_, words, problems) => {
    expect(check(words)).toEqual(problems)
  })

  test('unused and missing keys', () => {
    const text =
      "// 'home.gone'\nconst lines = [{ key: 'home.title' }, { key: 'home.lost' }, { key: `state.${state}` }]\nsay('home.none', reader)"
    expect(
      checkUse({ 'home.title': '', 'home.gone': '', 'state.open': '', n_one: '' }, [
        { path: 'src/chat/home.ts', text },
      ]),
    ).toEqual([
      'home.gone is in no file of src/chat/: use it or delete it',
      'n is in no file of src/chat/: use it or delete it',
      'src/chat/home.ts asks for home.lost, which has no words',
      'src/chat/home.ts asks for home.none, which has no words',
    ])
  })
})
